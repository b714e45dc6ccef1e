"""Random lives of an install: whatever a user and the commands do, no byte of the user's is lost."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from scaffold.box import Box, own, tree
from scaffold.conftest import MEMORY

LINES = [f"line {number}" for number in range(1, 8)]
PATHS = ["agents/a.md", "agents/b.md", "skills/s/SKILL.md", "skills/s/references/r.md"]


FOLDERS = ["agents", "skills/s"]
MINE = "mine.txt"


def in_the_way(place):
    """Whether there is a folder at a file's place, or a file at the place of its folder."""
    return place.is_dir() or any(parent.is_file() for parent in place.parents)


def text(*changes):
    """The base text with some lines replaced: line number -> new line."""
    lines = [*LINES]
    for number, line in changes:
        lines[number] = line
    return "\n".join(lines) + "\n"


VERSIONS = [
    {PATHS[0]: text(), PATHS[2]: text()},
    {PATHS[0]: text((1, "new 1")), PATHS[1]: text(), PATHS[2]: text(), PATHS[3]: text()},
    {PATHS[0]: text((5, "new 5")), PATHS[2]: text((3, "new 3"))},
    {PATHS[1]: text((1, "new 1"), (5, "newer 5")), PATHS[3]: text((3, "other 3"))},
]
OURS = {content.encode() for version in VERSIONS for content in version.values()}

COMMANDS = [
    ["install"],
    ["install", "--restore"],
    ["install", "--force"],
    ["install", "--skills-only"],
    ["install", "--no-teams"],
    ["upgrade"],
    ["upgrade", "--force"],
    ["uninstall"],
    ["uninstall", "--force"],
]
LOOKS = [
    ["status"],
    ["diff"],
    ["install", "--dry-run"],
    ["install", "--force", "--dry-run"],
    ["uninstall", "--dry-run"],
]


