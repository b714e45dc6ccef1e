"""The parts under a run: limits, the recorder's view of an RLM, the documents mapping."""

from __future__ import annotations

import signal
import threading
import time

import dspy
import pytest

from fleet_rlm.errors import UsageError
from fleet_rlm.rlm import RLM
from fleet_rlm.runs.document_map import DocumentMap
from fleet_rlm.runs.endings import Endings, LimitReachedError, run_until
from fleet_rlm.runs.options import RunOptions
from fleet_rlm.runs.places import Factory, choose
from fleet_rlm.runs.recorder import Recorder
from fleet_rlm.runs.wiring import load_settings
from fleet_rlm.sandboxes.trusted import TrustedSandbox


def test_run_until_returns():
    """The value comes back, from a thread that has the caller's context."""
    with dspy.context(max_errors=77):
        assert run_until(lambda: dspy.settings.max_errors, 5, lambda: None) == 77


def test_run_until_raises():
    """What the work raises is raised in the caller, also what is no Exception."""
    with pytest.raises(KeyboardInterrupt):
        run_until(lambda: (_ for _ in ()).throw(KeyboardInterrupt()), 5, lambda: None)


def test_run_until_stops():
    """At the limit, what the work uses is ended and the caller goes on."""
    over = threading.Event()
    with pytest.raises(LimitReachedError):
        run_until(lambda: over.wait(60), 0.1, over.set)
    assert over.is_set()


def test_run_until_is_interruptible():
    """An exception in the waiting thread, such as Ctrl-C, ends what the work uses and goes on its way."""
    over = threading.Event()

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_until(lambda: over.wait(60), None, over.set)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert over.is_set()


def test_endings_are_bounded():
    """An ending that hangs holds up neither the others nor the caller."""
    endings, ended = Endings(), threading.Event()
    endings.add(lambda: time.sleep(60))
    endings.add(ended.set)
    began = time.monotonic()
    endings.run()
    assert ended.is_set()
    assert time.monotonic() - began < 2


def test_late_endings():
    """What is opened after the end is ended at once."""
    endings, ended = Endings(), threading.Event()
    endings.run()
    endings.add(ended.set)
    assert ended.is_set()


def script_of(*steps):
    """A planner that answers with these steps."""
    return dspy.utils.DummyLM(
        [{"reasoning": f"r{number}", "code": code} for number, code in enumerate(steps, 1)]
    )


def recorded(*steps, max_iters=9, **options):
    """Run an RLM with these steps; return its prediction, the events and the recorder."""
    events, made = [], []
    factory = Factory(TrustedSandbox(), 30, made.append)
    rlm = RLM("question -> answer", interpreter_factory=factory, max_iters=max_iters, **options)
    recorder = Recorder(events.append, rlm)
    with dspy.context(lm=script_of(*steps), callbacks=[recorder]):
        prediction = rlm(question="q")
    assert len(made) >= 1
    return prediction, events, recorder


def test_recorder_sees_each_step():
    """Each step is one start with the planner's words and one end with the output, in order."""
    _, events, recorder = recorded("print('a')", "```python\n1 / 0\n```", "SUBMIT('done')")
    told = [(type(event).__name__, event.number) for event in events]
    assert [(name, n) for n in (1, 2, 3) for name in ("IterationStarted", "IterationEnded")] == told
    assert [step["reasoning"] for step in recorder.steps] == ["r1", "r2", "r3"]
    assert [event.code for event in events[::2]] == ["print('a')", "1 / 0", "SUBMIT('done')"]
    assert [event.failed for event in events[1::2]] == [False, True, False]
    assert recorder.steps[0]["output"] == "a"
    assert recorder.steps[2]["output"] == "SUBMIT {'answer': 'done'}"


def test_recorder_closes_steps_that_never_ran():
    """Code that is no Python never runs; its step ends with what the planner is told."""
    _, events, recorder = recorded("```bash\nls\n```", "SUBMIT('done')")
    assert [type(event).__name__ for event in events] == ["IterationStarted", "IterationEnded"] * 2
    assert events[1].failed
    assert "Expected Python code" in recorder.steps[0]["output"]


def test_recorder_ignores_nested_runs():
    """A sub-agent's own steps are not steps of the run; its model calls are sub-calls."""
    nested = "x = dspy.RLM('question -> answer', max_iters=3)(question='inner')"
    _, events, recorder = recorded("import dspy\n" + nested, "SUBMIT('inner')", "SUBMIT('outer')")
    assert [event.number for event in events if hasattr(event, "number")] == [1, 1, 2, 2]
    assert len(recorder.steps) == 2
    assert recorder.sub_calls == 1


def test_document_map():
    """The mapping is read-only, lazy and small, and shows itself by names and sizes."""
    spans = {"a.txt": (0, 3), "b/c.txt": (3, 7)}
    value = DocumentMap("docs", spans)
    space = {"docs": "abcdefg", "raw": value.to_sandbox().decode()}
    exec(value.sandbox_setup() + value.sandbox_assignment("documents", "raw"), space)
    made = space["documents"]
    assert dict(made) == {"a.txt": "abc", "b/c.txt": "defg"}
    assert repr(made) == "documents: a.txt (3 chars), b/c.txt (4 chars)"
    with pytest.raises(TypeError):
        made["a.txt"] = "x"


def test_document_map_preview():
    """The planner sees as many names as fit and how many more there are."""
    preview = DocumentMap("docs", {f"{n:04}.txt": (n, n + 1) for n in range(1000)}).rlm_preview()
    assert preview.startswith("0000.txt: 1 characters\n")
    assert preview.endswith(" more: list(documents)")
    assert len(preview) < 600


@pytest.mark.parametrize(
    ("options", "flag"),
    [({"secret_name": "X"}, "--secret-name"), ({"memory": "1G", "sandbox": "trusted"}, "--memory")],
)
def test_options_without_meaning(options, flag):
    """An option that the chosen sandbox cannot honour is refused, not ignored."""
    chosen = RunOptions(**options)
    with pytest.raises(UsageError, match=f"{flag} has no meaning"):
        choose(load_settings(chosen), chosen, 60)


@pytest.mark.parametrize("flag", [None, "auto"])
def test_auto_is_what_is_configured(monkeypatch, flag):
    """auto is the configured default, else local; another flag wins over the setting."""
    chosen = RunOptions(sandbox=flag)
    assert choose(load_settings(chosen), chosen, 60).name == "local"
    monkeypatch.setenv("FLEET_RLM_SANDBOX", "trusted")
    assert choose(load_settings(chosen), chosen, 60).name == "trusted"
    local = RunOptions(sandbox="local")
    assert choose(load_settings(local), local, 60).name == "local"


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", ""])
def test_volume_names(name):
    """A volume's name cannot lead out of the folder of volumes."""
    chosen = RunOptions(volume_name=name, sandbox="trusted")
    if not name:
        assert choose(load_settings(chosen), chosen, 60).sandbox.volume is None
        return
    with pytest.raises(UsageError, match="cannot be the name of a volume"):
        choose(load_settings(chosen), chosen, 60)
