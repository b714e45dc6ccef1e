"""SUBMIT: how generated code hands over its answer."""

from __future__ import annotations

from fleet_rlm.protocol import MAX_GUEST_PAYLOAD
from fleet_rlm.values import CrossingError, pack, plain

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, NoReturn, Optional

    Field = Dict[str, Any]

__all__ = ["Submission", "Submitter"]


class Submission(BaseException):
    """Ends the cell once an answer is recorded. Not an ``Exception``: a bare retry loop must not eat it."""


class Submitter:
    """The ``SUBMIT`` of one worker; keeps the running cell's answer packed, so that it cannot change.

    Args:
        is_leftover: whether the calling thread belongs to an earlier cell.
    """

    def __init__(self, is_leftover: Callable[[], bool]) -> None:
        self._is_leftover = is_leftover
        self._fields: Optional[List[Field]] = None
        self.answer: Optional[str] = None

    def configure(self, fields: Optional[List[Field]]) -> None:
        """Set the signature's output fields: ``[{"name": …, "type": …?}, …]``, or None for one ``output``."""
        self._fields = fields

    def begin(self) -> None:
        """Forget the last cell's answer."""
        self.answer = None

    def submit(self, *values: Any, **named: Any) -> NoReturn:
        """Hand over the final answer and end: one value per output field, by position or by name.

        Raises:
            TypeError: the values do not fit the output fields, or one cannot leave the sandbox.
            RuntimeError: the caller is a thread that an earlier cell left behind.
        """
        if self._is_leftover():
            raise RuntimeError("SUBMIT must be called before the step that started this thread ends")
        if self.answer is None:
            fields = self._fields if self._fields is not None else [{"name": "output"}]
            pairs = _matched(fields, values, named)
            packed = _packed(
                {field["name"]: _crossed(field, value, fields) for field, value in pairs}, fields
            )
            if len(packed) > MAX_GUEST_PAYLOAD:
                raise TypeError(
                    f"an answer has at most {MAX_GUEST_PAYLOAD:,} bytes, this one has {len(packed):,}"
                )
            self.answer = packed
        raise Submission


def _matched(fields: List[Field], values: tuple[Any, ...], named: Dict[str, Any]) -> List[tuple[Field, Any]]:
    """Pair each field with its value, or say what does not fit."""
    names = [field["name"] for field in fields]
    if len(values) > len(names):
        raise TypeError(f"got {len(values)} values for {len(names)} fields; {_usage(fields)}")
    given = dict(zip(names, values))
    if twice := sorted(given.keys() & named.keys()):
        raise TypeError(f"{', '.join(twice)} given twice; {_usage(fields)}")
    if unknown := sorted(named.keys() - set(names)):
        raise TypeError(f"no output field named {', '.join(unknown)}; {_usage(fields)}")
    given.update(named)
    if missing := [name for name in names if name not in given]:
        raise TypeError(f"missing {', '.join(missing)}; {_usage(fields)}")
    return [(field, given[field["name"]]) for field in fields]


def _usage(fields: List[Field]) -> str:
    parts = [f"{field['name']}: {field['type']}" if field.get("type") else field["name"] for field in fields]
    return f"use SUBMIT({', '.join(parts)})"


def _crossed(field: Field, value: Any, fields: List[Field]) -> Any:
    try:
        crossed = plain(value)
    except CrossingError as error:
        raise TypeError(
            f"{field['name']}{error.path} cannot be submitted: {error.reason}; {_usage(fields)}"
        ) from None
    fits = _FITS.get(field.get("type") or "")
    if fits is not None and not fits(crossed):
        raise TypeError(
            f"{field['name']} must be {field['type']}, not {type(value).__name__}; {_usage(fields)}"
        )
    return crossed


def _packed(answer: Dict[str, Any], fields: List[Field]) -> str:
    try:
        return pack(answer)
    except CrossingError as error:  # JSON's types nested deeper than these may cross
        raise TypeError(f"{error}; {_usage(fields)}") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or _reads_as(float, value)


def _is_whole(value: Any) -> bool:
    return (
        isinstance(value, int) or (isinstance(value, float) and value.is_integer()) or _reads_as(int, value)
    )


def _reads_as(number: Callable[[str], Any], value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        number(value)
    except ValueError:
        return False
    return True


# What the host can make the field's type from without guessing: it turns numbers into text and numeric
# text into numbers, and would turn a dict into its repr, which nobody wants as an answer.
_FITS: Dict[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, (str, bool, int, float)),
    "int": _is_whole,
    "float": _is_number,
    "bool": lambda value: (
        isinstance(value, bool) or (isinstance(value, str) and value.strip().lower() in ("true", "false"))
    ),
    "list": lambda value: isinstance(value, list),
    "dict": lambda value: isinstance(value, dict),
}
