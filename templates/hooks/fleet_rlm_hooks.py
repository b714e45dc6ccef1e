# made by fleet-rlm-scaffold from templates/hooks/fleet_rlm_hooks.py
"""The hooks of fleet-rlm for Claude Code: tell the model about large files, mentions and known failures.

One program for every event. The client hands it one JSON object on stdin; what it prints goes to the model as
``additionalContext``. It never blocks anything and never speaks to the user: with hookify installed as well,
hookify shows a rule to the user and this program gives it to the model, so nobody is told twice. Whatever
goes wrong here is silence and a line in the log. It needs Python 3.9+ and nothing else, and opens no
connection.

Beside it lie ``fleet-rlm-hooks.json`` (what is true of this installation) and, in the folder that file names,
the rules ``hookify.fleet-rlm-*.local.md``. The user's own settings are, the strongest first, the variables
``FLEET_RLM_HOOKS`` (``off``) and ``FLEET_RLM_HOOK_THRESHOLD`` (a size, such as ``1M``), and ``hooks`` and
``hook_threshold`` in fleet-rlm's ``config.yaml``.

Everybody waits for a hook, so modules are imported where they are needed and types are only written down.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = "fleet-rlm-hooks.json"
DEFAULT_THRESHOLD = 256 * 1024
"""Bytes: above it the client's Read refuses a whole file (seen in 2.1.240 and 2.1.329)."""
BYTES_PER_TOKEN = 4
"""The usual estimate for English text; the notice states it, so that nobody takes it for a count."""
LONG_READ_LINES = 2000
"""Lines: what Read shows when no limit is given, so ``head`` and ``tail`` below it are deliberate samples."""
SNIFFED = 4096
INSTALL = "uv tool install fleet-rlm-scaffold"
STATE_BOUND = 64 * 1024
STATE_DAYS = 7
STATE_FILES = 200
LOG_BOUND = 64 * 1024
OUTPUT_BOUND = 32 * 1024
FILES_NAMED = 5
CANDIDATES = 200

SKILLS = ("rlm",)
AGENTS = ("rlm-orchestrator", "rlm-specialist", "rlm-subcall", "modal-interpreter-agent")


# Settings and places ---------------------------------------------------------------------------------------


class Hooks:
    """One invocation: the event, the installation it belongs to, and the user's settings."""

    def __init__(self, payload: dict[str, Any], environ: dict[str, str]) -> None:
        """Read the installation's facts and the user's settings; ``payload`` is the client's object."""
        self.payload = payload
        self.event = str(payload.get("hook_event_name", ""))
        self.cwd = str(payload.get("cwd") or os.getcwd())
        self.places = Places(environ)
        facts = read_json(os.path.join(HERE, CONFIG))
        self.scope = str(facts.get("scope", "user"))
        self.prefix = "fleet-rlm:" if self.scope == "plugin" else ""
        self.command = str(facts.get("command", "fleet-rlm"))
        self.rules_folder = os.path.normpath(os.path.join(HERE, str(facts.get("rules", "."))))
        self.path = environ.get("PATH", "")
        user = self._user_settings()
        switch = environ.get("FLEET_RLM_HOOKS") or user.get("hooks", "")
        self.off = switch.lower() in {"off", "false", "no", "0"}
        size = environ.get("FLEET_RLM_HOOK_THRESHOLD") or user.get("hook_threshold", "")
        self.threshold = self._size(size) or int(facts.get("threshold", DEFAULT_THRESHOLD))
        # A subagent has a context of its own, so it has not been told what the session was told.
        session = str(payload.get("session_id", "")) + str(payload.get("agent_id") or "")
        self.told = Told(os.path.join(self.places.state, re.sub(r"[^\w-]", "_", session)[:120]))

    def _user_settings(self) -> dict[str, str]:
        try:
            with open(self.places.config, encoding="utf-8-sig") as stream:
                return {key: str(value) for key, value in front_matter(stream.read()).items()}
        except OSError:
            return {}

    def _size(self, text: str) -> int:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip(), re.IGNORECASE)
        if found:
            return int(float(found[1]) * 1024 ** " kmgt".index(found[2].lower() or " "))
        if text:
            self.places.log(f"{text!r} is no size; the threshold stays as it was.")
        return 0


