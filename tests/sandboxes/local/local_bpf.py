"""A classic BPF machine of our own: says what a filter answers to a system call, for any architecture."""

from __future__ import annotations

import errno
import struct

ALLOWED, KILLED = "allowed", "killed"

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "i386": 0x40000003}


def verdict(program: bytes, machine: str, number: int, *arguments: int) -> str:
    """Run ``program`` on one call: "allowed", "killed", or the name of the error it fails with."""
    padded = [argument & (1 << 64) - 1 for argument in arguments] + [0] * (6 - len(arguments))
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, AUDIT[machine], 0, *padded)
    code = list(struct.iter_unpack("HBBI", program))
    accumulator = position = 0
    while True:
        operation, if_true, if_false, constant = code[position]
        position += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, constant)
        elif operation == 0x54:
            accumulator &= constant
        elif operation in JUMPS:
            position += if_true if JUMPS[operation](accumulator, constant) else if_false
        elif operation == 0x06:
            return _named(constant)
        else:
            raise AssertionError(f"instruction {operation:#x} is not one a filter here has")


JUMPS = {
    0x15: lambda accumulator, constant: accumulator == constant,
    0x25: lambda accumulator, constant: accumulator > constant,
    0x35: lambda accumulator, constant: accumulator >= constant,
}


def _named(answer: int) -> str:
    if answer == 0x7FFF0000:
        return ALLOWED
    if answer == 0x80000000:
        return KILLED
    assert answer & 0xFFFF0000 == 0x00050000
    return errno.errorcode[answer & 0xFFFF]
