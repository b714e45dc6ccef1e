"""Parts of ``signal`` and ``contextlib`` without what those import, which costs a driver's start 4 ms."""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    import signal
    from typing import Optional
else:
    import _signal as signal  # numbers where ``signal`` has enums

__all__ = ["signal", "suppress"]


class suppress:  # noqa: N801 - the name that every reader knows
    """Ends quietly a block that raises one of these."""

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: Optional[type[BaseException]], *_: object) -> bool:
        """Whether what was raised is one of them."""
        return kind is not None and issubclass(kind, self._kinds)
