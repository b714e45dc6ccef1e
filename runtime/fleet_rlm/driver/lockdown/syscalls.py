"""The system calls that the filters know: numbers per architecture, in groups, each with what it would open.

Numbers are (x86-64, arm64), -1 where an architecture has no such call; a test compares them with the
kernel's own headers. From 424 on, all architectures count alike.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Dict, Tuple

    Group = Dict[str, Tuple[int, int]]

__all__ = [
    "ALWAYS",
    "BEHIND_LANDLOCK",
    "MACHINES",
    "NEWEST",
    "NUMBERS",
    "PROCESSES",
    "SIGNALS",
    "WORKER_ONLY",
]

MACHINES = {"x86_64": 0, "aarch64": 1}
"""The architectures that are known, and their column in the tables."""

# The only way to a network, and to any service that listens on this machine. socketpair() stays, for asyncio.
NETWORK: Group = {
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
}

# Reading, steering or measuring processes that are not ours.
OTHER_PROCESSES: Group = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "perf_event_open": (298, 241),
    "get_robust_list": (274, 100),
}

# Slowing or favouring processes: the user's other ones can be named by these too.
PRIORITIES: Group = {
    "setpriority": (141, 140),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
}

# Files by inode instead of by path: walks out of any root.
FILE_HANDLES: Group = {"name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265)}

# New views of the file system, new namespaces: what walls are made of. A new user namespace also gives
# the capabilities in which most local kernel exploits begin.
NAMESPACES: Group = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "listns": (470, 470),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
}

# Large kernel interfaces with a history of holes; io_uring also works on files and sockets past any filter.
KERNEL_SURFACE: Group = {
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_setup": (206, 0),
    "io_submit": (209, 2),
    "io_destroy": (207, 1),
    "io_getevents": (208, 4),
    "io_pgetevents": (333, 292),
    "io_cancel": (210, 3),
    "memfd_secret": (447, 447),
    "remap_file_pages": (216, 234),
    "lsm_set_self_attr": (460, 460),
    "personality": (135, 92),
    "modify_ldt": (154, -1),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "uselib": (134, -1),
    "_sysctl": (156, -1),
    "sysfs": (139, -1),
    "ustat": (136, -1),
}

# The machine itself: its kernel, clock, name, ports, log and terminals.
MACHINE: Group = {
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "create_module": (174, -1),
    "get_kernel_syms": (177, -1),
    "query_module": (178, -1),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "vhangup": (153, 58),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
}

# Keyrings are not namespaced: the user's own keys could be found and read.
KEYS: Group = {"add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219)}

# Memory, semaphores and queues shared with any process of the user, and memory that no limit counts.
SHARED_IPC: Group = {
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmdt": (67, 197),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "mq_timedsend": (242, 182),
    "mq_timedreceive": (243, 183),
    "mq_notify": (244, 184),
    "mq_getsetattr": (245, 185),
}

# Watching what happens to files; Landlock does not cover it.
WATCHING: Group = {
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "inotify_init": (253, -1),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
}

# Links, devices and pipes planted in a volume for a program outside to fall over later.
PLANTED_FILES: Group = {
    "symlink": (88, -1),
    "symlinkat": (266, 36),
    "link": (86, -1),
    "linkat": (265, 37),
    "mknod": (133, -1),
    "mknodat": (259, 33),
}

# Extended attributes carry labels and capabilities; Landlock does not cover them.
ATTRIBUTES: Group = {
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}

# Modes, owners and times of any file the user owns: Landlock does not cover them. In bwrap the only
# files to be found are read-only or the session's own.
MODES: Group = {
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, -1),
    "lchown": (94, -1),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "utime": (132, -1),
    "utimes": (235, -1),
    "futimesat": (261, -1),
    "utimensat": (280, 88),
}

# Truncation by path, which Landlock covers from its third version on.
TRUNCATION: Group = {"truncate": (76, 45)}

# Memory that no limit counts, programs without a file, the worker's own limits and filters.
WORKER_ONLY: Group = {
    "memfd_create": (319, 279),
    "setrlimit": (160, 164),
    "seccomp": (317, 277),
    "setsockopt": (54, 208),
    "pidfd_open": (434, 434),
}

# New processes and new programs. clone() itself also makes threads: it is judged by its flags.
PROCESSES: Group = {"fork": (57, -1), "vfork": (58, -1), "execve": (59, 221), "execveat": (322, 281)}

# Signals to anyone; judged by their target where the target is a process.
SIGNALS: Group = {
    "kill": (62, 129),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
}

# Calls that are allowed or denied by their arguments, and those that the confinement itself makes.
ASKED_FOR: Group = {
    "capset": (126, 91),
    "clone": (56, 220),
    "clone3": (435, 435),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "landlock_add_rule": (445, 445),
    "landlock_create_ruleset": (444, 444),
    "landlock_restrict_self": (446, 446),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "open": (2, -1),
    "openat": (257, 56),
    "openat2": (437, 437),
    "creat": (85, -1),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sendto": (44, 206),
    "socketpair": (53, 199),
    "tkill": (200, 130),
}

NEWEST = 470
"""The newest call that somebody has looked at. Younger ones do not exist inside: ENOSYS."""


def _merged(*groups: Group) -> Group:
    return {name: numbers for group in groups for name, numbers in group.items()}


ALWAYS = _merged(
    NETWORK,
    OTHER_PROCESSES,
    PRIORITIES,
    FILE_HANDLES,
    NAMESPACES,
    KERNEL_SURFACE,
    MACHINE,
    KEYS,
    SHARED_IPC,
    WATCHING,
    PLANTED_FILES,
    ATTRIBUTES,
)
"""Denied to the whole driver, in every confinement."""

BEHIND_LANDLOCK = {True: _merged(MODES), False: _merged(MODES, TRUNCATION)}
"""Denied in addition where Landlock guards the files; the key says whether it covers truncation."""

NUMBERS = _merged(ALWAYS, BEHIND_LANDLOCK[False], WORKER_ONLY, PROCESSES, SIGNALS, ASKED_FOR)
"""Every call that is named anywhere."""
