from __future__ import annotations

import json

import pytest

from engine.errors import Permanent
from engine.plan.events import events_of_file

EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def test_data_has_the_type_of_its_suffix_and_the_id_of_its_name() -> None:
    [jpeg] = events_of_file("pictures/a.jpg", b"\xff", {"key": "k"})
    [other] = events_of_file("a.json.gz", b"{}", {})

    assert (jpeg.id, jpeg.attributes, jpeg.metadata) == ("a.jpg", {"datacontenttype": "image/jpeg"}, {"key": "k"})
    assert (other.attributes, other.data) == ({}, b"{}")


def test_cloudevents_keep_their_attributes() -> None:
    data = json.dumps([{**EVENT, "subject": "s", "data": {"n": 1}}, {**EVENT, "id": "2"}]).encode()

    first, second = events_of_file("a.json", data, {})

    expected = {"source": "/s", "type": "t", "subject": "s", "datacontenttype": "application/json"}
    assert (first.id, first.data, first.attributes) == ("1", b'{"n":1}', expected)
    assert (second.id, second.data) == ("2", None)


def test_an_array_with_anything_else_in_it_is_data() -> None:
    [one] = events_of_file("a.json", json.dumps([EVENT, 1]).encode(), {})

    assert one.id == "a.json"


def test_a_cloudevent_that_is_none_is_refused() -> None:
    with pytest.raises(Permanent):
        events_of_file("a.json", json.dumps({**EVENT, "id": ""}).encode(), {})
