"""Attempts to get out of a sandbox, each a function that returns True if it has.

This file is sent into drivers as it stands: standard library only. ``expected`` holds, per confinement, how
the attempt must end; ``Facts`` come from the test and lead to things of its own, made to be reached.
"""
# Hostile code has no style: each attempt is the plainest call there is.
# ruff: noqa: PLC0415, PTH101, PTH102, PTH103, PTH104, PTH108, PTH110, PTH116, PTH118, PTH123, PTH208, PTH211

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

Facts = dict[str, Any]

ESCAPES: dict[str, Callable[[Facts], bool]] = {}
EXPECTED: dict[str, dict[str, str]] = {}
NEEDS_ROOT = set()

_libc = ctypes.CDLL(None, use_errno=True)


def escape(bwrap: str = "EPERM", landlock: str | None = None, *, root: bool = False) -> Callable[..., Any]:
    """Register an attempt with its outcomes; ``root`` if an unconfined user could not do it either."""

    def register(function: Callable[[Facts], bool]) -> Callable[[Facts], bool]:
        ESCAPES[function.__name__] = function
        EXPECTED[function.__name__] = {"bwrap": bwrap, "landlock": landlock or bwrap}
        if root:
            NEEDS_ROOT.add(function.__name__)
        return function

    return register


def outcome(name: str, facts: Facts) -> str:
    """Make one attempt: "escaped", "nothing" if there was nothing to be had, or the error's name."""
    try:
        return "escaped" if ESCAPES[name](facts) else "nothing"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    except MemoryError:
        return "MemoryError"


def call(name: str, *arguments: Any) -> int:
    """A system call by name; the driver brings the numbers along."""
    from fleet_rlm.driver.lockdown import kernel

    return kernel.call(name, *arguments)


# The network, and services on this machine


@escape()
def tcp_connect(facts: Facts) -> bool:
    with socket.create_connection(("127.0.0.1", facts["tcp"]), timeout=2) as client:
        return client.recv(8) == b"outside"


@escape()
def tcp_connect_ipv6(facts: Facts) -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        client.connect(("::ffff:127.0.0.1", facts["tcp"]))
        return client.recv(8) == b"outside"


@escape()
def tcp_listen(_facts: Facts) -> bool:
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen()
        return True


@escape()
def udp_ask_a_name_server(facts: Facts) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.sendto(b"\x12\x34\x01\x00\x00\x01", ("127.0.0.1", facts["udp"]))
        return client.recv(64).startswith(b"\x12\x34")


@escape()
def raw_packets(_facts: Facts) -> bool:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW):
        return True


@escape()
def unix_connect(facts: Facts) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(facts["unix"])
        return client.recv(8) == b"outside"


@escape()
def abstract_connect(facts: Facts) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + facts["abstract"])
        return client.recv(8) == b"outside"


@escape()
def datagram_from_a_socket_pair(facts: Facts) -> bool:
    first, second = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with first, second:
        return first.sendto(b"hello", facts["unix_datagram"]) == len(b"hello")


# Files


@escape("ENOENT", "EACCES")
def read_a_file_outside(facts: Facts) -> bool:
    with open(facts["file"]) as file:
        return file.read() == "outside"


@escape("ENOENT", "EACCES")
def read_the_home(facts: Facts) -> bool:
    with open(os.path.join(facts["home"], "key.txt")) as file:
        return bool(file.read())


@escape("ENOENT", "EACCES")
def list_the_home(facts: Facts) -> bool:
    return "key.txt" in os.listdir(facts["home"])


@escape("nothing", "EACCES")
def list_the_root(_facts: Facts) -> bool:
    return not {"boot", "opt", "proc", "srv", "var"}.isdisjoint(os.listdir("/"))


@escape("ENOENT", "EACCES")
def read_the_users(_facts: Facts) -> bool:
    with open("/etc/passwd") as file:
        return "root" in file.read()


@escape("ENOENT", "EACCES")
def read_what_is_installed(facts: Facts) -> bool:
    with open(facts["installed"]) as file:
        return bool(file.read())


@escape("ENOENT", "EACCES")
def read_the_host_program(facts: Facts) -> bool:
    with open(facts["program"]) as file:
        return bool(file.read())


