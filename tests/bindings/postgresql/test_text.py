from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bindings.postgresql.text import folded, key, read, written

_TEXTS = st.text(st.one_of(st.characters(), st.characters(categories=["Cs"]), st.sampled_from("\0\\x0")))


@given(_TEXTS)
def test_text_is_read_as_it_was_and_written_as_postgresql_takes_it(text: str) -> None:
    assert read(written(text)) == text
    assert "\0" not in written(text)
    written(text).encode()


@given(_TEXTS, _TEXTS)
def test_texts_that_differ_are_written_and_found_differently(one: str, other: str) -> None:
    assert (written(one) == written(other)) == (one == other)
    assert (key(one) == key(other)) == (one == other)


def test_texts_are_mostly_written_as_they_are() -> None:
    assert [written(text) for text in ("", "Grüße ✓", "C:\\x", "\0")] == ["", "Grüße ✓", "C:\\\\x", "\\x00"]


def test_key_has_room_in_an_index_and_tells_long_texts_apart() -> None:
    long = "✓" * 5_000
    assert len({key(long), key(long + "x"), key(long[:500]), key(long[:501]), key(key(long))}) == 5
    assert len(key(long).encode()) < 2_000
    assert key("short") == "short"


def test_folded_text_has_no_case_and_nothing_that_cannot_be_written() -> None:
    assert folded("GRÖSSE\0 \ud800\\") == folded("größe \\")