class Places:
    """The user's folders, as the runtime chooses them; ``FLEET_RLM_HOME`` moves them all."""

    def __init__(self, environ: dict[str, str]) -> None:
        """Find the folders for this platform; none needs to exist."""
        user = os.path.expanduser("~")
        home = environ.get("FLEET_RLM_HOME")
        if home:
            config = os.path.abspath(os.path.expanduser(home))
            state, logs = os.path.join(config, "state"), os.path.join(config, "logs")
        elif sys.platform == "darwin":
            config = state = os.path.join(user, "Library", "Application Support", "fleet-rlm")
            logs = os.path.join(user, "Library", "Logs", "fleet-rlm")
        elif sys.platform == "win32":
            local = environ.get("LOCALAPPDATA") or os.path.join(user, "AppData", "Local")
            config = state = os.path.join(local, "fleet-rlm")
            logs = os.path.join(config, "Logs")
        else:
            config = os.path.join(environ.get("XDG_CONFIG_HOME") or f"{user}/.config", "fleet-rlm")
            state = os.path.join(environ.get("XDG_STATE_HOME") or f"{user}/.local/state", "fleet-rlm")
            logs = os.path.join(state, "log")
        self.config = os.path.join(config, "config.yaml")
        self.state = os.path.join(state, "hooks")
        self.log_file = os.path.join(logs, "hooks.log")

    def log(self, line: str) -> None:
        """Keep ``line``; two files of bounded size are all that is ever kept."""
        try:
            os.makedirs(os.path.dirname(self.log_file), mode=0o700, exist_ok=True)
            if os.path.exists(self.log_file) and os.path.getsize(self.log_file) > LOG_BOUND:
                os.replace(self.log_file, self.log_file + ".1")
            with open(self.log_file, "a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {line[:2000]}\n")
        except OSError:
            # Nowhere to write is no reason to disturb a session.
            return


class Told:
    """What this session has been told: one small file of lines, safe when several hooks run at once."""

    def __init__(self, path: str) -> None:
        """Keep the file at ``path``; it is made when there is something to keep."""
        self.path = path

    def claim(self, key: str) -> bool:
        """Return whether the caller is the first of this session to say ``key``.

        Each caller appends a line of its own and then looks whose line for the key came first: appending is
        atomic, so no lock is needed. A session that has used up its bound is told nothing more; one
        that cannot be recorded is told, perhaps again.
        """
        key = json.dumps(key)[:2000]
        mine = f"{os.getpid()}.{time.time_ns()} {key}"
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            with open(self.path, "ab+", buffering=0) as stream:
                if os.fstat(stream.fileno()).st_size > STATE_BOUND:
                    return False
                stream.write(f"{mine}\n".encode())
                stream.seek(0)
                lines = stream.read().decode().split("\n")
        except OSError:
            return True
        return next(line for line in lines if line.partition(" ")[2] == key) == mine

    def forget(self) -> None:
        """Forget what this session was told."""
        remove(self.path)

    def tidy(self) -> None:
        """Forget the sessions of long ago."""
        folder = os.path.dirname(self.path)
        if not os.path.isdir(folder):
            return
        known = sorted(((entry.stat().st_mtime, entry.path) for entry in os.scandir(folder)), reverse=True)
        oldest = time.time() - STATE_DAYS * 86400
        for place, (modified, path) in enumerate(known):
            if place >= STATE_FILES or modified < oldest:
                remove(path)


def remove(path: str) -> None:
    """Remove a file that another hook may be removing as well."""
    try:
        os.remove(path)
    except FileNotFoundError:
        return


def read_json(path: str) -> dict[str, Any]:
    """Return the object that ``path`` holds."""
    with open(path, encoding="utf-8") as stream:
        found = json.load(stream)
    if not isinstance(found, dict):
        raise TypeError(f"{path} holds no JSON object")
    return found


# Rules -----------------------------------------------------------------------------------------------------


