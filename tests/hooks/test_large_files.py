"""What the hooks say before a file would be poured into the conversation."""

from __future__ import annotations

import os
import shlex

import pytest

RULE = (
    "fleet-rlm: logs and data files are best left where they are. A plain lookup is a grep; a question that needs "
    "understanding goes to the skill rlm, and only its answer enters the conversation."
)


def said_of(path, instead="Search it with grep, or work on the whole of it in a session:"):
    """The notice for a file of 500,000 bytes."""
    return (
        f"fleet-rlm: {path} is 488.3 KB (500,000 bytes), about 125,000 tokens (bytes / 4): too much for this "
        f'conversation. {instead} fleet-rlm session load {shlex.quote(str(path))} (skill: rlm).'
    )


def test_read_of_a_large_file_is_told(hooks, big):
    """A Read of a large log gets size, tokens, the command, and the rule's advice."""
    expected = (
        f"fleet-rlm: {big} is 1.9 MB (2,000,000 bytes), about 500,000 tokens (bytes / 4): too much for this conversation. "
        "Read a part with offset and limit, search it with grep, or work on the whole of it in a session: "
        f"fleet-rlm session load {big} (skill: rlm).\n{RULE}"
    )
    assert expected == hooks.read(big)


def test_a_rule_that_does_not_match_adds_nothing(hooks, plain):
    """A large file whose name no rule knows gets the measured facts alone."""
    assert said_of(plain) == hooks.bash(f"cat {plain}")


@pytest.mark.parametrize("option", [{"offset": 10}, {"limit": 5}, {"pages": "1-3"}, {"allow_large": True}])
def test_a_ranged_read_is_deliberate(hooks, big, option):
    """A Read of a part is left alone, and does not use up the notice."""
    assert hooks.read(big, **option) == ""
    assert "1.9 MB" in hooks.read(big)


def test_once_for_a_file_and_session(hooks, big, plain):
    """The same file is told once, by whatever name; another file and another session are told."""
    link = hooks.cwd / "link.log"
    link.symlink_to(big)
    assert "1.9 MB" in hooks.read(big)
    assert hooks.read(big) == ""
    assert hooks.bash("cat ./big.log") == ""
    assert hooks.read(link) == ""
    assert said_of(plain) == hooks.bash("cat novel.text")
    hooks.session = "session-2"
    assert "1.9 MB" in hooks.read(big)


def test_a_subagent_has_a_context_of_its_own(hooks, big):
    """What the session was told, its subagent was not."""
    given = {"tool_name": "Read", "tool_input": {"file_path": str(big)}}
    assert "1.9 MB" in hooks.send("PreToolUse", **given)
    assert "1.9 MB" in hooks.send("PreToolUse", agent_id="agent-1", **given)
    assert hooks.send("PreToolUse", agent_id="agent-1", **given) == ""


def test_a_compacted_conversation_is_told_again(hooks, big):
    """After compaction the model has not been told; after a resumption it still has."""
    assert "1.9 MB" in hooks.read(big)
    assert hooks.send("SessionStart", source="resume") == ""
    assert hooks.read(big) == ""
    assert hooks.send("SessionStart", source="compact") == ""
    assert "1.9 MB" in hooks.read(big)


def test_two_at_once_say_it_once(hooks, big):
    """Of hooks that run at the same moment exactly one speaks."""
    given = {"tool_name": "Read", "tool_input": {"file_path": str(big)}}
    running = [hooks.start("PreToolUse", **given) for _ in range(8)]
    answers = [process.communicate(timeout=30)[0] for process in running]
    assert sum(bool(answer) for answer in answers) == 1


def test_the_rule_is_told_once_for_many_files(hooks, big):
    """A second large log gets its own size without the advice that was given already."""
    (hooks.cwd / "other.log").write_text("y" * 500_000)
    hooks.read(big)
    assert said_of(hooks.cwd / "other.log") == hooks.bash("cat other.log")


@pytest.mark.parametrize(
    "command",
    [
        "cat novel.text", "less novel.text", "more ./novel.text", "bat --style=plain novel.text", "type novel.text",
        "head -n 100000 novel.text", "head -100000 novel.text", "head -n -5 novel.text", "head --bytes=900000 novel.text",
        "head -c 1M novel.text", "tail -n +1 novel.text", "tail -c +1 novel.text", "cat < novel.text", "sed 's/a/b/' novel.text",
        "sed '' novel.text", "jq . novel.text", "cat -n novel.text 2>/dev/null", "cat novel.text 2>&1", "cat novel.text | sort | less",
        "cat novel.text | tee copy", "cat novel.text | head -n 999999", "pwd && cat novel.text", "ls # note\ncat novel.text\npwd", "cat *.text",
        "sudo cat novel.text", "timeout 5 cat novel.text", "LANG=C cat novel.text", "if true; then cat novel.text; fi",
        "cd .. && cd work && cat novel.text", "(cd . && cat novel.text)", "echo $(date) && cat novel.text", "cat novel.text & wait",
    ],
)  # fmt: skip
def test_commands_that_pour_are_told(hooks, plain, command):
    """A command that would print the whole file is told."""
    assert said_of(plain) in hooks.bash(command).replace("work/../work", "work")


