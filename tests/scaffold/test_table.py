"""Every row of the installer's table, with and without --force, through the command line."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from scaffold.box import Box, own, tree

PATH = "agents/a.md"
BASE = "".join(f"line {number}\n" for number in range(1, 10))
NEW = BASE.replace("line 8", "line 8, new")
EDITED = BASE.replace("line 2", "line 2, mine")
MERGED = NEW.replace("line 2", "line 2, mine")
CLASH = BASE.replace("line 8", "line 8, mine")


@dataclass(frozen=True)
class Case:
    """Recorded, disk and new, and what an install makes of them without and with --force."""

    name: str
    row: int
    status: str
    recorded: str | None
    disk: str | None
    new: str | None
    then: str | None
    record: str | None
    forced: str | None
    forced_record: str | None
    code: int = 0
    staged: tuple[str, ...] = ()
    backup: str | None = None
    forced_backup: str | None = None

    def __str__(self) -> str:
        return f"{self.row}-{self.name}"


CASES = [
    Case("create", 1, " A", None, None, NEW, NEW, NEW, NEW, NEW),
    Case("adopt", 2, "  ", None, NEW, NEW, NEW, NEW, NEW, NEW),
    Case("foreign", 3, "?C", None, EDITED, NEW, EDITED, None, NEW, NEW, 1, (PATH,), forced_backup=EDITED),
    Case("unchanged", 4, "  ", BASE, BASE, BASE, BASE, BASE, BASE, BASE),
    Case("update", 5, " M", BASE, BASE, NEW, NEW, NEW, NEW, NEW),
    Case("converge", 6, "  ", BASE, NEW, NEW, NEW, NEW, NEW, NEW),
    Case("edited", 7, "M ", BASE, EDITED, BASE, EDITED, BASE, BASE, BASE, forced_backup=EDITED),
    Case("merge", 8, "MM", BASE, EDITED, NEW, MERGED, NEW, NEW, NEW, backup=EDITED, forced_backup=EDITED),
    Case(
        "conflict",
        8,
        "MC",
        BASE,
        CLASH,
        NEW,
        CLASH,
        BASE,
        NEW,
        NEW,
        1,
        (PATH, f"{PATH}.conflict"),
        forced_backup=CLASH,
    ),
    Case("deleted", 9, "D ", BASE, None, BASE, None, BASE, BASE, BASE),
    Case("deleted-updated", 9, "D ", BASE, None, NEW, None, BASE, NEW, NEW),
    Case("removed-upstream", 10, " D", BASE, BASE, None, None, None, None, None),
    Case("orphan", 11, "MO", BASE, EDITED, None, EDITED, None, None, None, forced_backup=EDITED),
    Case("forget", 12, "  ", BASE, None, None, None, None, None, None),
]


def arrange(box: Box, case: Case) -> None:
    """Bring the three states about, the way a user would."""
    if case.recorded is not None:
        box.offer({PATH: case.recorded, "skills/other/SKILL.md": "other"})
        assert box.run("install").code == 0
    box.offer({"skills/other/SKILL.md": "other", **({} if case.new is None else {PATH: case.new})})
    place = box.target / PATH
    if case.disk is None:
        place.unlink(missing_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(case.disk)


def on_disk(box: Box) -> str | None:
    place = box.target / PATH
    return place.read_text() if place.exists() else None


def recorded(box: Box) -> str | None:
    """The content that the manifest's record stands for, from the blob it must have."""
    entry = box.manifest["files"].get(PATH)
    return (box.target / ".fleet-rlm/blobs" / entry["sha256"]).read_text() if entry else None


COMMANDS = [
    pytest.param(case, command, id=f"{case}-{command}")
    for case in CASES
    for command in ("install", "upgrade")
    if command == "install" or case.recorded is not None
]