class Life(RuleBasedStateMachine):
    """One target, its user, and the commands."""

    zygote = None

    @initialize()
    def begin(self):
        parent = MEMORY if MEMORY.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="fleet-rlm-life-", dir=parent))
        self.box = Box(self.folder, self.zygote)
        self.box.offer(VERSIONS[0])
        self.box.run("install")
        self.edits = 0

    def teardown(self):
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    @rule(version=st.sampled_from(VERSIONS), path=st.sampled_from(PATHS), line=st.integers(0, 6))
    def an_edit_and_a_new_release(self, version, path, line):
        self._edit(self.box.target / path, line)
        self.box.offer(version)

    @rule(version=st.sampled_from(VERSIONS))
    def a_new_release(self, version):
        self.box.offer(version)

    @rule(path=st.sampled_from(PATHS), line=st.integers(0, 6))
    def the_user_edits(self, path, line):
        self._edit(self.box.target / path, line)

    @rule(data=st.data(), line=st.integers(0, 6))
    def the_user_works_on_a_staged_file(self, data, line):
        incoming = self.box.target / ".fleet-rlm/incoming"
        staged = [
            path for path in sorted(tree(incoming)) if not path.endswith("/")
        ]  # a kill may leave a folder
        if staged:
            self._edit(incoming / data.draw(st.sampled_from(staged)), line)

    @rule(path=st.sampled_from(PATHS))
    def the_user_deletes(self, path):
        place = self.box.target / path
        if not in_the_way(place):
            place.unlink(missing_ok=True)

    @rule(path=st.sampled_from(PATHS), version=st.sampled_from(VERSIONS))
    def the_user_copies_a_release(self, path, version):
        place = self.box.target / path
        if path in version and not place.is_symlink() and not in_the_way(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(version[path])

    @rule(path=st.sampled_from(PATHS))
    def the_user_makes_a_link_of_it(self, path):
        place = self.box.target / path
        if place.is_file() and not place.is_symlink():
            self.edits += 1
            elsewhere = self.box.home / f"dotfile-{self.edits}"
            place.rename(elsewhere)
            place.symlink_to(elsewhere)

    @rule(path=st.sampled_from(PATHS))
    def the_user_takes_the_link_away(self, path):
        place = self.box.target / path
        if place.is_symlink():
            place.unlink()

    @rule(path=st.sampled_from(PATHS))
    def the_user_makes_a_folder_of_it(self, path):
        place = self.box.target / path
        if place.is_file() and not place.is_symlink():
            data = place.read_bytes()
            place.unlink()
            place.mkdir()
            (place / "part.md").write_bytes(data)

    @rule(path=st.sampled_from(FOLDERS))
    def the_user_makes_a_file_of_a_folder(self, path):
        place = self.box.target / path
        if place.is_dir():
            self.edits += 1
            place.rename(self.box.home / f"folder-{self.edits}")
            place.write_text(f"mine {self.edits}\n")

    @rule(path=st.sampled_from([*PATHS, *FOLDERS]))
    def the_user_takes_it_out_of_the_way(self, path):
        place = self.box.target / path
        if place.is_dir() if path in PATHS else place.is_file():
            self.edits += 1
            place.rename(self.box.home / f"away-{self.edits}")

    @rule(folder=st.sampled_from(["", "blobs", "tmp", "incoming", "backups"]))
    def the_user_leaves_a_file_in_our_folder(self, folder):
        place = self.box.target / ".fleet-rlm" / folder / MINE
        place.parent.mkdir(parents=True, exist_ok=True)
        self._edit(place, 0)

    @rule(command=st.sampled_from(COMMANDS))
    def a_command(self, command):
        before = self._theirs()
        done = self.box.run(*command)
        assert done.code in {0, 1, 2}, done
        assert before <= self._all(), done
        after = tree(self.box.home)
        self.box.run(*command)
        assert tree(self.box.home) == after

    @rule(command=st.sampled_from(COMMANDS), effect=st.integers(1, 60))
    def a_killed_command(self, command, effect):
        before = self._theirs()
        self.box.run(*command, fault=(effect, "kill", ""))
        assert before <= self._all()

    @rule(command=st.sampled_from(LOOKS))
    def a_look(self, command):
        before = tree(self.box.home)
        self.box.run(*command)
        assert tree(self.box.home) == before

    @invariant()
    def nothing_of_ours_outside_our_folder(self):
        if hasattr(self, "box") and self.box.target.exists():
            assert not [path for path in own(self.box.target) if path.endswith(("-tmp", ".conflict"))]

    def _edit(self, place, line):
        if in_the_way(place):
            return
        self.edits += 1
        place.parent.mkdir(parents=True, exist_ok=True)
        lines = place.read_text().splitlines() if place.exists() else [*LINES]
        lines[line % max(len(lines), 1)] = f"mine {self.edits}"
        place.write_text("\n".join(lines) + "\n")

    def _theirs(self):
        """Every text below the home that is no release's: the user's, merged ones and backups included."""
        state = tree(self.box.target / ".fleet-rlm")
        kept = {data for path, data in state.items() if path.startswith("backups/") or path.endswith(MINE)}
        staged = {data for path, data in state.items() if path.startswith("incoming/") and b"mine" in data}
        outside = {
            data for path, data in tree(self.box.home).items() if not path.startswith(".claude/.fleet-rlm")
        }
        marked = {
            data for data in staged if b"<<<<<<<" in data
        }  # a marked-up copy is made again from what is kept
        return {data for data in (outside | kept | staged) - marked if data and data not in OURS}

    def _all(self):
        return set(tree(self.box.home).values())


@pytest.mark.parametrize("examples", [30])
def test_no_byte_is_ever_lost(zygote, examples):
    """In random sequences of edits, releases, commands and kills every user text stays; a second run changes nothing."""
    Life.zygote = zygote
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=[Phase.generate],  # a failure is told as it was found: a life is short enough to read
        ),
    )