class Rule:
    """A rule in hookify's format: when all conditions hold, its message is said, once a session.

    Conditions may also look at ``tool_output``, what a failing tool printed: hookify does not know that
    field and leaves such a rule alone.
    """

    def __init__(self, text: str) -> None:
        """Read ``text``, the whole file.

        Raises:
            ValueError: a condition is missing or cannot be used.
        """
        head, message = split_rule(text)
        facts = front_matter(head)
        self.name = str(facts.get("name", "unnamed"))
        self.enabled = str(facts.get("enabled", "true")).lower() != "false"
        self.event = str(facts.get("event", "all"))
        # One paragraph: a blank line separates what different hooks say to the model.
        self.message = re.sub(r"\s*\n\s*", " ", message.strip())
        listed = facts.get("conditions", [])
        self.conditions = [Condition(item) for item in listed] if isinstance(listed, list) else []
        if not self.conditions:
            raise ValueError(f"rule {self.name} has no conditions")

    def holds(self, events: tuple[str, ...], fields: dict[str, str]) -> bool:
        """Return whether the rule is meant for one of ``events`` and all its conditions hold."""
        if not self.enabled or self.event not in events:
            return False
        return all(item.field in fields and item.test(fields[item.field]) for item in self.conditions)


class Condition:
    """One condition of a rule: a field, an operator and a pattern."""

    def __init__(self, facts: dict[str, str]) -> None:
        """Read the condition.

        Raises:
            ValueError: its operator is unknown, or its pattern is no regular expression.
        """
        self.field = facts.get("field", "")
        self.test = self._test(facts.get("operator", "regex_match"), facts.get("pattern", ""))

    @staticmethod
    def _test(operator: str, pattern: str) -> Callable[[str], bool]:
        if operator == "regex_match":
            try:
                found = re.compile(pattern, re.IGNORECASE)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
            return lambda value: bool(found.search(value))
        tests: dict[str, Callable[[str], bool]] = {
            "contains": lambda value: pattern in value,
            "not_contains": lambda value: pattern not in value,
            "equals": lambda value: pattern == value,
            "starts_with": lambda value: value.startswith(pattern),
            "ends_with": lambda value: value.endswith(pattern),
        }
        if operator not in tests:
            raise ValueError(f"{operator!r} is no operator")
        return tests[operator]


def split_rule(text: str) -> tuple[str, str]:
    """Split a rule file into its front matter and its message.

    Raises:
        ValueError: it does not begin with front matter between two lines of ``---``.
    """
    found = re.match(r"---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)(.*)", text.lstrip("\ufeff"), re.DOTALL)
    if not found:
        raise ValueError("it does not begin with front matter between two lines of ---")
    return found[1], found[2]


def front_matter(text: str) -> dict[str, Any]:
    """Read ``key: value`` lines, and lists of such mappings indented below a key; the rest is skipped.

    This is what hookify and YAML read alike, as long as values are plain (no quotes within quotes, no colon
    or hash set off by spaces) and further keys of an item are indented by more than two spaces.
    """
    facts: dict[str, Any] = {}
    items: list[dict[str, str]] = []
    for line in text.splitlines():
        found = re.match(r"(\s*)(-\s+)?([\w.-]+):(?:\s+(.*))?$", line)
        if not found:
            continue
        indent, dash, key, value = found[1], found[2], found[3], unquoted(found[4] or "")
        if not indent and not dash:
            items = []
            facts[key] = value or items
        elif dash:
            items.append({key: value})
        elif items:
            items[-1][key] = value
    return facts


def unquoted(value: str) -> str:
    """Return ``value`` without a pair of quotes around it."""
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return re.sub(r"\s+#.*$", "", value)


def rules(hooks: Hooks) -> Iterator[tuple[str, Rule | None]]:
    """Yield each rule file's name with its rule, or with None and a line in the log if it cannot be used."""
    try:
        names = sorted(os.listdir(hooks.rules_folder))
    except OSError as error:
        hooks.places.log(f"no rules: {error}")
        return
    for name in names:
        if not (name.startswith("hookify.fleet-rlm-") and name.endswith(".local.md")):
            continue
        try:
            with open(os.path.join(hooks.rules_folder, name), encoding="utf-8") as stream:
                yield name, Rule(stream.read())
        except (OSError, ValueError) as error:
            hooks.places.log(f"{name} is not used: {error}")
            yield name, None


def advice(hooks: Hooks, events: tuple[str, ...], fields: dict[str, str]) -> list[str]:
    """Return the messages of the rules that hold and that this session has not been told."""
    held = (rule for _name, rule in rules(hooks) if rule and rule.holds((*events, "all"), fields))
    return [rule.message for rule in held if hooks.told.claim(f"rule:{rule.name}")]


# Files -----------------------------------------------------------------------------------------------------


