"""What a hostile cell may do to its session, as predicates over what ``execute`` returned or raised."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any

from dspy.primitives.code_interpreter import CodeExecutionError, CodeInterpreterError, FinalOutput

__all__ = ["Dead", "Fails", "Interrupted", "Lost", "Ok", "Outcome", "Raises", "Submits", "Syntax", "run"]


@dataclass(frozen=True)
class Ended:
    """How one execute ended: a result, or an exception."""

    result: Any = None
    error: BaseException | None = None


def run(
    interpreter: Any,
    code: str,
    variables: dict[str, Any] | None = None,
    *,
    interrupt_after: float | None = None,
) -> Ended:
    """Execute, and keep whatever comes of it; interrupted after so many seconds."""
    timer = threading.Timer(interrupt_after or 0, interpreter.interrupt)
    if interrupt_after is not None:
        timer.start()
    try:
        return Ended(result=interpreter.execute(code, variables))
    except BaseException as error:  # noqa: BLE001 - what is raised is what is tested
        return Ended(error=error)
    finally:
        timer.cancel()


@dataclass(frozen=True)
class Outcome:
    """An expected end; ``says`` is a pattern that its text must contain."""

    says: str = ""

    keeps_state = True
    """Whether the variables of earlier cells are there afterwards."""

    keeps_session = True
    """Whether the session goes on at all."""

    def fits(self, ended: Ended) -> bool:
        """Whether it ended like this."""
        raise NotImplementedError

    def _told(self, text: Any) -> bool:
        return re.search(self.says, str(text), re.DOTALL) is not None


class Ok(Outcome):
    """Ran to its end."""

    def fits(self, ended: Ended) -> bool:
        return (
            ended.error is None
            and not isinstance(ended.result, FinalOutput)
            and self._told(ended.result or "")
        )


@dataclass(frozen=True)
class Submits(Outcome):
    """Handed over an answer."""

    answer: Any = None

    def fits(self, ended: Ended) -> bool:
        return isinstance(ended.result, FinalOutput) and ended.result.output == {"output": self.answer}


class Syntax(Outcome):
    """Is not Python."""

    def fits(self, ended: Ended) -> bool:
        return isinstance(ended.error, SyntaxError) and self._told(ended.error)


class Fails(Outcome):
    """Raised, and nothing is lost."""

    def fits(self, ended: Ended) -> bool:
        if type(ended.error) is not CodeExecutionError or not self._told(ended.error):
            return False
        return not _is_lost(ended.error) and "was interrupted" not in str(ended.error)


class Interrupted(Outcome):
    """Stopped when it was interrupted, and nothing is lost."""

    def fits(self, ended: Ended) -> bool:
        return (
            type(ended.error) is CodeExecutionError
            and "variables are kept" in str(ended.error)
            and self._told(ended.error)
        )


class Lost(Outcome):
    """Took its process down; a fresh one is in its place."""

    keeps_state = False

    def fits(self, ended: Ended) -> bool:
        return type(ended.error) is CodeExecutionError and _is_lost(ended.error) and self._told(ended.error)


class Dead(Outcome):
    """Took the session down, and nothing else."""

    keeps_state = keeps_session = False

    def fits(self, ended: Ended) -> bool:
        return type(ended.error) is CodeInterpreterError and self._told(ended.error)


@dataclass(frozen=True)
class Raises(Outcome):
    """The host's own exception comes out of ``execute``."""

    kind: type[BaseException] = BaseException

    def fits(self, ended: Ended) -> bool:
        return type(ended.error) is self.kind and self._told(ended.error)


def _is_lost(error: BaseException) -> bool:
    return "a fresh one took over" in str(error)
