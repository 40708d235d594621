from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from bindings.cron import component
from bindings.cron.metadata import CronMetadata


@pytest.mark.parametrize(
    ("metadata", "place", "message"),
    [
        ({"schedule": "0 25 * * *"}, "schedule", "hour field: 25 is not in 0-23"),
        ({"schedule": "@daily", "timezone": "Mars"}, "timezone", "'Mars' is not a time zone"),
        ({"timezone": "UTC"}, "schedule", "Field required"),
    ],
)
def test_wrong_metadata_is_found_by_the_model(metadata: dict[str, str], place: str, message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        CronMetadata.model_validate(metadata)
    [error] = raised.value.errors()
    assert error["loc"] == (place,)
    assert message in error["msg"]


def test_example_is_valid() -> None:
    spec = yaml.safe_load(component.example)["spec"]
    assert spec["type"] == component.name
    component.metadata.model_validate({item["name"]: item["value"] for item in spec["metadata"]})