class Measured:
    """A regular file of text, or a document with text in it, with its size in bytes.

    ``source`` is what the user or the shell command wrote for it, made absolute: perhaps a pattern.
    """

    def __init__(self, path: str, size: int, kind: str, source: str) -> None:
        """Keep the facts; ``path`` is absolute, ``kind`` is ``text`` or ``pdf``."""
        self.path = path
        self.size = size
        self.kind = kind
        self.source = source or path


def measure(path: str, cwd: str, source: str = "") -> Measured | None:
    """Return the file at ``path``, or None if it is not there, not regular, or holds no text (an image, say).

    Nothing that could hang is opened, and no other machine is asked.
    """
    import stat

    if path.startswith(("//", "\\\\")) or "\0" in path or len(path) > 4096:  # noqa: PLR2004 - PATH_MAX
        return None
    full = os.path.normpath(os.path.join(cwd, os.path.expanduser(path)))
    try:
        facts = os.stat(full)
        if not stat.S_ISREG(facts.st_mode):
            return None
        with open(full, "rb") as stream:
            start = stream.read(SNIFFED)
    except (OSError, ValueError):
        return None
    if start.startswith(b"%PDF-"):
        return Measured(full, facts.st_size, "pdf", source)
    if b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    return Measured(full, facts.st_size, "text", source)


def notice(hooks: Hooks, files: Iterable[Measured], instead: str) -> list[str]:
    """Return what to say about ``files``, if together they pass the threshold and one of them is news."""
    known = {file.path: file for file in files if file.size}
    total = sum(file.size for file in known.values())
    if total <= hooks.threshold:
        return []
    large = sorted(known.values(), key=lambda file: (-file.size, file.path))
    if not [file for file in large if hooks.told.claim(f"file:{os.path.realpath(file.path)}")]:
        return []
    named = large[:FILES_NAMED]
    if len(large) == 1:
        what = f"{named[0].path} is {measures(named)}"
    else:
        more = f" and {len(large) - len(named)} more" if len(large) > len(named) else ""
        what = f"{', '.join(file.path for file in named)}{more} are together {measures(large)}"
    lines = [f"fleet-rlm: {what}: too much for this conversation. {instead} {command_line(hooks, large)}"]
    for file in named:
        lines += advice(hooks, ("file",), {"file_path": file.path})
    return lines


def measures(files: list[Measured]) -> str:
    """Say the size of ``files`` in bytes and, if all are text, in estimated tokens."""
    size = sum(file.size for file in files)
    if any(file.kind == "pdf" for file in files):
        return f"{amount(size)}, and a PDF's size does not tell how many tokens its text has"
    return f"{amount(size)}, about {size // BYTES_PER_TOKEN:,} tokens (bytes / {BYTES_PER_TOKEN})"


def amount(size: int) -> str:
    """Say ``size`` (bytes) with a unit that suits it, and exactly."""
    unit, factor = next(
        (item for item in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)) if size >= item[1]),
        ("bytes", 1),
    )
    return f"{size / factor:.1f} {unit} ({size:,} bytes)" if factor > 1 else f"{size} bytes"


def command_line(hooks: Hooks, files: list[Measured]) -> str:
    """Return the command that loads ``files``; many are named by the patterns that found them."""
    import shlex

    paths = [file.path for file in files]
    if len(paths) > FILES_NAMED:
        paths = list(dict.fromkeys(file.source for file in files))[: 4 * FILES_NAMED]
    return f"{hooks.command} session load {shlex.join(paths)} (skill: {hooks.prefix}rlm)."


# PreToolUse ------------------------------------------------------------------------------------------------


def before_tool(hooks: Hooks) -> list[str]:
    """Say what a Read or a shell command is about to pour into the conversation."""
    given = hooks.payload.get("tool_input") or {}
    tool = hooks.payload.get("tool_name")
    if tool == "Read":
        ranged = any(given.get(name) for name in ("offset", "limit", "pages", "allow_large"))
        path = str(given.get("file_path", ""))
        files = [] if ranged or not path else [measure(path, hooks.cwd)]
        instead = "Read a part with offset and limit, search it with grep, or work on the whole of it in a session:"
    elif tool == "Bash":
        sources = poured(str(given.get("command", "")), hooks.cwd)
        files = [measure(path, hooks.cwd, source) for source in sources for path in expanded(source)]
        instead = "Search it with grep, or work on the whole of it in a session:"
    else:
        return []
    return notice(hooks, filter(None, files), instead)


