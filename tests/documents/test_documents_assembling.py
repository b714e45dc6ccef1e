"""Pieces to one string without holding it twice."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from fleet_rlm.documents import assembling
from fleet_rlm.documents.assembling import Rewind, assemble


def test_the_peak_is_the_text_itself():
    """Joining 64 MB from small pieces peaks at about 64 MB, not at twice that."""
    tracemalloc.start()
    try:
        text = assemble("x" * (1 << 20) for _ in range(64))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len(text) == 64 << 20
    assert peak < 1.2 * len(text)


def test_a_rewind_forgets():
    """What came after the mark is gone, also when it was not appended yet; later pieces follow the mark."""
    big = "b" * (assembling.BATCH_CHARS + 5)

    assert assemble(["keep", "lost", Rewind(4), big, "more", Rewind(4), "end"]) == "keepend"


@given(st.lists(st.text()))
def test_like_join(pieces):
    """Any pieces, wide characters included, give what join gives."""
    assert "".join(pieces) == assemble(pieces)
