"""What crosses the network to Modal: counted by a loopback control plane that the real SDK talks to."""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import MB, document
from benchmarks.rows import Bar, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["modal"]

_ITERATIONS = 20


def modal(*, quick: bool) -> list[Row]:  # noqa: ARG001 - counts do not get more exact by counting again
    """Bytes and round trips of 20 executes over 10 MB, the driver's own start included in the bytes."""
    from tests.loopback.modal.plane import PlaneError, running_plane  # noqa: PLC0415 - from a checkout only

    text = document(10 * MB)
    try:
        with running_plane() as plane:
            os.environ.update(plane.settings)
            return _measured(text, plane.record)
    except PlaneError as error:
        return [Row("modal, not measured", 0.0, "", note=str(error))]


def _measured(text: str, record: Any) -> list[Row]:
    from fleet_rlm.interpreter import ModalInterpreter  # noqa: PLC0415 - needs the plane's settings

    with ModalInterpreter() as interpreter:
        interpreter.execute("n = len(text)", {"text": text})
        before = record.counts
        for _ in range(_ITERATIONS - 1):
            interpreter.execute("n = len(text)", {"text": text})
        trips = _grown(before, record.counts)
        sent = record.bytes_up
    compressed = len(zlib.compress(text.encode(), 1))
    told = f"sent {sent / MB:.3f} MB, zlib level 1 makes {compressed / MB:.3f} MB of the document"
    return [
        Row("modal, 20 executes over 10 MB, bytes sent", sent / compressed, "x", Bar(1.05), note=told),
        Row("modal, messages per execute", trips / (_ITERATIONS - 1), "", Bar(1)),
    ]


def _grown(before: Mapping[str, int], after: Mapping[str, int]) -> int:
    return sum(after.values()) - sum(before.values())
