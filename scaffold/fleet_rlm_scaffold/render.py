"""Templates to files: pure, so that the same template set, context and scope give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jinja2

from fleet_rlm_scaffold.errors import TemplateError
from fleet_rlm_scaffold.model import Rendered
from fleet_rlm_scaffold.paths import check_path, check_paths
from fleet_rlm_scaffold.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fleet_rlm_scaffold.assets import Asset, Hooks, Scope

__all__ = ["DELIMITERS", "Output", "render"]

DELIMITERS = {
    "variable_start_string": "<%=",
    "variable_end_string": "%>",
    "block_start_string": "<%",
    "block_end_string": "%>",
    "comment_start_string": "<%#",
    "comment_end_string": "#%>",
}
"""As in ERB: ``{{ }}``, ``[[ ]]`` and ``$ARGUMENTS`` are what skills, shell and Python code show."""

_TEMPLATE = ".j2"
_IGNORED = frozenset({"__pycache__", ".gitkeep", ".DS_Store"})


@dataclass(frozen=True)
class Output:
    """What a template set gives in one scope.

    Attributes:
        files: relative path -> file.
        settings: what is to be merged into the settings file, as JSON text; empty unless hooks go there.
    """

    files: Mapping[str, Rendered]
    settings: tuple[str, ...] = ()


def render(
    folder: Path, assets: tuple[Asset, ...], context: Mapping[str, Any], scope: Scope, hooks: Hooks = "plugin"
) -> Output:
    """Render the assets that have a place in ``scope``.

    Args:
        folder: the template set.
        assets: the assets to render.
        context: what templates may use; using anything else is an error.
        scope: where the files go.
        hooks: how hooks are carried.

    Raises:
        TemplateError: naming the template and the line, or the path that is refused.
    """
    environment = _environment(folder)
    files: dict[str, Rendered] = {}
    settings: list[str] = []
    for asset in assets:
        place = asset.place(scope, hooks)
        if place is None:
            continue
        for source, path in _sources(folder, asset, place):
            data = _data(environment, folder, source, path, context)
            if asset.settings and hooks == "settings" and scope != "plugin":
                settings.append(data.decode())
            elif check_path(path) in files:
                raise TemplateError(f"{path} is made twice: by {files[path].asset} and by {asset.key}.")
            else:
                files[path] = Rendered(data, asset.executable, asset.key)
    check_paths(files)
    return Output(dict(sorted(files.items())), tuple(settings))


def _environment(folder: Path) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder, encoding="utf-8"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - the output is Markdown, JSON and Python, never HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        newline_sequence="\n",
        **DELIMITERS,  # type: ignore[arg-type]
    )


def _sources(folder: Path, asset: Asset, place: str) -> Iterator[tuple[str, str]]:
    """Yield each source file of an asset, relative to the template set, and where it goes."""
    source = folder / asset.source
    if source.is_file():
        yield asset.source, place
        return
    if not source.is_dir():
        raise TemplateError(f"The source of {asset.key} is not there: {asset.source}.")
    for file in sorted(source.rglob("*")):
        inside = file.relative_to(source)
        if file.is_file() and not _IGNORED.intersection(inside.parts):
            yield (
                f"{asset.source}/{inside.as_posix()}",
                f"{place}/{inside.as_posix().removesuffix(_TEMPLATE)}",
            )


def _data(
    environment: jinja2.Environment, folder: Path, source: str, path: str, context: Mapping[str, Any]
) -> bytes:
    try:
        if not source.endswith(_TEMPLATE):
            return (folder / source).read_bytes()
        text = environment.get_template(source).render({**context, "source": source})
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{error.filename or source}, line {error.lineno}: {error.message}.") from error
    except (jinja2.TemplateError, UnicodeDecodeError, OSError) as error:
        raise TemplateError(f"{source} cannot be rendered: {error}.") from error
    return stamp(text, path, f"templates/{source}").encode()
