from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from bindings.localstorage import component
from bindings.localstorage.metadata import LocalStorageMetadata


def test_metadata_reads_what_dapr_writes() -> None:
    metadata = LocalStorageMetadata.model_validate(
        {"rootPath": "/srv/files", "pollInterval": "2s", "maxInlineSize": "0"}
    )
    assert (metadata.root_path, metadata.poll_interval, metadata.max_inline_size) == ("/srv/files", 2.0, 0)
    assert (metadata.pattern, metadata.settle_time, metadata.on_done) == ("**", 0.5, "keep")


@pytest.mark.parametrize(
    "wrong", [{}, {"rootPath": ""}, {"rootPath": "x", "onDone": "move"}, {"rootPath": "x", "pattern": "[z-a]"}]
)
def test_metadata_that_is_wrong_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LocalStorageMetadata.model_validate(wrong)


def test_example_is_valid() -> None:
    spec = yaml.safe_load(component.example)["spec"]
    assert spec["type"] == component.name
    LocalStorageMetadata.model_validate({item["name"]: item["value"] for item in spec["metadata"]})
