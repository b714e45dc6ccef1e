"""The tools as the client lists them: one row each, with arguments, defaults and truthful hints.

Hints state the worst that arguments can lead to: code may delete what is on a volume, saving may replace
files, and a sandbox or a sub-model may be on another machine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fleet_rlm.description import SANDBOXES
from fleet_rlm.mcp import schemas
from fleet_rlm.mcp.instructions import helpers
from fleet_rlm.runners import RUNNERS
from fleet_rlm.sessions.options import EXECUTE_SECONDS, MAX_LLM_CALLS

__all__ = ["TOOLS", "WAIT_SECONDS", "Tool"]

WAIT_SECONDS = 10.0
"""Seconds a call waits for its turn in a busy session, unless it says otherwise: asking again costs more."""


class Tool(NamedTuple):
    """One tool.

    Attributes:
        name: as it is called; the client puts ``mcp__plugin_fleet-rlm_rlm__`` before it.
        title: for people.
        description: when to use it, what it answers.
        schema: JSON Schema of its arguments.
        read_only: it changes nothing.
        destructive: it may undo what was there.
        idempotent: a second call with the same arguments changes nothing more.
        open_world: it may reach other machines.
    """

    name: str
    title: str
    description: str
    schema: dict[str, Any]
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = False


_SESSION = schemas.text("The session's name; by default the only one of this project.")
_WAIT = schemas.number("Seconds to wait while other code runs in the session.", default=WAIT_SECONDS)
_SANDBOX = schemas.choice(
    "Where code runs; auto is Modal if configured, else local.",
    *(name for name in SANDBOXES if name != "trusted"),  # leave to call a tool is no leave to run unconfined
)


def _load() -> Tool:
    properties = {
        "paths": schemas.array(
            "Files, folders or globs, from the project folder; empty: only start a session.", default=[]
        ),
        "name": schemas.text("The variable's name.", default="document"),
        "session": schemas.text(
            "The session's name; one that does not exist is started. By default the only one of this project."
        ),
        "sandbox": _SANDBOX,
        "sub_model": schemas.text("The model that llm_query asks; by default the configured one."),
        "max_llm_calls": schemas.count(f"Most sub-model calls of the session; by default {MAX_LLM_CALLS}."),
        "max_cost": schemas.number("Most US dollars of sub-model calls; by default no limit."),
        "wait": _WAIT,
    }
    return Tool(
        "load",
        "Load documents into a session",
        "Read files, folders or globs into a Python session, by path: the text never enters the "
        "conversation. Starts a session if none runs. One text in the variable `document`; of several "
        "files also the mapping `documents` (NAME_documents) from path to text. Answers the variables with "
        "their sizes. sandbox, sub_model, max_llm_calls and max_cost count for a session that this starts.",
        schemas.schema(properties),
        open_world=True,
    )


def _execute() -> Tool:
    properties = {
        "code": schemas.text("Python source."),
        "timeout": schemas.number(
            "Most seconds; at the limit the code is interrupted.", default=EXECUTE_SECONDS
        ),
        "session": _SESSION,
        "wait": _WAIT,
    }
    return Tool(
        "execute",
        "Run Python in the session",
        "Run Python over what was loaded; variables stay for the next call. Answers what it prints and the "
        "value of its last expression, cut at 9,000 characters: print sizes, counts and findings, not text. "
        f"At hand: {helpers()}; llm_query(prompt) and llm_query_batched(prompts) ask the sub-model, budget() "
        "says what is left for that, get_output(step) is all that a step printed, SUBMIT(value) sets the "
        "session's answer. A failure answers the traceback, and the session goes on.",
        schemas.schema(properties, ("code",)),
        destructive=True,
        open_world=True,
    )


def _ask() -> Tool:
    properties = {
        "question": schemas.text("What to ask about each chunk."),
        "of": schemas.text("The variable: a text, or a list of texts.", default="document"),
        "chunk_chars": schemas.count("Characters that one sub-call reads; by default 60,000.", least=1),
        "overlap": schemas.count("Characters that neighbouring chunks share.", default=0),
        "match": schemas.text("Ask only about chunks in which this regular expression is found."),
        "save_as": schemas.text("The variable that keeps all answers.", default="answers"),
        "session": _SESSION,
        "wait": _WAIT,
    }
    return Tool(
        "ask",
        "Ask a sub-model about every chunk",
        "Ask one question about every chunk of a variable, many at once, each in a sub-call of its own. "
        "Answers a coverage report (chunks asked, answered, failed; characters covered) and the findings; "
        "all answers stay in a variable for execute. Each chunk costs a sub-call: narrow with match, or "
        "with a list that execute has made.",
        schemas.schema(properties, ("question",)),
        open_world=True,
    )


def _save() -> Tool:
    properties = {
        "variable": schemas.text("The variable."),
        "to": schemas.text("The folder, from the project folder; made if need be."),
        "replace": schemas.flag("Replace what an earlier save of this variable wrote.", default=False),
        "session": _SESSION,
        "wait": _WAIT,
    }
    return Tool(
        "save",
        "Write a variable to files",
        "Write a variable into files, for subagents to read: a text is one file, a list of texts one each, "
        "all else JSON. Answers how many, their size and their paths. Only into a folder below the project's "
        "that is not hidden; what is there already is not replaced unasked.",
        schemas.schema(properties, ("variable", "to")),
        destructive=True,
    )


def _run() -> Tool:
    summaries = " ".join(f"{runner.name}: {runner.summary}" for runner in RUNNERS.values())
    properties = {"runner": schemas.choice("Which task.", *RUNNERS), **_own_options()}
    properties |= {
        "model": schemas.text("The model that writes code; by default the configured one."),
        "sub_model": schemas.text("The model that llm_query asks; by default as model."),
        "sandbox": _SANDBOX,
        "max_iterations": schemas.count("Most steps of the planner.", least=1),
        "max_llm_calls": schemas.count("Most sub-model calls."),
        "timeout": schemas.number("Most seconds for the whole run."),
    }
    return Tool(
        "run",
        "Hand a question to a run",
        "Let a planner model answer a whole question about documents in a sandbox of its own; no session is "
        f"needed, and none sees its variables. It takes minutes and costs model calls. {summaries}",
        schemas.schema(properties, ("runner",)),
        open_world=True,
    )


def _own_options() -> dict[str, Any]:
    """The options of all runners; each says which runners take it."""
    found: dict[str, Any] = {}
    for option in (option for runner in RUNNERS.values() for option in runner.options):
        takers = [one.name for one in RUNNERS.values() if any(o.name == option.name for o in one.options)]
        told = f"For {', '.join(takers)}. {option.help}"
        if option.type == "documents":
            found.setdefault(option.name, schemas.array(f"For {', '.join(takers)}. Files, folders or globs."))
        elif option.type == "count":
            found.setdefault(option.name, schemas.count(told))
        elif option.choices:
            found.setdefault(option.name, schemas.choice(told, *option.choices))
        else:
            found.setdefault(option.name, schemas.text(told))
    return found


def _status() -> Tool:
    return Tool(
        "status",
        "Show the sessions",
        "Show sessions, those of this project with their variables, what sub-calls have used of their "
        "limits, and how to go on.",
        schemas.schema({"session": schemas.text("Only this session.")}),
        read_only=True,
        idempotent=True,
    )


def _stop() -> Tool:
    properties = {"session": _SESSION, "all": schemas.flag("Stop every session of this user.", default=False)}
    return Tool(
        "stop",
        "End a session",
        "End the session and its sandbox; its variables are gone. Files and volumes stay.",
        schemas.schema(properties),
        destructive=True,
        idempotent=True,
    )


TOOLS: dict[str, Tool] = {
    tool.name: tool for tool in (_load(), _execute(), _ask(), _save(), _run(), _status(), _stop())
}
"""Every tool by name, in the order of their use."""