@escape("ENOENT", "EACCES")
def write_outside(facts: Facts) -> bool:
    with open(os.path.join(facts["folder"], "new"), "w") as file:
        return file.write("x") == 1


@escape("EROFS", "EACCES", root=True)
def change_the_interpreter(_facts: Facts) -> bool:
    with open(os.__file__, "r+"):
        return True


@escape("EROFS", "EACCES", root=True)
def reopen_a_descriptor_to_write(_facts: Facts) -> bool:
    with open(os.__file__) as file:
        path = f"/proc/self/fd/{file.fileno()}"
        os.close(os.open(path if os.path.exists("/proc/self/fd") else os.__file__, os.O_WRONLY))
        return True


@escape("ENOENT", "EACCES")
def truncate_outside(facts: Facts) -> bool:
    os.truncate(facts["truncated"], 0)
    return True


@escape("ENOENT", "EACCES")
def delete_outside(facts: Facts) -> bool:
    os.unlink(facts["deleted"])
    return True


@escape("ENOENT", "EACCES")
def make_a_folder_outside(facts: Facts) -> bool:
    os.mkdir(os.path.join(facts["folder"], "made"))
    return True


@escape("ENOENT", "EACCES")
def take_from_outside(facts: Facts) -> bool:
    os.rename(facts["taken"], "taken")
    return True


@escape("ENOENT", "EPERM")
def change_modes_outside(facts: Facts) -> bool:
    os.chmod(facts["file"], 0o644)
    return True


@escape("ENOENT", "EPERM")
def change_owners_outside(facts: Facts) -> bool:
    os.chown(facts["file"], os.getuid(), -1)
    return True


@escape("ENOENT", "EPERM")
def change_times_outside(facts: Facts) -> bool:
    os.utime(facts["file"], (1, 1))
    return True


@escape()
def change_attributes_outside(facts: Facts) -> bool:
    try:
        os.setxattr(facts["file"], "user.x", b"1")
    except OSError as error:
        if error.errno != errno.ENOTSUP:  # then it got there, and the file system has none
            raise
    return True


@escape()
def plant_a_link_out(facts: Facts) -> bool:
    os.symlink(facts["file"], "link")
    with open("link") as file:
        return file.read() == "outside"


@escape()
def link_a_file_in(facts: Facts) -> bool:
    os.link(facts["file"], "hard")
    return True


@escape()
def plant_a_pipe(_facts: Facts) -> bool:
    os.mkfifo("pipe")
    return True


@escape()
def plant_a_privileged_program(_facts: Facts) -> bool:
    os.close(os.open("program", os.O_CREAT | os.O_RDWR, 0o4755))
    return os.stat("program").st_mode & 0o4000 != 0


@escape()
def privilege_a_program(_facts: Facts) -> bool:
    descriptor = os.open("plain", os.O_CREAT | os.O_RDWR, 0o755)
    try:
        os.fchmod(descriptor, 0o4755)
    finally:
        os.close(descriptor)
    return os.stat("plain").st_mode & 0o4000 != 0


@escape(root=True)
def make_a_device(_facts: Facts) -> bool:
    os.mknod("device", 0o600 | 0o020000, os.makedev(1, 1))
    return True


@escape("ENOENT", "EACCES")
def map_memory_without_a_limit(_facts: Facts) -> bool:
    with open("/dev/zero", "r+b") as zero, mmap.mmap(zero.fileno(), 4096):
        return True


@escape("ENOENT", "EACCES")
def use_the_shared_folder(_facts: Facts) -> bool:
    name = f"/dev/shm/fleet-rlm-{os.getpid()}"
    with open(name, "w"):
        os.unlink(name)
        return True


@escape(root=True)
def open_by_handle(facts: Facts) -> bool:
    handle, mount = bytearray(struct.pack("Ii", 128, 0) + bytes(128)), ctypes.c_int()
    buffer = (ctypes.c_char * len(handle)).from_buffer(handle)
    path = facts["file"].encode() + b"\0"
    if _libc.name_to_handle_at(-100, path, buffer, ctypes.byref(mount), 0):
        raise OSError(ctypes.get_errno(), "name_to_handle_at")
    at = os.open(facts["folder"], os.O_RDONLY)
    file = _libc.open_by_handle_at(at, buffer, os.O_RDONLY)
    os.close(at)
    if file < 0:
        raise OSError(ctypes.get_errno(), "open_by_handle_at")
    os.close(file)
    return True


