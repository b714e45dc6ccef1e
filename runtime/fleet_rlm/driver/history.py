"""What the host has sent that a later worker needs as well."""

from __future__ import annotations

import os

from fleet_rlm.protocol import Frame

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Dict, List, Set, Tuple

__all__ = ["History"]


class History:
    """The tools and fields as configured last, and every value that was not forgotten."""

    def __init__(self) -> None:
        self._frames: Dict[str, Frame] = {}

    def keep(self, frame: Frame, received: List[int]) -> Tuple[Frame, List[int]]:
        """Keep a ``configure`` or ``value``, or act on a ``forget``.

        Args:
            frame: as the host sent it.
            received: descriptors from the host; one is taken from it if the frame came with one.

        Returns:
            The frame as a worker needs it, and the descriptors that go with it.
        """
        header = frame.header
        if header["type"] == "configure":
            self._frames["configure"] = frame
        elif header["type"] == "forget":
            known = self._frames.pop(header["value"], None)
            if known is not None and "fd" in known.header:
                os.close(known.header["fd"])
        elif header.get("via") == "fd":
            frame = Frame({**header, "fd": received.pop(0)}, frame.data, frame.start)
            self._frames[header["value"]] = frame
            return frame, [frame.header["fd"]]
        else:
            self._frames[header["value"]] = frame
        return frame, []

    def frames(self) -> List[Frame]:
        """All that a fresh worker is to be told."""
        return list(self._frames.values())

    def descriptors(self) -> Set[int]:
        """Those that a fresh worker inherits."""
        return {frame.header["fd"] for frame in self._frames.values() if "fd" in frame.header}
