"""What assets show: code blocks, and commands within a line."""

from __future__ import annotations

import re
import textwrap

from assets.rendering import rendered

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SESSION = re.compile(r" session (?!list)| subcall check ")
_SPAN = re.compile(r"`([^`\n]+)`")


def blocks(text, language):
    """The code blocks in one language, without the indentation of a list."""
    return [textwrap.dedent(body) for _, kind, body in _BLOCK.findall(text) if kind == language]


def spans(text, command):
    """The commands that are shown within a line."""
    return [span for span in _SPAN.findall(_BLOCK.sub("", text)) if span.startswith(f"{command} ")]


def of_a_session(script):
    """Whether a piece of shell makes sense only after those that the same asset shows before it."""
    return bool(_SESSION.search(script))


def commands(script):
    """The lines of a script that can be run alone; one with a document or a preparation in it is a whole."""
    return [script] if "<<" in script else script.splitlines()


def shown(scope, command):
    """Each distinct piece of shell that stands alone, of the assets of a scope -> the first asset that shows it."""
    found = {}
    for path, pieces in _pieces(scope, command):
        for script in pieces:
            for line in [] if of_a_session(script) else commands(script):
                found.setdefault(line.strip(), path)
    return found


def sessions(scope, command):
    """Each asset of a scope that shows a session -> all that it shows of it, in order; what ends it last."""
    found = {}
    for path, pieces in _pieces(scope, command):
        steps = [script.strip() for script in pieces if of_a_session(script)]
        if steps:
            found[path] = sorted(dict.fromkeys(steps), key=f"{command} session stop".__eq__)
    return found


def _pieces(scope, command):
    for path, file in rendered(scope, command).items():
        if path.endswith(".md"):
            text = file.data.decode()
            yield path, [*blocks(text, "sh"), *spans(text, command)]