PASSES_ALL = frozenset(
    (
        "cat",
        "less",
        "more",
        "bat",
        "batcat",
        "type",
        "nl",
        "tac",
        "rev",
        "sort",
        "uniq",
        "tee",
        "strings",
        "fold",
    )
)
"""Programs that write out about as much as they read."""
WRAPPERS = frozenset(
    ("sudo", "time", "command", "builtin", "exec", "nice", "nohup", "env", "then", "do", "else", "!", "{")
)
"""What stands before a program without changing what it prints."""
GLOB_BOUND = 500


def poured(command: str, cwd: str) -> list[str]:
    """Return the files whose whole text the shell ``command`` would print, as absolute paths or patterns.

    Quiet are pipes that end in anything that reduces, redirections, substitutions, and what shlex cannot
    read.
    """
    if not re.search(r"\b(?:head|tail|sed|jq|" + "|".join(PASSES_ALL) + r")\b", command):
        return []
    files: list[str] = []
    try:
        pipelines = parse_shell(command)
    except ValueError:
        return []
    for pipeline in pipelines:
        first = pipeline[0]
        if first.words[:1] == ["cd"] and len(pipeline) == 1:
            cwd = os.path.join(cwd, os.path.expanduser(first.words[1] if len(first.words) > 1 else "~"))
        elif not any(stage.quiet for stage in pipeline) and all(
            passes_all(stage.words) for stage in pipeline
        ):
            files += [absolute(word, cwd) for word in operands(first)]
    return files


class Stage:
    """One program of a pipeline: its words, its input files, and whether its output goes elsewhere."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.words: list[str] = []
        self.inputs: list[str] = []
        self.quiet = False


class Shell:
    """Reads the pipelines of a command, as far as it must be understood to see what is printed."""

    def __init__(self) -> None:
        """Begin before the first word."""
        self.pipelines: list[list[Stage]] = [[Stage()]]
        self.redirection = ""
        self.nested = 0

    @property
    def stage(self) -> Stage:
        """The program that is being read."""
        return self.pipelines[-1][-1]

    def word(self, text: str) -> None:
        """Take a word: an argument, or the file of a redirection."""
        if self.redirection == "<":
            self.stage.inputs.append(text)
        elif not self.redirection:
            self.stage.words.append(text)
            self.stage.quiet = self.stage.quiet or self.nested > 0
        self.redirection = ""

    def operator(self, text: str) -> None:
        """Take a run of the shell's punctuation."""
        if "(" in text or ")" in text:
            self.bracket(text)
        elif ">" in text:
            self.redirection = ">"
            if self.stage.words[-1:] == ["2"]:
                self.stage.words.pop()
            elif text != ">&":
                self.stage.quiet = True
        elif text == "<":
            self.redirection = "<"
        elif text in {"|", "|&"}:
            self.pipelines[-1].append(Stage())
        else:
            self.next_pipeline()

    def bracket(self, text: str) -> None:
        """Enter or leave a group; what a substitution prints is an argument, so it is quiet."""
        substitution = "<(" in text or "".join(self.stage.words[-1:]).endswith("$")
        if "(" in text and (substitution or self.nested):
            self.nested += 1
        self.nested = max(0, self.nested - text.count(")"))
        self.next_pipeline()

    def next_pipeline(self) -> None:
        """End a pipeline."""
        self.redirection = ""
        self.pipelines.append([Stage()])


HERE_DOCUMENT = r"<<-?\s*(['\"]?)(\w+)\1(.*?)\n(?:.*?\n)??\s*\2(?=\n|$)"
PUNCTUATION = ";&|<>()\n"


def parse_shell(command: str) -> list[list[Stage]]:
    """Split ``command`` into pipelines of stages.

    Raises:
        ValueError: quotes do not match.
    """
    import shlex

    # What follows on the line of a here-document is part of the command, its body is not.
    body = re.sub(HERE_DOCUMENT, r"\3", command, flags=re.DOTALL)
    lexer = shlex.shlex(body.replace("\\\n", " "), posix=True, punctuation_chars=PUNCTUATION)
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    # shlex would take a # within a word, and the end of the line with it, for a comment.
    lexer.commenters = ""
    shell = Shell()
    for text in lexer:
        if text and set(text) <= set(PUNCTUATION):
            shell.operator(text)
        else:
            shell.word(text)
    return [pipeline for pipeline in shell.pipelines if pipeline[-1].words]


