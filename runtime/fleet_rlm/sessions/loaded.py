"""What was loaded into a session, and how a worker gets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleet_rlm.sessions import snippets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet_rlm.documents import Documents

__all__ = ["Loaded", "Loading"]


@dataclass(frozen=True)
class Loading:
    """One text that is about to be bound.

    Attributes:
        name: of its variable.
        mapping: the name under which each of its documents is at hand, if there are several.
        bound: what is bound, by name; the mapping keeps a text of its own, which code cannot rebind.
        code: what makes the mapping, or forgets the one that there was.
        documents: the text itself.
    """

    name: str
    mapping: str
    bound: Mapping[str, Any]
    code: str
    documents: Documents

    @property
    def has_several(self) -> bool:
        """Whether there are several documents."""
        return len(self.documents.sources) > 1

    def rows(self) -> list[dict[str, Any]]:
        """Names, types and sizes of the variables."""
        rows = [{"name": self.name, "type": "str", "size": self.documents.chars, "unit": "chars"}]
        if self.has_several:
            several = len(self.documents.sources)
            rows.append({"name": self.mapping, "type": "documents", "size": several, "unit": "texts"})
        return rows


class Loaded:
    """Everything that a fresh worker is given again.

    Attributes:
        variables: values by name; what begins with an underscore is nobody's but the mappings'.
    """

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {}
        self._mappings: dict[str, str] = {}

    @property
    def names(self) -> list[str]:
        """The variables that users know of."""
        return [name for name in self.variables if name[:1] != "_"]

    @property
    def code(self) -> str:
        """What makes all the mappings."""
        return "".join(self._mappings.values())

    def plan(self, name: str, documents: Documents) -> Loading:
        """Return how to bind this text under this name."""
        mapping = "documents" if name == "document" else f"{name}_documents"
        hidden = f"_{name}_text"
        bound, code = {name: documents.text}, ""
        if len(documents.sources) > 1:
            bound[hidden] = documents.text
            code = snippets.documents_mapping(hidden, mapping, documents.spans)
        elif mapping in self._mappings:
            code = snippets.forgetting(mapping, hidden)
        return Loading(name, mapping, bound, code, documents)

    def add(self, loading: Loading) -> None:
        """It has been bound."""
        self.variables.pop(f"_{loading.name}_text", None)
        for replaced in (loading.mapping, loading.name):
            self._mappings.pop(replaced, None)
        self.variables.update(loading.bound)
        if loading.has_several:
            self.variables.pop(loading.mapping, None)  # a text of that name, which the mapping has replaced
            self._mappings[loading.mapping] = loading.code
