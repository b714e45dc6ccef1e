"""The assets, rendered as the installer renders them."""

from __future__ import annotations

import functools
from pathlib import Path

import yaml

from fleet_rlm import describe
from fleet_rlm_scaffold import assets, context, render

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
SCOPES = ("user", "plugin")


@functools.cache
def facts():
    """What the runtime says of itself."""
    return describe()


@functools.cache
def rendered(scope, command="fleet-rlm"):
    """Path to file, of every asset in a scope."""
    index = assets.load_index(TEMPLATES)
    target = None if scope == "plugin" else Path("/nowhere/.claude")
    given = context.context(
        facts(),
        command=command,
        scope=scope,
        hooks="plugin",
        threshold=context.DEFAULT_THRESHOLD,
        target=target,
    )
    return render.render(TEMPLATES, index, given, scope).files


def text(scope, path, command="fleet-rlm"):
    """The text of one asset."""
    return rendered(scope, command)[path].data.decode()


def parsed(scope, path):
    """The front matter and the body of one asset."""
    _, front, body = text(scope, path).split("---\n", 2)
    return yaml.safe_load(front), body


def paths(scope, pattern):
    """The paths that match a pattern, sorted."""
    return sorted(path for path in rendered(scope) if Path(path).match(pattern))


def write(scope, folder, command="fleet-rlm"):
    """Write the assets of a scope into a folder, as an install leaves them."""
    for path, file in rendered(scope, command).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.data)
        place.chmod(0o755 if file.executable else 0o644)
    return folder