def passes_all(words: list[str]) -> bool:
    """Return whether the program in ``words`` writes out (nearly) all that it reads."""
    words = program(words)
    if not words:
        return False
    name, arguments = os.path.basename(words[0]), words[1:]
    if name in {"head", "tail"}:
        return long_sample(name, arguments)
    if name == "sed":
        script = next((word for word in arguments if not word.startswith("-")), "")
        return script[:1] in {"", "s", "y"} and not any(
            re.match(r"-[a-zA-Z]*[ni]", word) or word.startswith("--") for word in arguments
        )
    if name == "jq":
        return next((word for word in arguments if not word.startswith("-")), ".") == "."
    return name in PASSES_ALL


def program(words: list[str]) -> list[str]:
    """Return ``words`` without variables set for the command, and without programs that only start others."""
    while words:
        if words[0] in WRAPPERS or re.match(r"\w+=", words[0]):
            words = words[1:]
        elif words[0] == "timeout":
            words = words[2:]
        else:
            break
    return words


def long_sample(name: str, arguments: list[str]) -> bool:
    """Return whether ``head`` or ``tail`` with ``arguments`` shows more than Read would."""
    text = " ".join(arguments)
    found = re.search(r"(?:^| )(?:-(n|c) ?|--(lines|bytes)[= ]|-)([-+]?)(\d+)([kKmMgG]?)", text)
    if not found:
        return False
    counts_bytes = "c" in (found[1], (found[2] or "")[:1]) or found[2] == "bytes"
    if (name, found[3]) in {("head", "-"), ("tail", "+")}:
        return True
    bound = LONG_READ_LINES * 100 if counts_bytes else LONG_READ_LINES
    return bool(found[5]) or int(found[4]) > bound


def operands(stage: Stage) -> list[str]:
    """Return the words of ``stage`` that may be files."""
    words = program(stage.words)[1:]
    return [word for word in words if not word.startswith("-")] + stage.inputs


def absolute(word: str, cwd: str) -> str:
    """Return the path or the pattern that ``word`` of a shell command means in ``cwd``."""
    return os.path.normpath(os.path.join(cwd, os.path.expanduser(os.path.expandvars(word))))


def expanded(path: str) -> list[str]:
    """Return the paths that the shell would make of the pattern ``path``; itself if it is none."""
    if os.path.exists(path) or not re.search(r"[*?\[]", path):
        return [path]
    import glob
    import itertools

    return list(itertools.islice(glob.iglob(path), GLOB_BOUND))


# UserPromptSubmit ------------------------------------------------------------------------------------------


def on_prompt(hooks: Hooks) -> list[str]:
    """Say what the user's mentions mean, and how large the files are that the prompt names."""
    prompt = str(hooks.payload.get("prompt", ""))
    prose = re.sub(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)", " ", prompt, flags=re.DOTALL | re.MULTILINE)
    lines = [line for name in mentions(prose) for line in introduction(hooks, name)]
    files = [file for path in candidates(prose) for file in [measure(path, hooks.cwd)] if file]
    for file in files:
        lines += notice(hooks, [file], "Do not read all of it; work on it in a session:")
    return lines or advice(hooks, ("prompt",), {"prompt": prompt, "user_prompt": prompt})


def mentions(prose: str) -> list[str]:
    """Return the skills and agents of ours that ``prose`` mentions, each once."""
    prose = re.sub(r"`[^`\n]*`", " ", prose)
    names = "|".join(sorted((*SKILLS, *AGENTS), key=len, reverse=True))
    found = re.findall(rf"(?<![\w@./\\:+-])@(?:fleet-rlm:)?({names})(?![\w/@-]|[.:]\w)", prose, re.IGNORECASE)
    return list(dict.fromkeys(name.lower() for name in found))


def introduction(hooks: Hooks, name: str) -> list[str]:
    """Say which skill or agent ``@name`` is, once for each prompt."""
    prompt_id = hooks.payload.get("prompt_id")
    if prompt_id and not hooks.told.claim(f"mention:{prompt_id}:{name}"):
        return []
    full = hooks.prefix + name
    if name in SKILLS:
        kind, start, then = "skill", f'the Skill tool (skill: "{full}")', "follow it for this request"
    else:
        kind, start = "agent", f'the Agent tool (subagent_type: "{full}")'
        then = "give it the whole request, with every path in it"
    return [f"fleet-rlm: with @{name} the user asks for the {kind} {full}. Start it with {start} and {then}."]


