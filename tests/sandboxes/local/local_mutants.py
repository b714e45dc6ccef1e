"""Confinements that are not what they should be: walls missing, kernels older than this one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import fleet_rlm
from fleet_rlm.sandboxes.local import LocalSandbox
from fleet_rlm.sandboxes.local.choose import candidates
from fleet_rlm.sandboxes.local.launch import Launch

PACKAGE = Path(fleet_rlm.__file__).parent
PARTS = ("protocol.py", "values", "driver")

Edit = tuple[str, str, str]
"""A file of the driver, what stands there, and what is to stand there instead."""


@dataclass(frozen=True)
class Mutant:
    """A confinement with walls missing, and the attempts that then get through."""

    confinement: str
    holes: frozenset[str] = frozenset()
    edits: tuple[Edit, ...] = ()
    flags: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    opened: tuple[str, ...] = ()


class Mutated:
    """A confinement that starts what ``mutant`` makes of it, from a copy of the driver in ``root``."""

    def __init__(self, mutant: Mutant, root: Path) -> None:
        (self._real,) = candidates(mutant.confinement)
        self._mutant, self._root = mutant, root
        for part in PARTS:
            source = PACKAGE / part
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, root / part)
        for file, old, new in mutant.edits:
            text = (root / file).read_text(encoding="utf-8")
            assert old in text
            (root / file).write_text(text.replace(old, new), encoding="utf-8")

    @property
    def name(self) -> str:
        return self._real.name

    def launch(self, policy, session) -> Launch:
        opened = {"home": str(Path.home()), "session": str(session.folder)}
        binds = [opened[one] for one in self._mutant.opened]
        extra = [str(self._root), *(binds if self.name == "landlock" else [])]
        launch = self._real.launch(replace(policy, read=(*policy.read, *extra)), session)
        argv = [
            str(self._root / "driver" / "__main__.py") if part.endswith("driver/__main__.py") else part
            for part in launch.argv
            if part not in self._mutant.without
        ]
        if self.name == "bwrap":
            flags = [*self._mutant.flags, *(word for path in binds for word in ("--bind", path, path))]
            place = argv.index("--remount-ro", argv.index("--setenv"))
            argv[place:place] = flags
        return Launch(tuple(argv), {**launch.env, **self._mutant.environment})


class MutatedSandbox:
    """A sandbox that starts only under one mutated confinement."""

    name = "local"
    description = ""
    start_timeout = 60.0

    def __init__(self, confinement: Mutated) -> None:
        self._confinement, self._sandbox = confinement, LocalSandbox()

    def open(self):
        return self._sandbox.open_under(self._confinement, self._sandbox.policy)

    def verify(self, ready) -> None:
        self._sandbox.verify(ready)