@pytest.mark.parametrize(("case", "command"), COMMANDS)
def test_row(box, case, command):
    """Disk, record, exit code, status, staged files and backups are as the row says; again changes nothing."""
    arrange(box, case)
    status = box.run("status", "--json")
    done = box.run(command, "--json")
    assert (done.code, on_disk(box), recorded(box)) == (case.code, case.then, case.record)
    assert status.rows[PATH][:2] == (case.row, case.status) == done.rows[PATH][:2]
    incoming = box.target / ".fleet-rlm/incoming"
    assert sorted(tree(incoming)) == sorted(case.staged)
    assert {path: (incoming / path).read_text() for path in case.staged if path == PATH} == (
        {PATH: case.new} if case.staged else {}
    )
    assert box.backups() == ({PATH: case.backup.encode()} if case.backup else {})
    before = tree(box.home)
    again = box.run(command, "--json")
    assert (again.json["written"], tree(box.home)) == (False, before)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_row_forced(box, case):
    """With --force a user's file is replaced or removed, and is in a backup; the exit code is 0."""
    arrange(box, case)
    done = box.run("install", "--force")
    assert (done.code, on_disk(box), recorded(box)) == (0, case.forced, case.forced_record)
    assert box.backups() == ({PATH: case.forced_backup.encode()} if case.forced_backup else {})
    before = tree(box.home)
    assert box.run("install", "--force").code == 0
    assert tree(box.home) == before


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["plain", "force"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_dry_run_is_the_same_plan(box, case, force):
    """Row 17: a dry run, status and diff write nothing, and decide what the real run decides."""
    arrange(box, case)
    before = tree(box.home)
    dry = box.run("install", "--dry-run", "--json", *force)
    box.run("status")
    box.run("diff")
    assert tree(box.home) == before
    real = box.run("install", "--json", *force)
    assert (dry.code, dry.rows) == (real.code, real.rows)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.recorded is None and case.disk is None], ids=str
)
def test_dry_run_makes_no_target(box, case):
    """A dry run does not even make the folder."""
    arrange(box, case)
    assert box.run("install", "--dry-run").code == 0
    assert not box.target.exists()


@pytest.mark.parametrize("row", [9])
def test_restore_creates_what_was_deleted(box, row):
    """Row 9: --restore creates a deleted file again, in the new version."""
    case = next(case for case in CASES if case.name == "deleted-updated")
    arrange(box, case)
    done = box.run("install", "--restore", "--json")
    assert (done.code, on_disk(box), recorded(box)) == (0, NEW, NEW)
    assert done.rows[PATH] == (row, "D ", "created again")


@pytest.mark.parametrize("name", ["foreign", "conflict"])
def test_keep_settles_it(box, name):
    """--keep PATH takes the user's file as the answer: nothing is asked again, and later versions merge."""
    case = next(case for case in CASES if case.name == name)
    arrange(box, case)
    assert box.run("install").code == 1
    done = box.run("install", "--keep", PATH)
    assert (done.code, on_disk(box), recorded(box)) == (0, case.disk, NEW)
    assert not (box.target / ".fleet-rlm/incoming").exists()
    assert box.run("status").out == f"M  {PATH}  edited by you\n"
    box.offer({PATH: NEW + "line 10\n", "skills/other/SKILL.md": "other"})
    assert box.run("upgrade").code == 0
    assert on_disk(box) == case.disk + "line 10\n"


def test_keep_of_an_unknown_path_is_refused(box):
    """--keep of a path that is not ours is a usage error that names it."""
    box.offer({PATH: BASE})
    done = box.run("install", "--keep", "agents/b.md")
    assert (done.code, box.target.exists()) == (2, False)
    assert "agents/b.md" in done.err


