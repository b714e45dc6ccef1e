"""The commands that change an install: install, upgrade, uninstall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fleet_rlm_scaffold.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from fleet_rlm_scaffold.assets import Hooks, Scope
    from fleet_rlm_scaffold.plan import Policy
    from fleet_rlm_scaffold.service import Flags, Prepared

__all__ = ["install", "uninstall", "upgrade"]

_keep = click.option(
    "--keep",
    "keep",
    multiple=True,
    metavar="PATH",
    help="Keep your version of this path and stop asking; may be given several times.",
)
_restore = click.option("--restore", is_flag=True, help="Create again what you deleted.")
_no_self_test = click.option(
    "--no-self-test", is_flag=True, help="Do not let the runtime prove itself at the end (about ten seconds)."
)


@click.command(short_help="Put everything where Claude Code reads it.")
@click.option("--list", "list_only", is_flag=True, help="List what would be installed, and stop.")
@options.places
@options.selection
@options.force
@_restore
@_keep
@options.dry_run
@options.choices
@_no_self_test
@options.as_json
def install(
    *,
    list_only: bool,
    scope: Scope | None,
    target: Path | None,
    force: bool,
    restore: bool,
    keep: tuple[str, ...],
    dry_run: bool,
    hooks: Hooks | None,
    threshold: int | None,
    allow_mcp: bool | None,
    templates: Path | None,
    runtime: str | None,
    no_self_test: bool,
    as_json: bool,
    **groups: bool,
) -> int:
    """Put skills, agents, team and hooks where Claude Code reads them.

    Files that you made or edited are never overwritten without --force, and then backed up first. Running it
    again changes nothing that is as it should be, and repairs what is not.
    """
    from fleet_rlm_scaffold import service  # noqa: PLC0415 - help needs none of it
    from fleet_rlm_scaffold.cli import look  # noqa: PLC0415
    from fleet_rlm_scaffold.plan import Policy  # noqa: PLC0415

    selected = options.selected(groups)
    if list_only:
        return look.print_assets(templates, selected, scope or "user", hooks or "plugin", as_json=as_json)
    flags = service.Flags("install", scope, target, templates, runtime, hooks, threshold, selected, allow_mcp)
    prepared = service.prepare(flags)
    notes = service.neighbours(prepared, force=force)
    policy = Policy(force=force, restore=restore, keep=frozenset(keep))
    return _change(flags, prepared, policy, notes, dry_run=dry_run, prove=not no_self_test, as_json=as_json)


@click.command(short_help="Bring an install to this version.")
@options.places
@options.force
@_restore
@_keep
@options.dry_run
@options.choices
@_no_self_test
@options.as_json
def upgrade(
    *,
    scope: Scope | None,
    target: Path | None,
    force: bool,
    restore: bool,
    keep: tuple[str, ...],
    dry_run: bool,
    hooks: Hooks | None,
    threshold: int | None,
    allow_mcp: bool | None,
    templates: Path | None,
    runtime: str | None,
    no_self_test: bool,
    as_json: bool,
) -> int:
    """Bring what is installed to this version; your edits are merged with the new versions."""
    from fleet_rlm_scaffold import service  # noqa: PLC0415 - help needs none of it
    from fleet_rlm_scaffold.plan import Policy  # noqa: PLC0415

    flags = service.Flags("upgrade", scope, target, templates, runtime, hooks, threshold, allow_mcp=allow_mcp)
    prepared = service.prepare(flags)
    policy = Policy(force=force, restore=restore, keep=frozenset(keep))
    return _change(flags, prepared, policy, [], dry_run=dry_run, prove=not no_self_test, as_json=as_json)


@click.command(short_help="Remove what was installed.")
@options.places
@options.force
@options.dry_run
@options.as_json
def uninstall(*, scope: Scope | None, target: Path | None, force: bool, dry_run: bool, as_json: bool) -> int:
    """Remove what was installed; files that you edited stay, unless --force (after a backup)."""
    from fleet_rlm_scaffold import service  # noqa: PLC0415 - help needs none of it
    from fleet_rlm_scaffold.plan import Policy  # noqa: PLC0415

    flags = service.Flags("uninstall", scope, target)
    prepared = service.uninstall(flags)
    policy = Policy(force=force, uninstall=True)
    return _change(flags, prepared, policy, [], dry_run=dry_run, prove=False, as_json=as_json)


def _change(
    flags: Flags,
    prepared: Prepared,
    policy: Policy,
    notes: list[str],
    *,
    dry_run: bool,
    prove: bool,
    as_json: bool,
) -> int:
    from fleet_rlm_scaffold import permission, report  # noqa: PLC0415 - help needs none of it
    from fleet_rlm_scaffold.cli import show  # noqa: PLC0415
    from fleet_rlm_scaffold.paths import told  # noqa: PLC0415

    command = f"fleet-rlm-scaffold {flags.command}"
    unknown = sorted(
        policy.keep - {*prepared.wanted.files, *(prepared.manifest.files if prepared.manifest else ())}
    )
    if unknown:
        raise click.UsageError(f"--keep names paths that are not ours: {', '.join(map(told, unknown))}.")
    outcome = prepared.run(policy, write=not dry_run, command=command, say=show.say)
    found = report.items(outcome, show.options_of(flags))
    prove = prove and not dry_run and not outcome.aborted and (flags.command == "install" or outcome.written)
    if outcome.written or dry_run:
        notes = [*notes, *permission.remarks(prepared.wanted, show.options_of(flags))]
    if not as_json:
        show.print_report(outcome, found, options=show.options_of(flags), dry_run=dry_run)
        for note in notes:
            click.echo(f"Note: {note}")
    proof, passed = _prove(prepared, as_json=as_json) if prove else (None, True)
    code = int(outcome.needs_you or outcome.aborted or not passed)
    if as_json:
        data = report.as_data(
            outcome, found, command=flags.command, scope=prepared.scope, dry_run=dry_run, notes=notes
        )
        show.print_json({**data, "self_test": proof, "exit_code": code})
    return code


def _prove(prepared: Prepared, *, as_json: bool) -> tuple[dict[str, Any] | None, bool]:
    """Let the runtime run a real RLM once; return what to report, and whether it passed."""
    from fleet_rlm_scaffold import runtime  # noqa: PLC0415 - help needs none of it

    if prepared.invocation is None:
        return None, True
    if not as_json:
        click.echo("\nNow the runtime proves itself (skip this with --no-self-test).")
    proof = runtime.self_test(prepared.invocation, live=not as_json)
    if not as_json and not proof.passed:
        click.echo(
            f"failed  `{proof.command}`  {proof.output or 'see above'}  see: fleet-rlm doctor".replace(
                "\n", " "
            )
        )
    return {"command": proof.command, "passed": proof.passed, "output": proof.output}, proof.passed
