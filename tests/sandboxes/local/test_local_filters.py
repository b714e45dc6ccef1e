"""The system call filters, asked call by call on a BPF machine of our own: every architecture, no kernel needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from local_bpf import ALLOWED, KILLED, verdict

from fleet_rlm.driver.lockdown import syscalls
from fleet_rlm.driver.lockdown.seccomp import assemble, driver_rules, worker_rules

MACHINES = sorted(syscalls.MACHINES)
HEADERS = {
    "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "aarch64": "/usr/include/asm-generic/unistd.h",
}
ME = 7
NEW_USER, THREAD = 0x10000000, 0x003D0F00
UNIX, INET, STREAM, DATAGRAM, CLOEXEC = 1, 2, 1, 2, 0o2000000

WORKER_CALLS = [
    # an ordinary program's calls
    ("openat", (-100, 1, 0), ALLOWED, ALLOWED),
    ("openat", (-100, 1, 0o101, 0o1777), ALLOWED, ALLOWED),
    ("fchmod", (3, 0o755), ALLOWED, ALLOWED),
    ("clone", (THREAD,), ALLOWED, ALLOWED),
    ("socketpair", (UNIX, STREAM | CLOEXEC), ALLOWED, ALLOWED),
    ("sendto", (3, 1, 1, 0, 0), ALLOWED, ALLOWED),
    ("mmap", (0, 4096, 3, 0x22), ALLOWED, ALLOWED),
    ("fcntl", (3, 2, 1), ALLOWED, ALLOWED),
    ("ioctl", (3, 0x5421, 0), ALLOWED, ALLOWED),
    ("prctl", (15, 1), ALLOWED, ALLOWED),
    ("prlimit64", (0, 7, 0, 1), ALLOWED, ALLOWED),
    ("kill", (ME, 9), ALLOWED, ALLOWED),
    ("tgkill", (ME, ME + 1, 10), ALLOWED, ALLOWED),
    # processes, and only where they are allowed
    ("clone", (17,), "EPERM", ALLOWED),
    ("execve", (1, 1, 1), "EPERM", ALLOWED),
    ("kill", (1, 15), "EPERM", ALLOWED),
    ("kill", (-1, 9), "EPERM", ALLOWED),
    ("tkill", (ME, 9), "EPERM", ALLOWED),
    ("clone3", (1, 88), "ENOSYS", "ENOSYS"),
    # never
    ("openat", (-100, 1, 0o101, 0o4755), "EPERM", "EPERM"),
    ("openat2", (-100, 1, 1), "ENOSYS", "ENOSYS"),
    ("fchmod", (3, 0o2755), "EPERM", "EPERM"),
    ("clone", (17 | NEW_USER,), "EPERM", "EPERM"),
    ("clone", (THREAD | 0x00020000,), "EPERM", "EPERM"),
    ("socket", (UNIX, STREAM), "EPERM", "EPERM"),
    ("socketpair", (UNIX, DATAGRAM), "EPERM", "EPERM"),
    ("socketpair", (INET, STREAM), "EPERM", "EPERM"),
    ("sendto", (3, 1, 1, 0, 0x7F00), "EPERM", "EPERM"),
    ("sendto", (3, 1, 1, 0, 0x7F << 32), "EPERM", "EPERM"),
    ("mmap", (0, 4096, 3, 0x21), "EPERM", "EPERM"),
    ("mmap", (0, 4096, 3, 0x122), "EPERM", "EPERM"),
    ("fcntl", (3, 8, 1), "EPERM", "EPERM"),
    ("ioctl", (0, 0x5412, 1), "EPERM", "EPERM"),
    ("ioctl", (3, 0x8901, 1), "EPERM", "EPERM"),
    ("ioctl", (0, 0x1_0000_5412, 1), "EPERM", "EPERM"),
    ("prctl", (1, 0), "EPERM", "EPERM"),
    ("prctl", (22, 2, 1), "EPERM", "EPERM"),
    ("prlimit64", (0, 7, 1 << 40, 0), "EPERM", "EPERM"),
    ("prlimit64", (1, 7, 0, 1), "EPERM", "EPERM"),
    ("sched_setaffinity", (1, 8, 1), "EPERM", "EPERM"),
    ("io_uring_setup", (8, 1), "EPERM", "EPERM"),
    ("memfd_create", (1, 0), "EPERM", "EPERM"),
]


def answer(
    machine: str, call: str, arguments: tuple[int, ...], *, processes: bool, landlock: int | None = None
) -> str:
    """What driver's and worker's filter answer together: the kernel takes the stricter one."""
    number = syscalls.NUMBERS[call][syscalls.MACHINES[machine]]
    filters = [driver_rules(landlock), worker_rules(ME, processes=processes)]
    answers = {verdict(assemble(rules, machine), machine, number, *arguments) for rules in filters}
    return (answers - {ALLOWED} or {ALLOWED}).pop()


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("call", "arguments", "alone", "with_processes"), WORKER_CALLS)
def test_a_worker_is_denied_exactly_what_the_table_says(machine, call, arguments, alone, with_processes):
    """Each call has one answer, with and without processes allowed."""
    assert alone == answer(machine, call, arguments, processes=False)
    assert with_processes == answer(machine, call, arguments, processes=True)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("call", sorted(syscalls.ALWAYS))
def test_the_supervisor_is_denied_whatever_is_listed(machine, call):
    """Every call in the groups fails with EPERM, where the machine has it."""
    number = syscalls.ALWAYS[call][syscalls.MACHINES[machine]]
    if number >= 0:
        assert verdict(assemble(driver_rules(None), machine), machine, number) == "EPERM"


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("call", ["clone", "kill", "prlimit64", "memfd_create", "read", "recvmsg"])
def test_the_supervisor_keeps_what_it_works_with(machine, call):
    """Starting, ending and limiting workers stays possible outside the worker."""
    others = {"read": (0, 63), "recvmsg": (47, 212)}
    number = {**syscalls.NUMBERS, **others}[call][syscalls.MACHINES[machine]]
    assert verdict(assemble(driver_rules(7), machine), machine, number, 17) == ALLOWED


@pytest.mark.parametrize(
    ("landlock", "call", "arguments", "expected"),
    [
        (None, "fchmodat", (-100, 1, 0), ALLOWED),
        (7, "fchmodat", (-100, 1, 0), "EPERM"),
        (7, "utimensat", (-100, 1, 0), "EPERM"),
        (7, "truncate", (1, 0), ALLOWED),
        (2, "truncate", (1, 0), "EPERM"),
        (7, "openat", (-100, 1, 0o1000), ALLOWED),
        (2, "openat", (-100, 1, 0o1000), "EPERM"),
        (2, "openat", (-100, 1, 0o1001), ALLOWED),
    ],
)
@pytest.mark.parametrize("machine", MACHINES)
def test_filters_deny_what_this_landlock_does_not_cover(machine, landlock, call, arguments, expected):
    """Modes and times are never Landlock's; truncating is, from version 3 on; bwrap needs neither."""
    assert expected == answer(machine, call, arguments, processes=False, landlock=landlock)


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_that_nobody_has_looked_at_do_not_exist(machine):
    """A call younger than the tables is ENOSYS, on which programs fall back to older ones."""
    program = assemble(worker_rules(ME, processes=True), machine)
    assert verdict(program, machine, syscalls.NEWEST + 1) == "ENOSYS"


