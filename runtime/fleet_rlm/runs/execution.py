"""One execution of a runner: documents in, a typed result out, events on the way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import FleetError, RunTimeoutError
from fleet_rlm.runners import Facts, result_of
from fleet_rlm.runs import places, steps, wiring
from fleet_rlm.runs.endings import Endings, LimitReachedError, run_until
from fleet_rlm.runs.progress import (
    DocumentsRead,
    Finished,
    Noted,
    Preparing,
    Reading,
    SandboxChosen,
    Warned,
    ignore,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fleet_rlm.config import Settings
    from fleet_rlm.documents import Documents
    from fleet_rlm.interpreter import SandboxInterpreter
    from fleet_rlm.runners import Runner
    from fleet_rlm.runs.options import RunOptions
    from fleet_rlm.runs.progress import Listener
    from fleet_rlm.runs.recorder import Recorder

__all__ = ["execute"]


def execute(
    runner: Runner, given: Mapping[str, Any], options: RunOptions, listener: Listener = ignore
) -> dict[str, Any]:
    """Run ``runner`` and return its result: the keys of its shape, ``complete`` and ``warnings``.

    Ctrl-C, or any exception raised in the calling thread, ends the sandbox within a second.

    Args:
        runner: a row of ``RUNNERS``.
        given: the runner's own options by name.
        options: limits, models and sandbox.
        listener: is told what happens.

    Raises:
        FleetError: in each of its kinds; if steps had been made, the remedy names the file that holds them.
    """
    run = _Run(runner, runner.complete(given), options, listener)
    try:
        return run_until(run.perform, run.seconds, run.endings.run)
    except LimitReachedError:
        late = RunTimeoutError(
            f"The run took longer than {run.seconds:g} s.", remedy="Give it more time with --timeout."
        )
        raise steps.kept_with(late, runner.name, run.recorder) from None
    except FleetError as error:
        raise steps.kept_with(error, runner.name, run.recorder) from error.__cause__
    except BaseException as error:
        note = steps.keep(type(error).__name__, runner.name, run.recorder)
        if note:
            listener(Warned(note))
        raise


class _Run:
    """The state of one execution; ``perform`` runs in a thread of its own, the rest is read from outside."""

    def __init__(
        self, runner: Runner, values: dict[str, Any], options: RunOptions, listener: Listener
    ) -> None:
        self.seconds = runner.timeout if options.timeout is None else options.timeout
        self.recorder: Recorder | None = None
        self.endings = Endings()
        self._runner = runner
        self._values = values
        self._options = options
        self._emit = listener
        self._warnings: list[str] = []
        self._stops: list[Callable[[], None]] = []
        self._started = time.monotonic()

    def perform(self) -> dict[str, Any]:
        """Do everything and return the result."""
        settings = wiring.load_settings(self._options)
        place = places.choose(settings, self._options, self.seconds, self._emit)
        self.endings.add(place.discard)
        try:
            return self._answer(settings, place)
        finally:
            for stop in self._stops:  # code that was interrupted may have left questions behind
                stop()
            place.discard()

    def _answer(self, settings: Settings, place: places.Place) -> dict[str, Any]:
        planner, sub_lm = self._models(settings)
        place.prepare()
        documents = self._read()
        variables = self._variables(documents)
        self._emit(SandboxChosen(place.name, place.confinement()))
        # Code that never ends costs at most half of the run, and the planner learns of it.
        factory = places.Factory(place.sandbox, self.seconds / 2, self._track)
        with wiring.translated_errors():
            prediction = self._ask(settings, planner, sub_lm, factory, variables)
        return self._result(prediction, documents)

    def _track(self, interpreter: SandboxInterpreter) -> None:
        self.endings.add(interpreter.shutdown)

    def _models(self, settings: Settings) -> tuple[Any, Any]:
        self._emit(Preparing("model"))
        models = wiring.models(settings, self._options)
        for notice in dict.fromkeys(getattr(model, "notice", "") for model in models):
            if notice:
                self._warn(notice)
        for remark in dict.fromkeys(getattr(model, "remark", "") for model in models):
            if remark:
                self._emit(Noted(remark))
        self._stops = list(wiring.stops(models))
        for stop in self._stops:
            self.endings.add(stop)
        return models

    def _read(self) -> Documents | None:
        paths = self._values.get("docs_path")
        if paths is None:
            return None
        from fleet_rlm.documents import load  # noqa: PLC0415 - not every runner reads documents

        self._emit(Preparing("documents"))
        documents = load(paths, on_progress=lambda done, total: self._emit(Reading(done, total)))
        read = DocumentsRead(len(documents.sources), documents.chars, documents.lines, documents.left_out)
        self._emit(read)
        for warning in documents.warnings:
            self._warn(warning)
        return documents

    def _variables(self, documents: Documents | None) -> dict[str, Any]:
        shape = self._runner.shape(self._values)
        variables: dict[str, Any] = {}
        for name, option in shape.binds:
            if option != "docs_path" or documents is None:
                variables[name] = self._values[option]
                continue
            variables[name] = self._cut(documents.text)
            if len(documents.sources) > 1 and variables[name] is documents.text:
                from fleet_rlm.runs.document_map import DocumentMap  # noqa: PLC0415 - imports dspy

                variables["documents"] = DocumentMap(name, documents.spans)
        return variables

    def _cut(self, text: str) -> str:
        chars = self._values.get("chars", 0)
        if not 0 < chars < len(text):
            return text
        self._warn(
            f"Only the first {chars:,} of {len(text):,} characters were used; --chars 0 uses all of them."
        )
        return text[:chars]

    def _ask(
        self, settings: Settings, planner: Any, sub_lm: Any, factory: Any, variables: dict[str, Any]
    ) -> Any:
        import dspy  # noqa: PLC0415 - 700 ms, spent in this thread so that Ctrl-C need not wait for it

        from fleet_rlm.runs.recorder import Recorder  # noqa: PLC0415 - imports dspy

        rlm = wiring.make_rlm(
            self._runner,
            self._runner.shape(self._values).task,
            self._options,
            settings,
            sub_lm=sub_lm,
            interpreter_factory=factory,
            variables=variables,
        )
        self.recorder = Recorder(self._emit, rlm)
        callbacks = [*(dspy.settings.get("callbacks") or ()), self.recorder]
        with dspy.context(lm=planner, callbacks=callbacks):
            return rlm(**variables)

    def _result(self, prediction: Any, documents: Documents | None) -> dict[str, Any]:
        from fleet_rlm.rlm import is_complete  # noqa: PLC0415 - imports dspy

        complete = is_complete(prediction)
        if not complete:
            self._warn("The answer was forced: the planner used all its iterations without finishing.")
        facts = Facts(
            outputs=prediction.toDict(),
            trajectory=list(prediction.trajectory),
            doc_chars=documents.chars if documents else 0,
            doc_lines=documents.lines if documents else 0,
        )
        calls = self.recorder.sub_calls if self.recorder else 0
        self._emit(Finished(complete, len(facts.trajectory), calls, time.monotonic() - self._started))
        shape = self._runner.shape(self._values)
        return result_of(shape, facts, complete=complete, warnings=self._warnings)

    def _warn(self, message: str) -> None:
        self._warnings.append(message)
        self._emit(Warned(message))
