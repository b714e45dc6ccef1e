"""What assets show: code blocks, and commands within a line."""

from __future__ import annotations

import re
import textwrap

from assets.rendering import rendered

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


def blocks(text, language):
    """The code blocks in one language, without the indentation of a list."""
    return [textwrap.dedent(body) for _, kind, body in _BLOCK.findall(text) if kind == language]


def spans(text, command):
    """The commands that are shown within a line."""
    return [span for span in _SPAN.findall(_BLOCK.sub("", text)) if span.startswith(f"{command} ")]


def commands(script):
    """The lines of a script that can be run alone; one with a document or a preparation in it is a whole."""
    return [script] if "<<" in script else script.splitlines()


def shown(scope, command):
    """Each distinct piece of shell that the assets of a scope show -> the first asset that shows it."""
    found = {}
    for path, file in rendered(scope, command).items():
        if path.endswith(".md"):
            text = file.data.decode()
            for script in [*blocks(text, "sh"), *spans(text, command)]:
                for line in commands(script):
                    found.setdefault(line.strip(), path)
    return found
