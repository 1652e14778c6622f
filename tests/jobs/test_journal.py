"""Rows of a journal as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.contract.errors import Unreadable
from roost.contract.journal import Fact, read, write

texts = st.text(max_size=20)
facts = st.builds(
    Fact,
    st.sampled_from(["claim", "value", "failed", "fired", "ended"]),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    texts,
    st.binary(max_size=16),
    st.binary(max_size=50),
)


@given(st.lists(facts, max_size=5))
def test_a_row_reads_back_as_it_was_written(row: list[Fact]) -> None:
    assert read(7, write(row)).facts == tuple(row)
    assert read(7, write(row)).position == 7


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[[1]]", b"null", b'[["value",1.0,"a","b","",5]]\nabc', b"[]\nrest", b"\xff"]
)
def test_bytes_that_are_no_row_are_named(data: bytes) -> None:
    with pytest.raises(Unreadable, match="row 3 of the journal"):
        read(3, data)
