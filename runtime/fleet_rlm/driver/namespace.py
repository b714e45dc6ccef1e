"""The names generated code sees: its own, the inputs, the tools, the helpers."""

from __future__ import annotations

import builtins
import mmap
import os
import sys
import types
import zlib

from fleet_rlm.driver.lean import suppress
from fleet_rlm.values import unpack

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, NoReturn, Set

    from fleet_rlm.protocol import Frame

__all__ = ["Namespace", "Values"]

_INFLATE_BYTES = 4 << 20
_NAMES_TOLD, _NAME_CHARACTERS = 200, 200  # a frame's header has room for as many, whatever their characters


class Values:
    """Every value the host has sent, by id.

    Text and bytes are decoded once; containers anew at each use, because code may have changed the last copy.
    """

    def __init__(self) -> None:
        self._frames: Dict[str, Frame] = {}
        self._decoded: Dict[str, Any] = {}

    def add(self, frame: Frame) -> None:
        """Remember a ``value`` frame; its bytes are looked at when first needed."""
        self._frames[frame.header["value"]] = frame

    def forget(self, value: str) -> None:
        """Drop one."""
        frame = self._frames.pop(value, None)
        self._decoded.pop(value, None)
        if frame is not None and "fd" in frame.header:
            with suppress(OSError):  # code may have closed it
                os.close(frame.header["fd"])

    def get(self, value: str) -> Any:
        """Return the value with this id."""
        if value in self._decoded:
            return self._decoded[value]
        frame = self._frames[value]
        if frame.header["kind"] == "packed":
            return unpack(str(_content(frame), "utf-8"), fetch=self.get)
        content = _content(frame)
        text = frame.header["kind"] == "text"
        self._decoded[value] = str(content, "utf-8", "surrogatepass") if text else bytes(content)
        return self._decoded[value]


def _content(frame: Frame) -> Any:
    """The value's bytes, from where the frame says they are; mapped rather than read where possible."""
    header = frame.header
    if header.get("codec", "raw") == "zlib":
        return _inflate(frame)
    if header.get("via", "inline") == "inline":
        return frame.payload
    descriptor = header["fd"] if header["via"] == "fd" else os.open(header["path"], os.O_RDONLY)
    try:
        return memoryview(mmap.mmap(descriptor, 0, prot=mmap.PROT_READ))
    finally:
        if header["via"] == "file":
            os.close(descriptor)


def _inflate(frame: Frame) -> bytearray:
    """Decompress in pieces: neither the compressed nor the plain bytes are ever held twice."""
    inflater, data = zlib.decompressobj(), bytearray()
    if frame.header.get("via", "inline") == "inline":
        data += inflater.decompress(frame.payload)
        return data
    with open(frame.header["path"], "rb") as source:
        while piece := source.read(_INFLATE_BYTES):
            data += inflater.decompress(piece)
    data += inflater.flush()
    return data


def _stop(code: object = None) -> NoReturn:
    """What ``exit`` and ``quit`` are here; the site module that makes Python's own is not loaded."""
    raise SystemExit(code)


class Namespace:
    """The ``__main__`` module of the generated code."""

    def __init__(self, owned: Dict[str, Any]) -> None:
        builtins.exit = builtins.quit = _stop  # type: ignore[assignment]
        self._builtins = dict(vars(builtins))
        self._restore = vars(builtins).update  # bound now: later, no builtin may be left to find it with
        self._owned = owned
        self._tools: Dict[str, Callable[..., Any]] = {}
        self._inputs: Set[str] = set()
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        self.names = module.__dict__
        self.names.update(owned)
        self._known = set(self.names)

    def set_tools(self, tools: Dict[str, Callable[..., Any]]) -> None:
        """Bind exactly these tools; those of before are gone."""
        removed = self._tools.keys() - tools.keys()
        for name in removed:
            self.names.pop(name, None)  # what is ours of that name comes back with the next cell
        self._known -= removed
        self._tools = tools
        self.names.update(tools)

    def begin(self, inputs: Dict[str, Any]) -> None:
        """Make the cell's start clean: tools and inputs as the host has them."""
        self.names["__builtins__"] = builtins
        self.names["__name__"] = "__main__"
        self.names["SUBMIT"] = self._owned["SUBMIT"]
        for name in self._owned.keys() - self.names.keys():
            self.names[name] = self._owned[name]
        self.names.update(self._tools)
        self.names.update(inputs)
        self._inputs.update(inputs)

    def end(self) -> None:
        """Make builtins whole again; the driver's own code needs them too."""
        self._restore(self._builtins)

    def changes(self) -> tuple[List[str], List[str]]:
        """The user's names that have come and gone since the last call."""
        now = self.names.keys()
        if now == self._known:
            return [], []
        skip = self._tools.keys() | self._inputs | self._owned.keys()
        known, self._known = self._known, {name for name in now if type(name) is str}
        come = [name[:_NAME_CHARACTERS] for name in self._known - known - skip if name[:1] != "_"]
        gone = [name[:_NAME_CHARACTERS] for name in known - self._known - skip]
        return sorted(come)[:_NAMES_TOLD], sorted(gone)[:_NAMES_TOLD]
