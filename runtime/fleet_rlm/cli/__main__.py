"""``python -m fleet_rlm.cli`` is the command, for where no script is installed."""

from fleet_rlm.cli import main

main()
