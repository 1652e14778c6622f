from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.contract.errors import RoostError
from roost_client.sse import EVENT_LIMIT, Parser, ServerSent

# No line ends in a field; U+2028 and friends are text, and stay so.
LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8)
ID = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=4)
EVENT = st.tuples(LINE, st.lists(LINE, min_size=1, max_size=3), ID)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({cut % (len(data) + 1) for cut in cuts} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def parse(*data: bytes) -> list[ServerSent]:
    parser = Parser()
    return [sent for piece in data for sent in parser.feed(piece)]


@given(st.lists(EVENT, max_size=4), st.sampled_from(["\n", "\r", "\r\n"]), st.lists(st.integers(0, 999)), st.booleans())
def test_any_chunking(events: list[tuple[str, list[str], str]], eol: str, cuts: list[int], bom: bool) -> None:
    lines: list[str] = []
    for event, data, id in events:
        lines += [": comment", f"event: {event}", f"id: {id}", *(f"data: {line}" for line in data), ""]
    text = ("\ufeff" if bom else "") + "".join(line + eol for line in lines)
    expected = [ServerSent(event or "message", "\n".join(data), id) for event, data, id in events]
    if eol == "\r" and expected:  # a CR at the very end may be half a CRLF
        assert parse(*pieces(text.encode(), cuts)) == expected[:-1]
        text += ":"
    assert parse(*pieces(text.encode(), cuts)) == expected


@given(st.binary(max_size=200), st.lists(st.integers(0, 999)))
def test_chunking_never_matters(data: bytes, cuts: list[int]) -> None:
    assert parse(*pieces(data, cuts)) == parse(data)


def test_the_fine_print() -> None:
    parser = Parser("7")
    wire = b"data\n\nid: 8\n\nretry: 1500\nretry: soon\nid: a\0b\ndata:  x\ndata:y\nevent\n\ndata: unfinished\n"
    assert list(parser.feed(wire)) == [ServerSent("message", "", "7"), ServerSent("message", " x\ny", "8")]
    assert (parser.last_id, parser.retry) == ("8", 1.5)


def test_an_event_without_end_is_refused() -> None:
    parser = Parser()
    for _ in range(2):
        assert list(parser.feed(b"x" * (EVENT_LIMIT // 2))) == []
    with pytest.raises(RoostError, match="longer than"):
        list(parser.feed(b"x"))