@pytest.mark.parametrize(
    ("machine", "other"), [("x86_64", "i386"), ("x86_64", "aarch64"), ("aarch64", "x86_64")]
)
def test_calls_of_another_architecture_kill(machine, other):
    """Foreign numbers would mean other calls, so nothing is decided by them."""
    assert verdict(assemble(driver_rules(None), machine), other, 0) == KILLED


def test_x32_calls_kill():
    """The second numbering of x86-64 would walk past every rule."""
    assert verdict(assemble(driver_rules(None), "x86_64"), "x86_64", 0x40000000 | 41) == KILLED


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_are_the_kernels(machine):
    """Every number equals the one in the kernel's header, as far as this machine's header goes."""
    header = Path(HEADERS[machine])
    if not header.exists():
        pytest.skip(f"{header} is not here; install linux-libc-dev")
    text = header.read_text(encoding="ascii")
    theirs = {name: int(value) for name, value in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    newest = max(number for name, number in theirs.items() if name != "syscalls")
    column = syscalls.MACHINES[machine]
    ours = {name: numbers[column] for name, numbers in syscalls.NUMBERS.items() if numbers[column] < newest}
    assert {name: theirs.get(name, -1) for name in ours} == ours


@pytest.mark.parametrize("machine", MACHINES)
def test_programs_are_within_the_kernels_limits(machine):
    """At most 4096 instructions; both filters together stay far below."""
    sizes = [
        len(assemble(rules, machine)) // 8 for rules in (driver_rules(2), worker_rules(ME, processes=False))
    ]
    assert sum(sizes) < 1000
