"""The index of a template set: which assets there are, and where each goes in each scope.

``assets.yaml`` at the root of a template set::

    schema: 1
    kinds:                              # what is said once for all assets of a kind
      skill:
        group: skills                   # the flag that selects it: skills, agents, teams, hooks
        source: skills/{name}           # in the template set: a file, or a folder whose files are all taken
        user: skills/{name}             # where it goes in each scope; one that is not named does not get it
        project: skills/{name}
        plugin: skills/{name}
    assets:
      - {kind: skill, name: rlm, summary: When to use a recursive language model, and how}
      - kind: hook                      # an asset may say any field of its kind differently
        name: dispatcher
        source: hooks/dispatch.py.j2
        user: "{hooks}/hooks/dispatch.py"
        executable: true
      - kind: hook
        name: events
        source: hooks/hooks.json.j2
        user: "{hooks}/hooks/hooks.json"
        settings: true                  # with `--hooks settings` it is merged into settings.json instead
      - kind: plugin
        name: manifest
        hooks: plugin                   # only with `--hooks plugin` (or: settings)
        ...

``{name}`` is the asset's name; ``{hooks}`` is the folder that hooks travel in (``skills/fleet-rlm`` with
``--hooks plugin``, ``fleet-rlm`` with ``--hooks settings``, the root in the plugin scope). A source file
whose name ends in ``.j2`` is rendered and loses that ending; any other is taken as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from fleet_rlm_scaffold.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GROUPS", "Asset", "Hooks", "Scope", "hooks_folder", "load_index", "template_folder"]

GROUPS = ("skills", "agents", "teams", "hooks")
"""What the flags of ``install`` select by."""

Scope = Literal["user", "project", "plugin"]
Hooks = Literal["plugin", "settings"]

_SCOPES: tuple[Scope, ...] = ("user", "project", "plugin")
_SCHEMA = 1
_FIELDS = frozenset({"group", "source", "executable", "settings", "hooks", "summary", *_SCOPES})
_INDEX = "assets.yaml"


@dataclass(frozen=True)
class Asset:
    """One skill, agent, team, rule, hook or plugin part.

    Attributes:
        kind: what it is.
        name: unique within its kind.
        group: the flag that selects it, one of ``GROUPS``.
        source: a file or a folder, relative to the template set.
        places: scope -> where it goes, with ``{hooks}`` still in it.
        executable: whether its files are programs.
        settings: whether it is merged into the settings file with ``--hooks settings``.
        hooks: the only way of carrying hooks that it belongs to, or None for both.
        summary: one line for a reader.
    """

    kind: str
    name: str
    group: str
    source: str
    places: Mapping[str, str]
    executable: bool = False
    settings: bool = False
    hooks: Hooks | None = None
    summary: str = ""

    @property
    def key(self) -> str:
        """How the manifest names it."""
        return f"{self.kind}/{self.name}"

    def place(self, scope: Scope, hooks: Hooks) -> str | None:
        """Return where it goes, or None if it has no place there."""
        if self.hooks not in {None, hooks} or scope not in self.places:
            return None
        folder = hooks_folder(scope, hooks)
        filled = self.places[scope].replace("{hooks}/", f"{folder}/" if folder else "")
        return filled.replace("{name}", self.name)


def hooks_folder(scope: Scope, hooks: Hooks) -> str:
    """Return the folder, relative to the target, that hooks travel in; empty for the target itself."""
    if scope == "plugin":
        return ""
    return "skills/fleet-rlm" if hooks == "plugin" else "fleet-rlm"


def template_folder(chosen: Path | None = None) -> Path:
    """Return the template set: the chosen one, else the wheel's, else the checkout's.

    Raises:
        TemplateError: if there is none.
    """
    here = Path(__file__).resolve().parent
    candidates = [chosen] if chosen else [here / "templates", here.parents[1] / "templates"]
    for folder in candidates:
        if (folder / _INDEX).is_file():
            return folder
    raise TemplateError(
        f"No template set in {' or '.join(map(str, candidates))}: {_INDEX} is not there.",
        remedy="Reinstall fleet-rlm-scaffold, or name a template set with --templates.",
    )


def load_index(folder: Path) -> tuple[Asset, ...]:
    """Return the assets of a template set, in the order of its index.

    Raises:
        TemplateError: naming the entry and what is wrong with it.
    """
    try:
        raw = yaml.safe_load((folder / _INDEX).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TemplateError(f"{folder / _INDEX} cannot be read: {error}.") from error
    if not isinstance(raw, dict) or raw.get("schema") != _SCHEMA:
        raise TemplateError(f"{folder / _INDEX} is not an index of schema {_SCHEMA}.")
    kinds = raw.get("kinds") or {}
    assets = tuple(_asset(entry, kinds) for entry in raw.get("assets") or ())
    keys = [asset.key for asset in assets]
    for key in keys:
        if keys.count(key) > 1:
            raise TemplateError(f"The index names {key} twice.")
    return assets


def _asset(entry: Any, kinds: Mapping[str, Any]) -> Asset:
    if not isinstance(entry, dict) or not {"kind", "name"} <= set(entry):
        raise TemplateError(f"An asset needs a kind and a name; the index has {entry!r}.")
    kind, name = str(entry["kind"]), str(entry["name"])
    fields = {**(kinds.get(kind) or {}), **{key: entry[key] for key in entry if key not in {"kind", "name"}}}
    unknown = sorted(set(fields) - _FIELDS)
    if unknown:
        raise TemplateError(f"{kind}/{name} in the index has unknown fields: {', '.join(unknown)}.")
    if fields.get("group") not in GROUPS or not fields.get("source"):
        raise TemplateError(
            f"{kind}/{name} in the index needs a source and a group out of {', '.join(GROUPS)}."
        )
    if fields.get("hooks") not in {None, "plugin", "settings"}:
        raise TemplateError(f"{kind}/{name} in the index: hooks is plugin or settings.")
    return Asset(
        kind,
        name,
        fields["group"],
        str(fields["source"]).replace("{name}", name),
        {scope: str(fields[scope]) for scope in _SCOPES if fields.get(scope)},
        executable=bool(fields.get("executable")),
        settings=bool(fields.get("settings")),
        hooks=fields.get("hooks"),
        summary=str(fields.get("summary", "")),
    )
