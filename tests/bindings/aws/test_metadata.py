from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bindings.aws.metadata import AwsMetadata


def metadata(**given: Any) -> AwsMetadata:
    return AwsMetadata.model_validate(given)


@pytest.mark.parametrize(
    ("given", "region"),
    [
        ({}, None),
        ({"region": "eu-central-1", "awsRegion": "us-west-1"}, "eu-central-1"),
        ({"awsRegion": "us-west-1"}, "us-west-1"),
        ({"endpoint": "http://localhost:4566"}, "us-east-1"),
        ({"endpoint": "http://localhost:4566", "region": "eu-west-1"}, "eu-west-1"),
    ],
)
def test_region(given: dict[str, str], region: str | None) -> None:
    assert metadata(**given).region_name == region


@pytest.mark.parametrize(
    ("given", "name"),
    [({}, "DaprDefaultSession"), ({"sessionName": "a"}, "a"), ({"assumeRoleSessionName": "b"}, "b")],
)
def test_name_of_the_session(given: dict[str, str], name: str) -> None:
    assert metadata(**given).role_session_name == name


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"accessKey": "AKIA"}, "accessKey and secretKey belong together"),
        ({"secretKey": "s3cr3t"}, "accessKey and secretKey belong together"),
        ({"trustAnchorArn": "arn:aws:rolesanywhere"}, "IAM Roles Anywhere is not understood"),
        ({"trustProfileArn": "arn:aws:rolesanywhere"}, "IAM Roles Anywhere is not understood"),
        ({"accesskey": "AKIA"}, "Extra inputs are not permitted"),
    ],
)
def test_metadata_that_cannot_be_right_are_refused(given: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        metadata(**given)


def test_empty_values_are_as_good_as_none() -> None:
    """Templates of Dapr's users often leave them there."""
    empty = metadata(accessKey="", secretKey="", sessionToken="", trustAnchorArn="", endpoint="", region="")
    assert empty.region_name is None


def test_secrets_are_not_shown() -> None:
    assert "s3cr3t" not in repr(metadata(accessKey="AKIA", secretKey="s3cr3t", sessionToken="s3cr3t"))
