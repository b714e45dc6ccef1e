"""The tree of commands."""

from __future__ import annotations

import click

from fleet_rlm import __version__
from fleet_rlm.cli.check import signature, subcall
from fleet_rlm.cli.manage import check_secret, check_secret_key, describe, doctor, init
from fleet_rlm.cli.run import run_command
from fleet_rlm.cli.serve import mcp
from fleet_rlm.cli.session import session
from fleet_rlm.runners import RUNNERS

__all__ = ["app"]

_EPILOG = """\b
Exit codes: 0 done, 1 failed, 2 usage, 3 a bug (its log is named),
4 configuration, 5 documents, 6 sandbox, 7 model, 8 out of time,
9 session, 129 hung up, 130 interrupted, 141 no reader, 143 terminated."""


@click.group(
    epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="fleet-rlm")
def app() -> None:
    """Work on documents far larger than a context window.

    A model writes code that looks at the documents in a confined sandbox; only small pieces go to
    sub-models (Recursive Language Models, arXiv 2512.24601).

    Try `fleet-rlm doctor --self-test`: it needs no key and no account.
    """


for _runner in RUNNERS.values():
    app.add_command(run_command(_runner))
for _command in (check_secret, check_secret_key, describe, doctor, init, mcp, session, signature, subcall):
    app.add_command(_command)
