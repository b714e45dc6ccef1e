"""Is a signature, written as ``inputs -> outputs``, one that an RLM can run?"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

from fleet_rlm.signatures import Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Checked", "check"]

_EXAMPLE = "such as 'docs, query -> answer: str, count: int'"


class Checked(NamedTuple):
    """What a signature says, and one sentence for each thing that is wrong with it."""

    inputs: Sequence[Field]
    outputs: Sequence[Field]
    faults: Sequence[str]


def check(text: str) -> Checked:
    """Read ``text`` as dspy does, and look for names that would collide with what a session brings.

    Args:
        text: a signature, such as ``docs, query -> answer: str, count: int``.
    """
    import dspy  # noqa: PLC0415 - 700 ms
    from pydantic.errors import PydanticUserError  # noqa: PLC0415 - dspy's own dependency

    before, arrow, after = text.partition("->")
    if not arrow or not before.strip() or not after.strip():
        return Checked((), (), [f"A signature has inputs, an arrow and outputs, {_EXAMPLE}."])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            signature = dspy.Signature(text)
            inputs, outputs = _fields(signature.input_fields), _fields(signature.output_fields)
        except (ValueError, TypeError, SyntaxError, AttributeError, PydanticUserError) as error:
            shadowed = [_sentence(str(warning.message)) for warning in told]
            return Checked((), (), shadowed or [_sentence(str(error).split(" (<unknown>")[0])])
    faults = [_sentence(str(warning.message)) for warning in told if "shadows" in str(warning.message)]
    return Checked(inputs, outputs, [*faults, *_collisions(inputs, outputs), *_refused(signature)])


def _fields(fields: dict[str, object]) -> list[Field]:
    return [Field(name, _written(getattr(field, "annotation", str)), "") for name, field in fields.items()]


def _written(annotation: object) -> str:
    plain = isinstance(annotation, type) and not getattr(annotation, "__args__", None)
    return annotation.__name__ if plain else str(annotation).replace("typing.", "")  # type: ignore[attr-defined]


def _collisions(inputs: Sequence[Field], outputs: Sequence[Field]) -> Iterator[str]:
    """Names that dspy allows, but that would hide a helper or could not be submitted."""
    from fleet_rlm.driver.helpers import HELPERS  # noqa: PLC0415 - the driver's own modules

    helpers = {helper.__name__ for helper in HELPERS} | {"get_output"}
    for field in inputs:
        if field.name in helpers:
            yield f"The input {field.name!r} would hide the sandbox's helper of that name; rename it."
    for field in outputs:
        if field.name == "SUBMIT":
            yield "The output 'SUBMIT' has the name of the function that submits; rename it."


def _refused(signature: object) -> Iterator[str]:
    from fleet_rlm.rlm import RLM  # noqa: PLC0415 - imports dspy

    try:
        RLM(signature)
    except ValueError as error:
        yield _sentence(str(error))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}.".replace("\n", " ")
