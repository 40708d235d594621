from __future__ import annotations

import pytest

from engine.suggest import close_match, slip_of

KNOWN = ["bindings.rabbitmq", "bindings.redis", "Orders", "data"]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("bindings.rabitmq", "did you mean 'bindings.rabbitmq'?"),
        ("BINDINGS.REDIS", "did you mean 'bindings.redis'?"),
        ("order", "did you mean 'Orders'?"),
        ("dta", "did you mean 'data'?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_hint_names_the_nearest_word_in_its_own_spelling(word: str, hint: str) -> None:
    assert close_match(word, KNOWN) == hint


def test_no_words_give_no_hint() -> None:
    assert close_match("data", []) == ""


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("subjct", "subject"),
        ("subjectt", "subject"),
        ("sbujects", None),
        ("sbuject", "subject"),
        ("subjekt", "subject"),
        ("Customer_ID", "customerId"),
        ("kustomerId", "customerId"),
        ("ids", None),
        ("ip", None),
        ("ID", "id"),
        ("type", "type"),
        ("typ", None),
        ("subjectid", None),
        ("", None),
    ],
)
def test_slip_is_one_letter_or_another_way_to_write_it(word: str, meant: str | None) -> None:
    assert slip_of(word, ["id", "subject", "customerId", "type"]) == meant
