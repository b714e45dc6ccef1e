"""``trusted``: a driver without any confinement. Not a sandbox in anything but name.

Generated code runs with the user's own rights: their files, environment, network and processes. It exists
for code that is trusted as one's own, and for machines without a confinement whose owner accepts that.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from fleet_rlm.sandboxes.process import DRIVER_FD, ProcessConnection, driver_argv

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TrustedSandbox"]


@dataclass(frozen=True)
class TrustedSandbox:
    """Runs drivers as plain child processes.

    Attributes:
        volume: host folder that code knows as ``/data``, or None.
    """

    name: ClassVar[str] = "trusted"
    description: ClassVar[str] = "Not confined: code runs with the user's own files, network and processes."

    start_timeout: ClassVar[float] = 60.0

    volume: str | None = None

    def verify(self, ready: Mapping[str, Any]) -> None:
        """Nothing is confined, so there is nothing to verify."""

    def open(self) -> ProcessConnection:
        """Start a driver. See ``sandboxes.base.Sandbox``."""
        options = {
            "fd": DRIVER_FD,
            "search_path": [path for path in sys.path if path],
            "tmp": tempfile.gettempdir(),
            "volume": self.volume,
        }
        return ProcessConnection.start(driver_argv(sys.executable, json.dumps(options)), env=os.environ)
