"""What ``doctor`` checks: that an install can work, and that assets will have an effect in the client."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from fleet_rlm_scaffold import engine, lint, runtime, service
from fleet_rlm_scaffold.errors import ScaffoldError
from fleet_rlm_scaffold.plan import Policy
from fleet_rlm_scaffold.plugins import find_plugin
from fleet_rlm_scaffold.target import config_folder, current_folder, target_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fleet_rlm_scaffold.assets import Scope

__all__ = ["Check", "asset_checks", "install_checks"]


@dataclass(frozen=True)
class Check:
    """One finding: its level, what was checked, and what was found with what to do."""

    level: Literal["ok", "warning", "error"]
    name: str
    message: str

    def as_data(self) -> dict[str, str]:
        """Return it as JSON data."""
        return asdict(self)


def install_checks(flags: service.Flags) -> list[Check]:
    """Return the state of everything that an install depends on, each checked by using it."""
    return [_git(), *_runtime(flags), *_installed(flags), *_plugin()]


def asset_checks(folder: Path | None, flags: service.Flags) -> list[Check]:
    """Lint the assets in ``folder``, or ours as they are rendered in every scope.

    Raises:
        ScaffoldError: if the folder is not there, or ours cannot be rendered.
    """
    if folder is not None:
        return _linted(lint.lint(lint.read_folder(folder)), "assets")
    scopes: tuple[Scope, ...] = ("plugin", "user", "project")
    found = []
    for scope in scopes:
        rendered = service.render_scope(flags, scope)
        files = {path: file.data for path, file in rendered.files.items()}
        found += _linted(lint.lint(files, plugin=scope == "plugin"), scope)
    return found


def _linted(findings: list[lint.Finding], name: str) -> list[Check]:
    if not findings:
        return [Check("ok", name, "nothing to complain about")]
    return [Check(finding.level, name, f"{finding.path}: {finding.message}") for finding in findings]


def _git() -> Check:
    git = shutil.which("git")
    if git:
        return Check("ok", "git", f"{git} merges your edits with new versions")
    return Check(
        "warning", "git", "not on PATH: an edited file that also changes upstream is left for you to merge"
    )


def _runtime(flags: service.Flags) -> Iterator[Check]:
    try:
        invocation = runtime.find(flags.runtime)
        facts = runtime.describe(invocation)
    except ScaffoldError as error:
        yield Check("error", "runtime", str(error))
    else:
        yield Check("ok", "runtime", f"`{invocation.text}` answers, version {facts['version']}")


def _installed(flags: service.Flags) -> Iterator[Check]:
    try:
        target = target_folder(flags.target, flags.scope or "user", os.environ)
        if engine.read_manifest(target) is None:
            yield Check("warning", "install", f"nothing in {target}; run `fleet-rlm-scaffold install`")
            return
        outcome = service.prepare(flags).run(Policy(), write=False, command="", say=lambda _text: None)
    except ScaffoldError as error:
        yield Check("error", "install", str(error))
        return
    needs = sum(decision.needs_you for decision in outcome.decisions) + (outcome.settings.refused is not None)
    if needs:
        yield Check(
            "error", "install", f"{needs} paths in {target} need you; see `fleet-rlm-scaffold status`"
        )
    elif outcome.pending:
        yield Check("warning", "install", f"{target} is not this version's; run `fleet-rlm-scaffold upgrade`")
    else:
        yield Check("ok", "install", f"{len(outcome.decisions)} files in {target} are as they should be")


def _plugin() -> Iterator[Check]:
    try:
        config = config_folder(os.environ)
        plugin, both = find_plugin(config, current_folder()), engine.read_manifest(config) is not None
    except ScaffoldError:
        return
    if plugin and both:
        yield Check(
            "error",
            "plugin",
            f"installed twice: as the plugin {plugin.id} and in {config}. Run `fleet-rlm-scaffold uninstall` "
            f"or `claude plugin uninstall {plugin.id}`",
        )
    elif plugin:
        yield Check("ok", "plugin", f"installed as the plugin {plugin.id} {plugin.version}")
