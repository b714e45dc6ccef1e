"""The plain form, for answers: JSON's own types and nothing else."""

from __future__ import annotations

from fleet_rlm.values.compact_json import dumps
from fleet_rlm.values.crossing import (
    TOO_DEEP,
    CrossingError,
    exactly,
    refused,
    simplified,
    step_to,
    type_name,
)

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """Return ``value`` in JSON's own types: the form in which answers leave the sandbox.

    Tuples and sets become lists (sets sorted where that is possible), dates ISO 8601 text, time spans
    seconds, ``Decimal``, ``Fraction``, ``UUID`` and paths text, enums their value, dataclasses dicts,
    UTF-8 bytes text, numpy values numbers or nested lists, frames lists of row dicts, missing cells null.

    Raises:
        CrossingError: something in it has no such form.
    """
    try:
        return _plain(value)
    except RecursionError:
        raise CrossingError(TOO_DEEP) from None
    except (CrossingError, MemoryError):
        raise
    except Exception as error:
        raise refused(value, error) from error


def _plain(value: Any) -> Any:
    if value is None or (isinstance(value, (bool, float)) and type(value) in (bool, float)):
        return value
    if type(value) in (str, int):
        return value
    if isinstance(value, dict):
        return _plain_dict(value)
    if isinstance(value, (list, tuple, range)):
        return [_plain_item(f"[{index}]", item) for index, item in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        return [_plain_item("{…}", item) for item in _in_order(value)]
    if isinstance(value, (bytes, bytearray)):
        return _plain_bytes(bytes(value))
    return _plain_other(value)


def _plain_dict(value: Any) -> Any:
    crossed = {_plain_key(key): _plain_item(step_to(key), item) for key, item in value.items()}
    if len(crossed) < len(value):
        raise CrossingError("two of its keys are the same JSON text; use text keys that differ")
    return crossed


def _plain_other(value: Any) -> Any:
    family, kind = type(value).__module__.partition(".")[0], type(value).__name__
    if family in ("numpy", "pandas"):
        from fleet_rlm.values.plain_tables import plain_table

        return plain_table(value, _plain_item, _plain_key)
    if family == "datetime" and hasattr(value, "isoformat"):
        return value.isoformat()
    if family == "datetime" and kind == "timedelta":
        return value.total_seconds()
    if kind in ("Decimal", "Fraction", "UUID") and family in ("decimal", "fractions", "uuid"):
        return str(value)
    if (simple := simplified(value)) is not value:
        return _plain(simple)
    for base in (str, int, float):
        if isinstance(value, base):
            return exactly(base, value)
    raise CrossingError(f"a value of type {type_name(value)} has no JSON form; convert it first")


def _plain_item(step: str, item: Any) -> Any:
    try:
        return _plain(item)
    except CrossingError as error:
        raise error.at(step) from None
    except (RecursionError, MemoryError):
        raise
    except Exception as error:
        raise refused(item, error).at(step) from error


def _plain_key(key: Any) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, (bool, int, float)):
        text: str = dumps(key) if not isinstance(key, float) or key - key == 0 else repr(key)
        return text
    simple = _plain(key)
    if isinstance(simple, (str, int, float)):
        return _plain_key(simple)
    raise CrossingError(f"a dict key of type {type_name(key)} has no JSON form; use text keys")


def _plain_bytes(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise CrossingError(
            "bytes that are not UTF-8 have no JSON form; decode or base64 them first"
        ) from None


def _in_order(values: Any) -> Any:
    try:
        return sorted(values)
    except TypeError:
        return list(values)