def candidates(prose: str) -> list[str]:
    """Return what in ``prose`` may be paths: quoted or not, with ``@`` or without.

    ``@file#L10-20``, a deliberate range of lines, is no path as it stands and so comes to nothing.
    """
    quoted = r"@?\"([^\"\n]+)\"|(?<!\w)@?'([^'\n]+)'|`([^`\n]+)`"
    found: dict[str, None] = {}
    for match in re.finditer(rf"{quoted}|((?:\\.|[^\s\"`])+)", prose):
        text = match[1] or match[2] or match[3] or bare(match[4])
        if text:
            found[text] = None
            if len(found) >= CANDIDATES:
                break
    return list(found)


def bare(word: str) -> str:
    """Return the path in ``word``, without the punctuation around it; empty if it can be none."""
    word = word.lstrip("([{<'").rstrip(".,;:!?)]}>'")
    marked = word.startswith("@")
    word = re.sub(r"\\([ ()'&])", r"\1", word[1:] if marked else word)
    return word if marked or re.search(r"[/.~\\]", word) else ""


# PostToolUseFailure and SessionStart -----------------------------------------------------------------------


def after_failure(hooks: Hooks) -> list[str]:
    """Say what the rules know about what a failing tool printed."""
    printed = str(hooks.payload.get("error", ""))
    if len(printed) > 2 * OUTPUT_BOUND:
        printed = printed[:OUTPUT_BOUND] + printed[-OUTPUT_BOUND:]
    given = hooks.payload.get("tool_input") or {}
    return advice(hooks, ("bash",), {"tool_output": printed, "command": str(given.get("command", ""))})


def on_start(hooks: Hooks) -> list[str]:
    """Say in one line what is broken, once; and note that a compacted conversation knows nothing more."""
    if hooks.payload.get("source") in {"compact", "clear"}:
        hooks.told.forget()
    hooks.told.tidy()
    line = broken(hooks)
    return [line] if line and hooks.told.claim(line) else []


def broken(hooks: Hooks) -> str:
    """Return a line about what does not work in this installation; empty if all is well."""
    import shlex

    unusable = [name for name, rule in rules(hooks) if rule is None]
    # A plugin's own bin/fleet-rlm falls back to uvx.
    programs = [*shlex.split(hooks.command)[:1], *(["uvx"] if hooks.scope == "plugin" else [])]
    if not any(installed(name, hooks.path) for name in programs):
        return (
            f"fleet-rlm: the command {' or '.join(programs)} is not there, so the rlm skills cannot run. "
            f"The user can install it: {INSTALL}"
        )
    if unusable:
        return f"fleet-rlm: these rules cannot be read: {', '.join(unusable)} (see {hooks.places.log_file})."
    return ""


def installed(name: str, path: str) -> bool:
    """Return whether ``name``, a command or an absolute path, can be run."""
    # The shell that will run it reads the user's profile, which may add what uv and pipx install into.
    folders = [*path.split(os.pathsep), os.path.expanduser("~/.local/bin")]
    endings = ("", ".exe", ".cmd") if sys.platform == "win32" else ("",)
    return any(os.access(os.path.join(folder, name + end), os.X_OK) for folder in folders for end in endings)


EVENTS = {
    "PreToolUse": before_tool,
    "UserPromptSubmit": on_prompt,
    "PostToolUseFailure": after_failure,
    "SessionStart": on_start,
}


def answer(payload: dict[str, Any], environ: dict[str, str]) -> str:
    """Return what to print for ``payload``: nothing, or one JSON object."""
    hooks = Hooks(payload, environ)
    if hooks.off or hooks.event not in EVENTS:
        return ""
    lines = EVENTS[hooks.event](hooks)
    if not lines:
        return ""
    said = {"hookEventName": hooks.event, "additionalContext": "\n".join(lines)}
    return json.dumps({"hookSpecificOutput": said})


def main() -> int:
    """Answer the event on stdin; always 0, because nothing here may stop what the user does."""
    try:
        sys.stdout.write(answer(json.loads(sys.stdin.buffer.read()), dict(os.environ)))
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - a broken hook must not disturb the session; it is logged
        frame, line = error.__traceback__, 0
        while frame:
            if frame.tb_frame.f_code.co_filename == __file__:
                line = frame.tb_lineno
            frame = frame.tb_next
        Places(dict(os.environ)).log(f"{type(error).__name__} from line {line}: {error}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