@escape()
def watch_the_home(facts: Facts) -> bool:
    watcher = _libc.inotify_init1(0)
    if watcher < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    try:
        return _libc.inotify_add_watch(watcher, facts["home"].encode(), 0x100) >= 0
    finally:
        os.close(watcher)


# The environment and other processes


@escape("nothing")
def read_the_environment(facts: Facts) -> bool:
    return facts["variable"] in os.environ


@escape("ENOENT", "EACCES")
def read_own_process_files(_facts: Facts) -> bool:
    with open("/proc/self/environ", "rb") as file:
        return file.read() is not None


@escape("ENOENT", "EACCES")
def read_the_hosts_environment(facts: Facts) -> bool:
    with open(f"/proc/{facts['host']}/environ", "rb") as file:
        return len(file.read(10)) > 0


@escape("ENOENT", "EACCES")
def walk_through_the_hosts_root(facts: Facts) -> bool:
    with open(f"/proc/{facts['host']}/root/etc/passwd") as file:
        return bool(file.read())


@escape("ENOENT", "EACCES")
def open_the_memory_of_another(facts: Facts) -> bool:
    with open(f"/proc/{facts['victim']}/mem", "rb"):
        return True


@escape()
def read_the_memory_of_another(facts: Facts) -> bool:
    here, there = ctypes.create_string_buffer(8), facts["address"]
    local = struct.pack("PN", ctypes.addressof(here), 8)
    return call("process_vm_readv", facts["host"], local, 1, struct.pack("PN", there, 8), 1, 0) == 8


@escape()
def trace_another(facts: Facts) -> bool:
    return call("ptrace", 0x4206, facts["victim"], 0, 0) == 0


@escape()
def signal_the_host(facts: Facts) -> bool:
    os.kill(facts["host"], 0)
    return True


@escape()
def kill_another(facts: Facts) -> bool:
    os.kill(facts["doomed"], signal.SIGKILL)
    return True


@escape()
def signal_the_supervisor(_facts: Facts) -> bool:
    os.kill(os.getppid(), 0)
    return True


@escape()
def signal_everybody(_facts: Facts) -> bool:
    os.kill(-1, 0)
    return True


@escape()
def signal_by_descriptor(facts: Facts) -> bool:
    os.close(os.pidfd_open(facts["victim"]))
    return True


@escape()
def signal_by_file(facts: Facts) -> bool:
    reading, writing = os.pipe()
    try:
        fcntl.fcntl(reading, 8, facts["victim"])  # F_SETOWN
        return True
    finally:
        os.close(reading)
        os.close(writing)


@escape()
def slow_another(facts: Facts) -> bool:
    os.setpriority(os.PRIO_PROCESS, facts["victim"], 19)
    return True


@escape()
def pin_another(facts: Facts) -> bool:
    os.sched_setaffinity(facts["victim"], {0})
    return True


@escape("EINVAL", "EPERM", root=True)
def become_another_user(_facts: Facts) -> bool:
    before = os.geteuid()
    os.seteuid(4321)
    os.seteuid(before)
    return True


# New processes and programs


@escape()
def fork(_facts: Facts) -> bool:
    child = os.fork()
    if child == 0:
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@escape()
def fork_by_a_raw_call(_facts: Facts) -> bool:
    child = call("clone", 17)
    if child == 0:
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@escape("ENOSYS")
def fork_by_the_newest_call(_facts: Facts) -> bool:
    child = call("clone3", struct.pack("8Q", 0, 0, 0, 0, 17, 0, 0, 0), 64)
    if child == 0:
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@escape()
def run_a_program(_facts: Facts) -> bool:
    return subprocess.run([sys.executable, "-c", ""], check=False, timeout=20).returncode == 0


@escape()
def spawn_a_program(_facts: Facts) -> bool:
    child = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", ""], {})
    return os.waitpid(child, 0)[1] == 0


