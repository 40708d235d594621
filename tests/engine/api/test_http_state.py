from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.engine.api.served import DEFINITIONS, served

STATE = "/v1.0/state/statestore"


@pytest.mark.parametrize("value", [1, "text", {"n": [1, 2]}, None, "ü"])
async def test_what_is_saved_is_there(tmp_path: Path, value: Any) -> None:
    async with served(tmp_path) as api:
        assert await api.status("POST", STATE, [{"key": "a", "value": value}]) == 204
        status, body, headers = await api.call("GET", f"{STATE}/a")
    assert (status, json.loads(body)) == (200, value)
    assert headers["ETag"]


async def test_key_without_a_value_is_an_empty_answer(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        assert await api.status("GET", f"{STATE}/a") == 204
        assert await api.status("DELETE", f"{STATE}/a") == 204
        assert await api.status("POST", STATE, []) == 204


async def test_etag_guards_saves_and_deletes(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        await api.call("POST", STATE, [{"key": "a", "value": 1}])
        _, _, headers = await api.call("GET", f"{STATE}/a")
        status, body, _ = await api.call("POST", STATE, [{"key": "a", "value": 2, "etag": "stale"}])
        assert (status, json.loads(body)["errorCode"]) == (409, "ERR_STATE_SAVE")
        assert await api.status("DELETE", f"{STATE}/a", headers={"If-Match": "stale"}) == 409
        first = {"key": "a", "value": 3, "options": {"concurrency": "first-write"}}
        assert await api.status("POST", STATE, [first]) == 409
        assert await api.status("DELETE", f"{STATE}/a", headers={"If-Match": headers["ETag"]}) == 204
        assert await api.status("POST", STATE, [first]) == 204


async def test_ttl_is_told_and_can_be_in_the_query(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        await api.call("POST", f"{STATE}?metadata.ttlInSeconds=100", [{"key": "a", "value": 1}])
        _, _, headers = await api.call("GET", f"{STATE}/a")
        assert headers["metadata.ttlExpireTime"].endswith("Z")
        await api.call("POST", STATE, [{"key": "a", "value": 1, "metadata": {"ttlInSeconds": "-1"}}])
        _, _, headers = await api.call("GET", f"{STATE}/a")
        assert "metadata.ttlExpireTime" not in headers


async def test_bulk_get_names_every_key(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        await api.call("POST", STATE, [{"key": "a", "value": {"n": 1}}])
        status, body, _ = await api.call("POST", f"{STATE}/bulk", {"keys": ["a", "b"], "parallelism": 10})
    first, second = json.loads(body)
    assert (status, first["key"], first["data"], second) == (200, "a", {"n": 1}, {"key": "b"})


async def test_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    def upsert(key: str, **more: str) -> dict[str, Any]:
        return {"operation": "upsert", "request": {"key": key, "value": key, **more}}

    async with served(tmp_path) as api:
        good = [upsert("a"), upsert("b"), {"operation": "delete", "request": {"key": "a"}}]
        assert await api.status("POST", f"{STATE}/transaction", {"operations": good}) == 204
        bad = [upsert("c"), upsert("b", etag="stale")]
        status, body, _ = await api.call("POST", f"{STATE}/transaction", {"operations": bad})
        assert (status, json.loads(body)["errorCode"]) == (500, "ERR_STATE_TRANSACTION")
        assert [await api.status("GET", f"{STATE}/{key}") for key in "abc"] == [204, 200, 204]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1.0/state/lost/a", None, 400, "ERR_STATE_STORE_NOT_FOUND"),
        ("GET", "/v1.0/state/pubsub/a", None, 400, "ERR_STATE_STORE_NOT_FOUND"),
        ("GET", f"{STATE}/a||b", None, 400, "ERR_MALFORMED_REQUEST"),
        ("POST", STATE, {"key": "a"}, 400, "ERR_MALFORMED_REQUEST"),
        ("POST", STATE, [{"value": 1}], 400, "ERR_MALFORMED_REQUEST"),
        ("POST", STATE, [{"key": "a", "metadata": {"ttlInSeconds": "soon"}}], 400, "ERR_MALFORMED_REQUEST"),
        ("DELETE", f"{STATE}/a?concurrency=never", None, 400, "ERR_MALFORMED_REQUEST"),
        (
            "POST",
            f"{STATE}/transaction",
            {"operations": [{"operation": "move", "request": {"key": "a"}}]},
            400,
            "ERR_NOT_SUPPORTED_STATE_OPERATION",
        ),
        ("POST", "/v1.0-alpha1/state/statestore/query", {}, 500, "ERR_STATE_STORE_NOT_SUPPORTED"),
    ],
)
async def test_wrong_request_is_answered_as_dapr_does(
    tmp_path: Path, method: str, path: str, body: Any, status: int, code: str
) -> None:
    async with served(tmp_path) as api:
        found, answer, _ = await api.call(method, path, body)
    assert (found, json.loads(answer)["errorCode"]) == (status, code)


async def test_store_that_is_not_there_has_the_details_of_dapr(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        _, body, _ = await api.call("GET", "/v1.0/state/lost/a")
    assert json.loads(body) == {
        "errorCode": "ERR_STATE_STORE_NOT_FOUND",
        "message": "state store lost is not found",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "domain": "dapr.io",
                "reason": "DAPR_STATE_NOT_FOUND",
                "metadata": {"appID": "shop"},
            }
        ],
    }


async def test_where_there_is_no_store_at_all_none_is_configured(tmp_path: Path) -> None:
    async with served(tmp_path, "") as api:
        status, body, _ = await api.call("GET", f"{STATE}/a")
    assert (status, json.loads(body)["errorCode"]) == (500, "ERR_STATE_STORE_NOT_CONFIGURED")


async def test_state_survives_a_change_of_the_folder_but_not_of_its_component(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        await api.call("POST", STATE, [{"key": "a", "value": 1}])
        await api.apply(DEFINITIONS.replace("name: pubsub", "name: other"))
        assert await api.status("GET", f"{STATE}/a") == 200
        prefixed = "{type: state.in-memory, metadata: [{name: keyPrefix, value: name}]}"
        await api.apply(DEFINITIONS.replace("{type: state.in-memory, version: v1}", prefixed))
        assert await api.status("GET", f"{STATE}/a") == 204
