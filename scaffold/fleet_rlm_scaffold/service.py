"""From a user's flags to what is wanted, and the commands' one way to the engine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleet_rlm_scaffold import assets as index
from fleet_rlm_scaffold import engine, permission, runtime
from fleet_rlm_scaffold.context import DEFAULT_THRESHOLD, Choices, context
from fleet_rlm_scaffold.errors import PluginPresentError, ScaffoldError, UsageError
from fleet_rlm_scaffold.plugins import find_plugin
from fleet_rlm_scaffold.render import render
from fleet_rlm_scaffold.settings import entries_of
from fleet_rlm_scaffold.target import config_folder, current_folder, target_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fleet_rlm_scaffold.assets import Hooks, Scope
    from fleet_rlm_scaffold.manifest import Manifest
    from fleet_rlm_scaffold.plan import Policy
    from fleet_rlm_scaffold.render import Output as Rendered

__all__ = ["Flags", "Prepared", "neighbours", "prepare", "render_scope", "uninstall"]


@dataclass(frozen=True)
class Flags:
    """What a user said on the command line; None where nothing was said.

    Attributes:
        command: the command's name.
        scope: ``user`` or ``project``.
        target: the folder to install into.
        templates: the template set.
        runtime: how the runtime is started.
        hooks: how hooks are carried.
        threshold: bytes above which a file is large.
        groups: the groups that are acted on; None for all (install) or those installed (other commands).
        allow_mcp: whether the tools of the MCP server may be used without asking.
    """

    command: str
    scope: Scope | None = None
    target: Path | None = None
    templates: Path | None = None
    runtime: str | None = None
    hooks: Hooks | None = None
    threshold: int | None = None
    groups: frozenset[str] | None = None
    allow_mcp: bool | None = None


@dataclass(frozen=True)
class Prepared:
    """A command ready to run.

    Attributes:
        target: the folder.
        scope: ``user`` or ``project``.
        wanted: what is to be there.
        manifest: the record of the install that is there, if any.
        invocation: how the runtime is started; None for an uninstall, which does not need it.
    """

    target: Path
    scope: Scope
    wanted: engine.Wanted
    manifest: Manifest | None
    invocation: runtime.Invocation | None

    def run(self, policy: Policy, *, write: bool, command: str, say: Callable[[str], None]) -> engine.Outcome:
        """Plan, and with ``write`` do it."""
        return engine.run(self.target, self.wanted, policy, write=write, command=command, say=say)


def prepare(flags: Flags) -> Prepared:
    """Return what ``flags`` ask for, rendered for the runtime that is there.

    Raises:
        ScaffoldError: of the kind that says what is wrong; nothing has been written.
    """
    target, scope, manifest = _place(flags)
    recorded = Choices.of(manifest.context) if manifest else None
    if recorded is None and flags.command == "upgrade":
        raise UsageError(
            f"Nothing of fleet-rlm is installed in {target}.", remedy="Run `fleet-rlm-scaffold install`."
        )
    acting = flags.groups or (
        recorded.groups if recorded and flags.command != "install" else frozenset(index.GROUPS)
    )
    choices = _choices(flags, recorded, acting)
    if flags.allow_mcp:
        permission.check_request(acting, choices)
    folder = index.template_folder(flags.templates)
    assets = index.load_index(folder)
    invocation = runtime.find(choices.runtime)
    used = tuple(asset for asset in assets if asset.group in acting)
    values = _values(runtime.describe(invocation), invocation.text, choices, scope, target)
    output = render(folder, used, values, scope, choices.hooks)
    wanted = engine.Wanted(
        scope,
        choices,
        output.files,
        {**entries_of(output.settings), **permission.rules(choices)} if "hooks" in acting else None,
        _acts_on({asset.kind: asset.group for asset in assets}, acting, choices.groups),
        again=bool(flags.allow_mcp),
    )
    return Prepared(target, scope, wanted, manifest, invocation)


def uninstall(flags: Flags) -> Prepared:
    """Return what an uninstall needs: the record only, no templates and no runtime."""
    target, scope, manifest = _place(flags)
    return Prepared(target, scope, engine.Wanted(scope, None, {}, {}, lambda _asset: True), manifest, None)


def render_scope(flags: Flags, scope: Scope) -> Rendered:
    """Return everything as it is rendered in ``scope``.

    In the plugin scope the runtime is shown as ``fleet-rlm``: the client puts the plugin's ``bin/`` on PATH.
    """
    folder = index.template_folder(flags.templates)
    target = None if scope == "plugin" else target_folder(flags.target, scope, os.environ)
    choices = _choices(flags, None, frozenset(index.GROUPS))
    invocation = runtime.find(choices.runtime)
    command = runtime.COMMAND if scope == "plugin" else invocation.text
    values = _values(runtime.describe(invocation), command, choices, scope, target)
    return render(folder, index.load_index(folder), values, scope, choices.hooks)


def neighbours(prepared: Prepared, *, force: bool) -> list[str]:
    """Return what to say about the same assets in another place.

    Raises:
        PluginPresentError: if the client has them as a plugin, unless ``force``.
    """
    try:
        config = config_folder(os.environ)
    except ScaffoldError:
        config = prepared.target
    notes = []
    for folder in dict.fromkeys((config, prepared.target)):
        plugin = find_plugin(folder, current_folder())
        if plugin and not force:
            raise PluginPresentError(
                f"Claude Code has fleet-rlm already, as the plugin {plugin.id} {plugin.version}".rstrip()
                + ".",
                remedy=f"Keep that, or run `claude plugin uninstall {plugin.id}` first; "
                "--force installs both, and everything is offered twice.",
            )
        if plugin:
            notes.append(f"The plugin {plugin.id} is installed as well: its skills are offered twice.")
    if prepared.scope == "project" and config != prepared.target and _installed(config):
        notes.append(f"fleet-rlm is installed in {config} as well: hooks speak twice in this project.")
    return notes


def _installed(target: Path) -> bool:
    try:
        return engine.read_manifest(target) is not None
    except ScaffoldError:
        return False


def _place(flags: Flags) -> tuple[Path, Scope, Manifest | None]:
    target = target_folder(flags.target, flags.scope or "user", os.environ)
    manifest = engine.read_manifest(target)
    scope: Scope = flags.scope or ("project" if manifest and manifest.scope == "project" else "user")
    if manifest and manifest.scope != scope:
        raise UsageError(
            f"{target} holds an install of the {manifest.scope} scope.",
            remedy=f"Say --scope {manifest.scope}, or uninstall it first.",
        )
    return target, scope, manifest


def _choices(flags: Flags, recorded: Choices | None, acting: frozenset[str]) -> Choices:
    old = recorded or Choices(frozenset())
    return Choices(
        groups=old.groups | acting,
        hooks=flags.hooks or old.hooks,
        threshold=flags.threshold or old.threshold or DEFAULT_THRESHOLD,
        runtime=flags.runtime or old.runtime,
        allow_mcp=old.allow_mcp if flags.allow_mcp is None else flags.allow_mcp,
    )


def _values(
    facts: Mapping[str, Any], command: str, choices: Choices, scope: Scope, target: Path | None
) -> dict[str, Any]:
    return context(
        facts, command=command, scope=scope, hooks=choices.hooks, threshold=choices.threshold, target=target
    )


def _acts_on(
    kinds: Mapping[str, str], acting: frozenset[str], installed: frozenset[str]
) -> Callable[[str], bool]:
    """Return whether an asset is acted on; one of a kind that is no longer known only when all are."""

    def acts_on(asset: str) -> bool:
        group = kinds.get(asset.partition("/")[0])
        return installed <= acting if group is None else group in acting

    return acts_on