@escape()
def replace_oneself(_facts: Facts) -> bool:
    try:
        os.execv("/nonexistent", ["x"])
    except FileNotFoundError:
        return True  # the kernel was willing


@escape()
def run_a_program_from_memory(_facts: Facts) -> bool:
    memory = os.memfd_create("program")
    try:
        with open(sys.executable, "rb") as program:
            os.sendfile(memory, program.fileno(), 0, os.fstat(program.fileno()).st_size)
        path = f"/proc/{os.getpid()}/fd/{memory}"
        return subprocess.run([path, "-c", ""], check=False, timeout=20).returncode >= 0
    finally:
        os.close(memory)


# The kernel


@escape()
def io_uring(_facts: Facts) -> bool:
    os.close(call("io_uring_setup", 1, bytes(120)))
    return True


@escape(root=True)
def new_mount_namespace(_facts: Facts) -> bool:
    return _in_a_thread(lambda: call("unshare", 0x00020000 | 0x200)) == 0


@escape(root=True)
def new_network_namespace(_facts: Facts) -> bool:
    return _in_a_thread(lambda: call("unshare", 0x40000000)) == 0


@escape(root=True)
def mount(_facts: Facts) -> bool:
    os.makedirs("mounted", exist_ok=True)
    call("mount", b"none\0", b"mounted\0", b"tmpfs\0", 0, 0)
    call("umount2", b"mounted\0", 2)
    return True


@escape(root=True)
def chroot(_facts: Facts) -> bool:
    call("chroot", b"/\0")
    return True


@escape()
def keyring(_facts: Facts) -> bool:
    return call("keyctl", 0, -4, 0) > 0  # the user's own keyring


@escape()
def add_a_key(_facts: Facts) -> bool:
    return call("add_key", b"user\0", b"fleet-rlm\0", b"x\0", 1, -2) > 0


@escape()
def shared_memory(facts: Facts) -> bool:
    return call("shmget", facts["shm"], 0, 0) >= 0


@escape()
def message_queue(_facts: Facts) -> bool:
    name = f"fleet-rlm-test-{os.getpid()}\0".encode()
    os.close(call("mq_open", name, os.O_CREAT | os.O_RDWR, 0o600, 0))
    call("mq_unlink", name)
    return True


@escape(root=True)
def bpf(_facts: Facts) -> bool:
    os.close(call("bpf", 0, struct.pack("4I", 2, 4, 4, 1) + bytes(56), 72))  # an array map
    return True


@escape()
def userfaultfd(_facts: Facts) -> bool:
    os.close(call("userfaultfd", 1))  # user mode only: anyone may
    return True


@escape()
def measure_performance(_facts: Facts) -> bool:
    attributes = struct.pack("IIQ", 1, 112, 1) + bytes(24) + struct.pack("Q", 0x60) + bytes(64)
    os.close(call("perf_event_open", attributes, 0, -1, -1, 0))
    return True


@escape()
def change_personality(_facts: Facts) -> bool:
    return call("personality", 0xFFFFFFFF) >= 0


@escape(root=True)
def read_the_kernels_log(_facts: Facts) -> bool:
    return call("syslog", 10, 0, 0) > 0


@escape()
def raise_a_limit(_facts: Facts) -> bool:
    before = ctypes.create_string_buffer(16)
    _libc.getrlimit(4, before)
    return call("prlimit64", 0, 4, bytes(before.raw), 0) == 0


@escape()
def anonymous_file(_facts: Facts) -> bool:
    os.close(os.memfd_create("x"))
    return True


@escape("EPERM")
def anonymous_shared_memory(_facts: Facts) -> bool:
    with mmap.mmap(-1, 4096):
        return True


@escape()
def outlive_the_supervisor(_facts: Facts) -> bool:
    if _libc.prctl(1, 0):  # no signal when the parent dies
        raise OSError(ctypes.get_errno(), "prctl")
    return True


def _in_a_thread(work: Callable[[], int]) -> int:
    """A namespace entered by a thread ends with it."""
    results: dict[str, Any] = {}

    def run() -> None:
        try:
            results["value"] = work()
        except OSError as error:
            results["error"] = error

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if "error" in results:
        raise results["error"]
    return results["value"]
