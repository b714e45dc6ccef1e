"""Reading a script from YAML, with errors that name the file, the line and what to write instead."""

from __future__ import annotations

import difflib
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from fleet_rlm.errors import ConfigurationError
from fleet_rlm.models.script import FACTS, PLACEHOLDER, Rule, Script

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PREFIX", "built_in_scripts", "load_script", "parse_script"]

PREFIX = "script:"
"""What a model's name begins with when it is a script."""

_SECTIONS = ("about", "rules", "steps", "extract", "predict", "replies")
_COMMON = ("when", "delay", "fail")
_FORMAT = "The format is described in docs/scripted-model.md."


def built_in_scripts() -> tuple[str, ...]:
    """Return the names of the scripts that come with fleet-rlm."""
    folder = resources.files("fleet_rlm.models") / "scripts"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_script(reference: str) -> Script:
    """Return the script ``reference``, which is a built-in name or the path of a YAML file (no ``script:``).

    Raises:
        ConfigurationError: there is no such script, or it cannot be understood.
    """
    if reference in built_in_scripts():
        file = resources.files("fleet_rlm.models") / "scripts" / f"{reference}.yaml"
        return parse_script(file.read_text(encoding="utf-8"), name=reference, source=reference)
    path = Path(reference).expanduser()
    if not reference or not path.is_file():
        known = ", ".join(PREFIX + name for name in built_in_scripts())
        raise ConfigurationError(
            f"There is no script {reference!r}: it is neither a file nor a built-in script.",
            remedy=f"Use the path of a YAML file, or one of {known}.",
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}.", remedy="Correct its permissions."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text.", remedy="Save it as UTF-8.") from None
    return parse_script(text, name=path.name, source=str(path))


def parse_script(text: str, *, name: str, source: str) -> Script:
    """Return the script that ``text`` holds. Pure.

    Args:
        text: the YAML.
        name: what people will call the script.
        source: what errors call the file.

    Raises:
        ConfigurationError: it cannot be understood; the message names ``source`` and the line.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "unreadable"
        _refuse(source, mark.line + 1 if mark else 1, f"this is not valid YAML ({problem})")
    return _Reader(source).script(root, name)


def _refuse(source: str, line: int, problem: str) -> NoReturn:
    raise ConfigurationError(f"{source}, line {line}: {problem}.", remedy=_FORMAT)


class _Reader:
    """Turns YAML nodes into a script; knows the file's name for its errors, and nothing else."""

    def __init__(self, source: str) -> None:
        self._source = source

    def script(self, root: yaml.Node | None, name: str) -> Script:
        """Read the whole file."""
        if root is None:
            _refuse(self._source, 1, "the script is empty")
        sections = dict(self._pairs(root, _SECTIONS, "the script"))
        extract = sections.get("extract")
        if extract is not None and not isinstance(extract, yaml.MappingNode):
            self._refuse(extract, "extract must map field names to values")
        script = Script(
            name,
            self._text(sections["about"], "about") if "about" in sections else "",
            rules=self._rules(sections.get("rules"), ("reasoning", "code"), needs="code"),
            steps=self._rules(sections.get("steps"), ("reasoning", "code"), needs="code", conditional=False),
            extract=Rule(None, self._value(extract), line=_line(extract)) if extract else None,
            predict=self._rules(sections.get("predict"), ("fields",), needs="fields"),
            replies=self._rules(sections.get("replies"), ("reply",), needs="reply"),
        )
        if extract is not None and script.extract is not None:
            self._check_placeholders(extract, script.extract.template, None, facts=False)
        if not (script.rules or script.steps or script.predict or script.replies):
            self._refuse(root, "the script says nothing: it has no steps, rules, predict or replies")
        return script

    def _rules(
        self, node: yaml.Node | None, parts: tuple[str, ...], *, needs: str, conditional: bool = True
    ) -> tuple[Rule, ...]:
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self._refuse(node, "this section must be a list; begin each entry with '- '")
        return tuple(self._rule(item, parts, needs=needs, conditional=conditional) for item in node.value)

    def _rule(self, node: yaml.Node, parts: tuple[str, ...], *, needs: str, conditional: bool) -> Rule:
        common = _COMMON if conditional else _COMMON[1:]
        entries = dict(self._pairs(node, (*common, *parts), "an entry"))
        if (needs in entries) == ("fail" in entries):
            self._refuse(node, f"an entry needs either {needs} or fail")
        when = self._pattern(entries["when"]) if "when" in entries else None
        template = {part: self._part(part, entries[part]) for part in parts if part in entries}
        if "```" in template.get("code", ""):
            # dspy takes three backquotes in an answer for the fence around the code.
            self._refuse(entries["code"], "code cannot hold ```; write `{3} in a pattern, or chr(96) * 3")
        if needs == "fields" and "fields" in template:
            template = template["fields"]
        self._check_placeholders(node, template, when, facts=needs == "code")
        delay = self._delay(entries["delay"]) if "delay" in entries else 0.0
        fail = self._text(entries["fail"], "fail") if "fail" in entries else None
        return Rule(when, template, delay, fail, _line(node))

    def _part(self, part: str, node: yaml.Node) -> Any:
        if part != "fields":
            return self._text(node, part)
        if not isinstance(node, yaml.MappingNode):
            self._refuse(node, "fields must map field names to values")
        return self._value(node)

    def _pattern(self, node: yaml.Node) -> re.Pattern[str]:
        try:
            return re.compile(self._text(node, "when"))
        except re.error as error:
            self._refuse(node, f"this is no regular expression ({error})")

    def _delay(self, node: yaml.Node) -> float:
        value = self._value(node)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
            self._refuse(node, "delay must be a number of seconds")
        return float(value)

    def _check_placeholders(
        self, node: yaml.Node, template: Any, when: re.Pattern[str] | None, *, facts: bool
    ) -> None:
        known = {str(number) for number in range(when.groups + 1)} | set(when.groupindex) if when else set()
        known |= set(FACTS) if facts else set()
        for text in _strings(template):
            for name in PLACEHOLDER.findall(text):
                if name not in known:
                    allowed = (
                        ", ".join(f"\\g<{each}>" for each in sorted(known))
                        or "none here: the entry has no when"
                    )
                    self._refuse(node, f"\\g<{name}> refers to nothing; possible are {allowed}")

    def _pairs(self, node: yaml.Node, allowed: tuple[str, ...], what: str) -> Iterator[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self._refuse(node, f"{what} must be lines of the form name: value")
        seen: set[str] = set()
        for key, value in node.value:
            if key.value not in allowed:
                close = difflib.get_close_matches(str(key.value), allowed, n=1)
                meant = f"did you mean {close[0]!r}" if close else f"possible are {', '.join(allowed)}"
                self._refuse(key, f"{what} cannot have {key.value!r}; {meant}")
            if key.value in seen:
                self._refuse(key, f"{key.value!r} is given twice")
            seen.add(key.value)
            yield key.value, value

    def _text(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self._refuse(node, f"{what} must be text")
        return str(node.value)

    def _value(self, node: yaml.Node) -> Any:
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_document(node)
        except yaml.YAMLError as error:
            self._refuse(node, f"this value cannot be used ({getattr(error, 'problem', error)})")
        finally:
            loader.dispose()

    def _refuse(self, node: yaml.Node, problem: str) -> NoReturn:
        _refuse(self._source, _line(node), problem)


def _line(node: yaml.Node | None) -> int:
    return node.start_mark.line + 1 if node is not None and node.start_mark else 1


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
