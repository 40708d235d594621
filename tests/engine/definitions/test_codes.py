from __future__ import annotations

import re
from pathlib import Path

from engine.definitions.codes import CODES

ROOT = Path(__file__).parents[3]
CODE = re.compile(r"[\"' ]([EW][0-9]{3})[\"' ]")


def mentioned(*folders: str) -> set[str]:
    """In programs, and in what the corpus of the tests expects."""
    every = (path for folder in folders for path in (ROOT / folder).rglob("*.*"))
    files = [path for path in every if path.suffix in (".py", ".yaml") and path != Path(__file__)]
    return {code for path in files for code in CODE.findall(path.read_text(encoding="utf-8"))}


def test_codes_are_those_that_the_engine_gives() -> None:
    assert mentioned("engine", "bindings") == set(CODES)


def test_codes_are_each_given_in_a_test() -> None:
    assert set(CODES) - mentioned("tests") == set()


def test_codes_have_a_title_and_a_text() -> None:
    for title, text in CODES.values():
        assert re.fullmatch(r"[a-z][^.\n]+", title)
        assert len(text) > 80
        assert text.endswith("\n")
        assert max(map(len, text.splitlines())) <= 120
