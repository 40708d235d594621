from __future__ import annotations

import json
from typing import Any

import pytest

from engine.letter_lines import letter_of_line, line_of
from tests.engine.test_replay import letter


def test_line_is_one_line_of_ascii_and_reads_as_the_same_letter() -> None:
    line = line_of(letter())
    assert line.isascii()
    assert "\n" not in line
    assert letter_of_line(line) == letter()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": 7}, "id is not what it should be: 7"),
        ({"status": "500"}, "status is not what it should be"),
        ({"more": 1}, "it needs the fields id, pipeline"),
        ({"time": 1e300}, "time is not a number of seconds since 1970"),
        ({"time": float("nan")}, "time is not a number of seconds since 1970"),
        ({"metadata": {"a": 1}}, "metadata has values that are no text"),
        ({"event": {}}, "event is no event: it needs an id, a source and a type"),
        ({"origin": {"attributes": []}}, "origin has no attributes"),
        ({"event": {"attributes": {"id": "1", "source": "/", "type": "t", "x": []}}}, "event has attributes that are"),
        ({"event": {"attributes": {"id": "1", "source": "/", "type": "t"}, "data": 1}}, "the data of event is not"),
        ({"body": "no base64"}, "base64"),
    ],
)
def test_line_that_is_no_dead_letter_is_refused(changes: dict[str, Any], message: str) -> None:
    line = json.dumps({**json.loads(line_of(letter())), **changes})
    with pytest.raises(ValueError, match=r".") as caught:
        letter_of_line(line)
    assert message in str(caught.value)


@pytest.mark.parametrize("line", ["", "7", "[]", "null", "{"])
def test_line_that_is_no_object_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        letter_of_line(line)
