"""Resources: what results show only in part, to be read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fleet_rlm import json_text
from fleet_rlm.errors import UsageError
from fleet_rlm.mcp import addresses

if TYPE_CHECKING:
    from fleet_rlm.mcp.place import Place

__all__ = ["Found", "listed", "read"]


class Found(NamedTuple):
    """A resource: its address and what it is."""

    uri: str
    name: str


def listed(place: Place) -> list[Found]:
    """Return the resources that are there without knowing a step's number. Blocks."""
    live = [row["session"] for row in place.sessions.all() if row["state"] != "ended"]
    answers = [Found(addresses.answer_of(name), f"what session {name} has submitted last") for name in live]
    runs = [
        Found(addresses.run_result(number), f"whole result of run {number}") for number in sorted(place.runs)
    ]
    return answers + runs


def read(place: Place, uri: str) -> tuple[str, str]:
    """Return the text of a resource and its MIME type. Blocks.

    Raises:
        UsageError: there is no such resource.
        FleetError: the session says that it cannot be had.
    """
    address = addresses.parse(uri)
    if address is None or (address.kind == "run" and address.number not in place.runs):
        raise UsageError(f"There is no resource {uri}.", remedy="`status` shows the sessions.")
    if address.kind == "run":
        return place.runs[address.number], "application/json"
    handle = place.find(address.session)
    if address.kind == "output":
        return str(handle.output(address.number)["output"]), "text/plain"
    return json_text.dumps(handle.answer()["answer"], indent=2, ensure_ascii=False), "application/json"