def obstacle(thing, place):
    """Put something at ``place`` that is not a regular file."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    elsewhere = place.parents[3] / "elsewhere"
    elsewhere.write_text("theirs")
    if thing == "symlink":
        place.symlink_to(elsewhere)
    elif thing == "dangling":
        place.symlink_to("nowhere")
    elif thing == "folder":
        place.mkdir()
        (place / "mine").write_text("mine")
    else:
        os.mkfifo(place)
    return elsewhere


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["plain", "force"])
@pytest.mark.parametrize("installed", [False, True], ids=["new", "installed"])
@pytest.mark.parametrize("thing", ["symlink", "dangling", "folder", "fifo"])
def test_row_13(box, thing, installed, force):
    """Row 13: a link, a folder or a special file is never followed and never replaced; the rest is installed."""
    box.offer({PATH: BASE, "agents/b.md": "b"})
    if installed:
        box.run("install")
    elsewhere = obstacle(thing, box.target / PATH)
    box.offer({PATH: NEW, "agents/b.md": "b"})
    kinds = (box.target / PATH).lstat().st_mode
    done = box.run("install", "--json", *force)
    assert (done.code, done.rows[PATH]) == (1, (13, "X ", "refused"))
    assert elsewhere.read_text() == "theirs"
    assert (box.target / PATH).lstat().st_mode == kinds
    assert (box.target / "agents/b.md").read_text() == "b"
    assert box.run("uninstall", *force).code == int(installed)
    assert (box.target / PATH).lstat().st_mode == kinds


def test_row_13_for_a_folder_that_is_a_link(box):
    """Row 13: a folder that is a link inside the target is not followed; the reader is told which."""
    box.offer({PATH: BASE})
    elsewhere = box.home / "elsewhere"
    elsewhere.mkdir()
    box.target.mkdir()
    (box.target / "agents").symlink_to(elsewhere)
    done = box.run("install")
    assert (done.code, tree(elsewhere)) == (1, {})
    assert "agents is a symbolic link; move it away, then run this again" in done.out


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["plain", "force"])
def test_row_14_unreadable(user_box, force):
    """Row 14: an unreadable file stops everything before the first write, also with --force."""
    user_box.offer({PATH: BASE, "agents/b.md": "b"})
    place = user_box.target / PATH
    place.parent.mkdir(parents=True)
    place.write_text("mine")
    place.chmod(0)
    done = user_box.run("install", *force)
    place.chmod(0o600)
    assert (done.code, tree(user_box.target)) == (1, {PATH: b"mine"})
    assert "Permission denied; make it readable" in done.out


def test_row_14_target_open_to_everybody(box):
    """Row 14: a target that everybody may write to is refused."""
    box.offer({PATH: BASE})
    box.target.mkdir()
    box.target.chmod(0o777)
    done = box.run("install")
    assert (done.code, tree(box.target)) == (1, {})
    assert "not safe to install into: everybody may write there" in done.err


UNINSTALL = [
    ("as-installed", BASE, None, None),
    ("edited", EDITED, EDITED, EDITED),
    ("deleted", None, None, None),
]


@pytest.mark.parametrize("force", [False, True], ids=["plain", "force"])
@pytest.mark.parametrize(
    ("disk", "then", "backup"), [case[1:] for case in UNINSTALL], ids=[case[0] for case in UNINSTALL]
)
def test_rows_15_and_16(box, disk, then, backup, force):
    """Rows 15 and 16: what is as installed goes; what was edited stays, or with --force goes to a backup."""
    box.offer({PATH: BASE, "skills/a/references/deep/b.md": "b"})
    box.run("install")
    (box.target / "skills/mine").mkdir()
    place = box.target / PATH
    place.unlink() if disk is None else place.write_text(disk)
    done = box.run("uninstall", *(["--force"] if force else []))
    assert (done.code, on_disk(box)) == (0, None if force else then)
    assert box.backups() == ({PATH: backup.encode()} if force and backup else {})
    kept = {} if force or then is None else {PATH: then.encode()}
    assert own(box.target) == {**kept, "skills/mine/": b""}
    assert (box.target / ".fleet-rlm").exists() == bool(force and backup)


def test_uninstall_leaves_nothing(box):
    """An uninstall after an install leaves not even a folder, the target included if the install made it."""
    before = tree(box.home)
    box.offer({PATH: BASE, "skills/a/references/deep/b.md": "b"})
    box.run("install")
    assert box.run("uninstall").code == 0
    assert tree(box.home) == before


def test_uninstall_leaves_folders_that_were_there(box):
    """Empty folders of the user's own stay after install and uninstall."""
    (box.target / "agents").mkdir(parents=True)
    box.offer({PATH: BASE})
    box.run("install")
    box.run("uninstall")
    assert tree(box.target) == {"agents/": b""}


