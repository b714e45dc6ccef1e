"""Entry point of the driver: ``python -I -S .../fleet_rlm/driver/__main__.py OPTIONS`` with JSON options.

Options (all optional): ``fd``, the socket that carries frames (absent: stdin and stdout); ``heartbeat``,
seconds of silence after which the driver ends by itself; ``policy``, what ``lockdown`` applies;
``probe``, the canaries that it tries to reach; ``search_path``, folders appended to ``sys.path``;
``tmp``, the working folder; ``volume``, the folder that code knows as ``/data``.
"""

import os
import sys
import types


def main() -> None:
    """Make ``fleet_rlm`` importable without its host half, then run the supervisor."""
    package = types.ModuleType("fleet_rlm")
    package.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    sys.modules["fleet_rlm"] = package
    from fleet_rlm.driver.supervisor import Supervisor
    from fleet_rlm.values.compact_json import loads

    Supervisor(loads(sys.argv[1])).run()


main()