@pytest.mark.parametrize(
    "command",
    [
        "ls -la novel.text", "grep word novel.text", "wc -c novel.text", "cat novel.text | grep x", "cat novel.text | head",
        "cat novel.text | wc -l", "cat novel.text|head -5", "head novel.text", "head -n 50 novel.text", "head -c 2000 novel.text",
        "tail -n 100 novel.text", "tail -f novel.text", "cat novel.text > copy", "cat novel.text >> copy", "cat novel.text &> copy",
        "x=$(cat novel.text)", 'echo "$(cat novel.text)" | wc', "diff <(cat novel.text) other", "sed -n 1,10p novel.text",
        "sed -i s/a/b/ novel.text", "jq .name novel.text", "python -c 'print(1)' novel.text", "# cat novel.text", "echo cat novel.text",
        "cat <<EOF > copy\ncat novel.text\nEOF", "cat <<'EOF'\ncat novel.text\nEOF", "cat 'novel.text", "cat missing.text", "cat", "", "cat .",
    ],
)  # fmt: skip
def test_commands_that_do_not_pour_are_quiet(hooks, plain, command):
    """Samples, reductions, redirections, substitutions and what cannot be parsed are left alone."""
    assert (plain.stat().st_size, hooks.bash(command)) == (500_000, "")


def test_small_files_poured_together(hooks):
    """Files that are small each and large together are told as what they are; beyond five by the pattern."""
    folder = hooks.cwd / "parts of it"
    folder.mkdir()
    for number in range(7):
        (folder / f"{number}.txt").write_text("z" * 50_000)
    names = ", ".join(str(folder / f"{number}.txt") for number in range(5))
    expected = (
        f"fleet-rlm: {names} and 2 more are together 341.8 KB (350,000 bytes), about 87,500 tokens (bytes / 4): too much for "
        "this conversation. Search it with grep, or work on the whole of it in a session: "
        f"fleet-rlm session load '{folder}/*.txt' (skill: rlm)."
    )
    assert expected == hooks.bash('cat "parts of it"/*.txt')


@pytest.mark.parametrize(("size", "told"), [(262_144, False), (262_145, True)])
def test_the_threshold_is_256_kb(hooks, size, told):
    """A file of exactly the threshold is quiet; one byte more is told."""
    path = hooks.cwd / "edge.txt"
    path.write_text("x" * size)
    assert told == bool(hooks.read(path))


@pytest.mark.parametrize(
    ("value", "told"),
    [("1M", False), ("499999", True), ("500000", False), ("0.4 mib", True), ("nonsense", True)],
)
def test_the_threshold_can_be_set(hooks, plain, value, told):
    """The variable sets the threshold; what is no size is logged and changes nothing."""
    hooks.environment["FLEET_RLM_HOOK_THRESHOLD"] = value
    assert told == bool(hooks.read(plain))
    assert ("'nonsense' is no size" in hooks.log) == (value == "nonsense")


def test_the_threshold_as_a_setting(hooks, plain):
    """``hook_threshold`` in config.yaml counts, and the variable wins over it."""
    config = hooks.home / ".config/fleet-rlm/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("model: script:generic\nhook_threshold: 1M  # larger than most\n")
    assert hooks.read(plain) == ""
    hooks.environment["FLEET_RLM_HOOK_THRESHOLD"] = "1K"
    assert "488.3 KB" in hooks.read(plain)


def test_images_and_other_binaries_are_quiet(hooks):
    """What is not text has no tokens to save: images are scaled by the client, binaries refused."""
    path = hooks.cwd / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 500_000)
    assert hooks.read(path) == ""


def test_utf_16_is_text(hooks):
    """A log in UTF-16 holds zero bytes and is told all the same."""
    path = hooks.cwd / "wide.txt"
    path.write_text("wide " * 100_000, encoding="utf-16")
    assert "976.6 KB (1,000,002 bytes)" in hooks.read(path)


def test_a_pdf_has_a_size_and_no_token_estimate(hooks):
    """A PDF's bytes say nothing about its tokens, and the notice says so."""
    path = hooks.cwd / "paper.pdf"
    path.write_bytes(b"%PDF-1.7\n" + b"\0" * 500_000)
    assert (
        "is 488.3 KB (500,009 bytes), and a PDF's size does not tell how many tokens its text has: too"
        in hooks.read(path)
    )


def test_nothing_that_could_hang_is_opened(hooks):
    """A pipe, a folder, a device and an endless name are left alone."""
    os.mkfifo(hooks.cwd / "pipe")
    for path in (hooks.cwd / "pipe", hooks.cwd, "/dev/zero", "x" * 10_000, "//server/share/x", "a\0b"):
        assert hooks.read(path) == ""
    assert hooks.log == ""


def test_hostile_names_stay_one_word(hooks):
    """A path with quotes, spaces and a newline is quoted for the shell, and breaks no line of the state."""
    path = hooks.cwd / "it's; rm -rf\n$HOME.dat"
    path.write_text("q" * 500_000)
    said = hooks.read(path)
    assert shlex.split(said.partition("in a session: ")[2].partition(" (skill")[0])[3] == str(path)
    assert hooks.read(path) == ""
