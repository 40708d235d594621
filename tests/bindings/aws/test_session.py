from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions as aws

from bindings.aws.metadata import AwsMetadata
from bindings.aws.session import FAILURES, AwsSession, _instant, answered, error_code, failure, refusal
from engine.errors import DefinitionError, NotReady, Permanent, Retryable, TimedOut, Unavailable
from tests.bindings.aws.server import Moto


def session(threads: int = 4, **given: Any) -> AwsSession:
    return AwsSession(AwsMetadata.model_validate(given), threads)


def client_error(code: str, status: int) -> aws.ClientError:
    response: Any = {"Error": {"Code": code, "Message": "why"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return aws.ClientError(response, "GetObject")


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment that says nothing of AWS; the folder is the home."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


async def test_calls_run_in_at_most_so_many_threads(moto: Moto) -> None:
    one = session(threads=2, **moto.metadata())
    try:
        names = {await one.call(lambda: threading.current_thread().name) for _ in range(10)}
        client = await one.client("sts")
        assert (await one.call(client.get_caller_identity))["Account"]
    finally:
        one.close()
    assert 1 <= len(names) <= 2
    assert all(name.startswith("jackfield-aws") for name in names)


async def test_closed_session_can_be_used_again(moto: Moto) -> None:
    one = session(**moto.metadata())
    for _ in range(2):
        client = await one.client("sts")
        assert (await one.call(client.get_caller_identity))["Arn"]
        one.close()


async def test_credentials_come_from_the_metadata(moto: Moto) -> None:
    one = session(region="eu-west-1", accessKey="AKIA", secretKey="s", sessionToken="t", endpoint=moto.url)
    client = await one.client("sts")
    credentials = client._get_credentials()
    assert (credentials.access_key, credentials.secret_key, credentials.token) == ("AKIA", "s", "t")
    assert client.meta.region_name == "eu-west-1"
    one.close()


async def test_credentials_come_from_the_environment(
    moto: Moto, monkeypatch: pytest.MonkeyPatch, no_credentials: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    one = session()
    client = await one.client("sts", endpoint=moto.url)
    assert (client._get_credentials().access_key, client.meta.region_name) == ("AKIAENV", "eu-north-1")
    one.close()


async def test_role_is_taken_on_with_the_credentials_of_the_environment(
    moto: Moto, monkeypatch: pytest.MonkeyPatch, no_credentials: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    one = session(endpoint=moto.url, assumeRoleArn="arn:aws:iam::123456789012:role/orders", sessionName="shop")
    client = await one.client("sts")
    identity = await one.call(client.get_caller_identity)
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/orders/shop"
    one.close()


async def test_without_credentials_the_refusal_says_so(no_credentials: Path) -> None:
    one = session(endpoint="http://127.0.0.1:9")
    client = await one.client("sqs")
    with pytest.raises(FAILURES) as raised:
        await one.call(client.list_queues)
    meaning = refusal(raised.value, "queue orders")
    one.close()
    assert isinstance(meaning, DefinitionError)
    assert str(meaning) == (
        "queue orders: Unable to locate credentials (set `accessKey` and `secretKey`, or give the machine credentials)"
    )


async def test_without_a_region_there_is_no_client(no_credentials: Path) -> None:
    one = session(accessKey="a", secretKey="s")
    with pytest.raises(DefinitionError, match=r"there is no region \(set `region`, or AWS_REGION\)"):
        await one.client("sqs")
    one.close()


async def test_endpoint_that_is_none_is_refused() -> None:
    one = session(accessKey="a", secretKey="s", endpoint="localhost")
    with pytest.raises(DefinitionError, match="Invalid endpoint: localhost"):
        await one.client("sqs")
    one.close()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (client_error("NoSuchKey", 404), Permanent),
        (client_error("AccessDenied", 403), Permanent),
        (client_error("ValidationException", 400), Permanent),
        (client_error("ThrottlingException", 400), Unavailable),
        (client_error("SlowDown", 503), Unavailable),
        (client_error("ExpiredToken", 400), Unavailable),
        (client_error("SignatureDoesNotMatch", 403), Unavailable),
        (client_error("RequestTimeout", 400), Retryable),
        (client_error("ConditionalRequestConflict", 409), Retryable),
        (client_error("InternalError", 500), Retryable),
        (client_error("ServiceUnavailable", 503), Unavailable),
        (aws.EndpointConnectionError(endpoint_url="http://x", error="no"), Unavailable),
        (aws.ConnectTimeoutError(endpoint_url="http://x", error="no"), Unavailable),
        (aws.ReadTimeoutError(endpoint_url="http://x", error="no"), TimedOut),
        (aws.ConnectionClosedError(endpoint_url="http://x"), Retryable),
        (aws.NoCredentialsError(), Unavailable),
        (aws.ParamValidationError(report="wrong"), Permanent),
    ],
)
def test_meaning_for_one_operation(error: Exception, kind: type[Exception]) -> None:
    meaning = failure(error, "get k")
    assert type(meaning) is kind
    assert str(meaning).startswith("get k: ")


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (client_error("InvalidAccessKeyId", 403), DefinitionError, "AWS refused the login: InvalidAccessKeyId: why"),
        (client_error("AccessDenied", 403), DefinitionError, "not allowed: AccessDenied: why"),
        (client_error("NoSuchBucket", 404), DefinitionError, "NoSuchBucket: why"),
        (client_error("Throttling", 400), NotReady, "Throttling: why"),
        (client_error("InternalError", 500), NotReady, "InternalError: why"),
        (aws.EndpointConnectionError(endpoint_url="http://x", error="no"), NotReady, "Could not connect"),
        (aws.ParamValidationError(report="wrong"), DefinitionError, "Parameter validation failed"),
    ],
)
def test_meaning_for_a_whole_component(error: Exception, kind: type[Exception], said: str) -> None:
    meaning = refusal(error, "bucket b")
    assert type(meaning) is kind
    assert str(meaning).startswith("bucket b: ")
    assert said in str(meaning)


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-11-24T08:00:00.250Z", datetime(2026, 11, 24, 8, 0, 0, 250_000, UTC)),
        ("Tue, 24 Nov 2026 08:00:00 GMT", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        (1795507200, datetime(2026, 11, 24, 8, tzinfo=UTC)),
    ],
)
def test_instants_of_every_kind_are_understood(written: Any, instant: datetime) -> None:
    assert _instant(written) == instant


def test_entry_of_a_batch_has_a_meaning_of_its_own() -> None:
    assert type(answered("ThrottlingException", "entry 1", 400)) is Unavailable
    assert type(answered("InvalidMessageContents", "entry 1", 400)) is Permanent


def test_code_of_an_error() -> None:
    assert error_code(client_error("NoSuchKey", 404)) == "NoSuchKey"
    assert error_code(aws.NoCredentialsError()) == ""
