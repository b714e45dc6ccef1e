"""A line in each rendered file that says which template it was made from."""

from __future__ import annotations

from pathlib import PurePosixPath

__all__ = ["MARK", "stamp"]

MARK = "made by fleet-rlm-scaffold from "
"""What every stamp holds; the lint and ``render --check`` look for it."""

_HASH_COMMENTS = frozenset({".py", ".sh", ".bash", ".yaml", ".yml", ".toml", ".cfg", ".env", ""})
_FENCE = "---\n"


def stamp(text: str, path: str, source: str) -> str:
    r"""Return ``text`` with the stamp in its front matter, or as its first comment.

    JSON has no comments and its readers refuse unknown keys: it is returned as it is.

    Args:
        text: the rendered text, with ``\\n`` line ends.
        path: where it goes; its ending decides the form of a comment.
        source: the template, relative to the repository.
    """
    line = f"{MARK}{source}"
    ending = PurePosixPath(path).suffix.lower()
    if text.startswith(_FENCE):
        return f"{_FENCE}# {line}\n{text[len(_FENCE) :]}"
    if ending in {".md", ".html"}:
        return f"<!-- {line} -->\n\n{text}"
    if ending in _HASH_COMMENTS:
        first, rest = _shebang(text)
        return f"{first}# {line}\n{rest}"
    return text


def _shebang(text: str) -> tuple[str, str]:
    if not text.startswith("#!"):
        return "", text
    first, _, rest = text.partition("\n")
    return f"{first}\n", rest