def test_uninstall_of_nothing(box):
    """Uninstalling where nothing is installed says so, writes nothing and succeeds."""
    done = box.run("uninstall")
    assert (done.code, tree(box.home)) == (0, {})
    assert done.out == f"{box.target}: nothing to do.\n"


def test_a_staged_file_that_was_worked_on_is_the_users(box):
    """A staged file that the user has edited is backed up before a newer one takes its place."""
    box.offer({PATH: NEW})
    place = box.target / PATH
    place.parent.mkdir(parents=True)
    place.write_text(EDITED)
    box.run("install")
    (box.target / ".fleet-rlm/incoming" / PATH).write_text("worked on")
    box.offer({PATH: BASE})
    assert box.run("install").code == 1
    assert (box.target / ".fleet-rlm/incoming" / PATH).read_text() == BASE
    assert box.backups() == {f"incoming/{PATH}": b"worked on"}


def test_a_merge_keeps_the_line_ends_of_the_users_file(box):
    """A file whose line ends an editor has changed is merged, and keeps them."""
    box.offer({PATH: BASE})
    box.run("install")
    place = box.target / PATH
    place.write_bytes(EDITED.replace("\n", "\r\n").encode())
    box.offer({PATH: NEW})
    assert box.run("upgrade").code == 0
    assert place.read_bytes() == MERGED.replace("\n", "\r\n").encode()


@pytest.mark.parametrize("loss", ["git", "base"])
def test_without_git_or_base_an_edited_file_is_a_conflict(box, loss):
    """What cannot be merged is left as it is, with the new version beside it and the reason."""
    box.offer({PATH: BASE})
    box.run("install")
    (box.target / PATH).write_text(EDITED)
    box.offer({PATH: NEW})
    environ = {"PATH": str(box.bin)} if loss == "git" else {}
    if loss == "base":
        for blob in (box.target / ".fleet-rlm/blobs").iterdir():
            blob.write_text("spoilt")
    (box.bin / "sh").symlink_to("/bin/sh")
    done = box.run("upgrade", **environ)
    assert (done.code, on_disk(box)) == (1, EDITED)
    reason = {
        "git": "git, which merges, is not on PATH",
        "base": "the version that it was edited from is no longer known",
    }[loss]
    assert done.out.splitlines()[0] == (
        f"kept  {PATH}  edited by you, and {reason}; the new version is in .fleet-rlm/incoming/{PATH}"
        f"  see: fleet-rlm-scaffold diff {PATH}"
    )


def test_a_conflict_is_marked_beside_the_file_and_never_in_it(box):
    """Both versions and the base, with labels, are in a copy that the client does not read."""
    case = next(case for case in CASES if case.name == "conflict")
    arrange(box, case)
    box.run("upgrade")
    marked = (box.target / f".fleet-rlm/incoming/{PATH}.conflict").read_text()
    assert (
        "<<<<<<< your version\nline 8, mine\n||||||| as installed\nline 8\n=======\nline 8, new\n>>>>>>> fleet-rlm-scaffold"
        in marked
    )
    assert "<<<<" not in (box.target / PATH).read_text()


def test_a_program_stays_one_and_permissions_of_the_user_stay(box):
    """An executable asset is executable; a later version keeps the permissions that the user chose."""
    box.offer({PATH: BASE}, executable=True)
    box.run("install")
    place = box.target / PATH
    assert place.stat().st_mode & 0o777 == 0o755
    place.chmod(0o700)
    box.offer({PATH: NEW}, executable=True)
    box.run("upgrade")
    assert (place.read_text(), place.stat().st_mode & 0o777) == (NEW, 0o700)
    box.offer({PATH: NEW})
    box.run("upgrade")
    assert place.stat().st_mode & 0o777 == 0o600
