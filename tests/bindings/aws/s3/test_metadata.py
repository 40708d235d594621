from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bindings.aws.s3 import component
from bindings.aws.s3.metadata import S3Metadata


def metadata(**given: Any) -> S3Metadata:
    return S3Metadata.model_validate({"bucket": "uploads", **given})


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"bucket": ""}, "at least 1 character"),
        ({"pattern": "[z-a]"}, "is not a pattern"),
        ({"onDone": "archive"}, "'keep', 'delete' or 'move'"),
        ({"onDone": "move"}, "moveTo belong together"),
        ({"moveTo": "done/"}, "moveTo belong together"),
        ({"onDone": "move", "moveTo": "in/", "prefix": "in/"}, "moveTo is the prefix itself"),
        ({"presignTTL": "8d"}, "less than or equal to 604800"),
        ({"presignTTL": "0s"}, "greater than 0"),
        ({"keyPrefix": "in/"}, "Extra inputs are not permitted"),
    ],
)
def test_metadata_that_cannot_be_right_are_refused(given: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        metadata(**given)


def test_moved_key_has_the_target_in_place_of_the_prefix() -> None:
    assert metadata(onDone="move", moveTo="done/", prefix="in/").moved("in/deep/a") == "done/deep/a"
    assert metadata(onDone="move", moveTo="done/").moved("in/a") == "done/in/a"


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({}, "s3 uploads"),
        ({"endpoint": "http://minio"}, "http://minio uploads"),
        ({"prefix": "in/"}, None),
        ({"pattern": "*.jpg"}, None),
    ],
)
def test_place_is_said_where_everything_becomes_an_event(given: dict[str, str], place: str | None) -> None:
    assert component.place is not None
    assert component.place(metadata(**given), "uploads") == place
