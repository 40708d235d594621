from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from dapr.proto.runtime.v1 import lock_pb2

from tests.engine.api.served import served
from tests.engine.api.stores import LOCKS, SEEN, register

LOCK, UNLOCK = "/v1.0-alpha1/lock/locks", "/v1.0-alpha1/unlock/locks"


@pytest.fixture(autouse=True)
def types(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def wanted(owner: str = "me", resource: str = "till", seconds: int = 60) -> dict[str, Any]:
    return {"resourceId": resource, "lockOwner": owner, "expiryInSeconds": seconds}


async def test_lock_has_one_owner_until_it_is_unlocked(tmp_path: Path) -> None:
    async with served(tmp_path, LOCKS) as api:

        async def said(path: str, body: Any) -> Any:
            status, answer, _ = await api.call("POST", path, body)
            assert status == 200
            return json.loads(answer)

        assert await said(LOCK, wanted()) == {"success": True}
        assert await said(LOCK, wanted("you")) == {"success": False}
        assert await said(UNLOCK, {"resourceId": "till", "lockOwner": "you"}) == {"status": 2}
        assert await said(UNLOCK, {"resource_id": "till", "lock_owner": "me"}) == {"status": 0}
        assert await said(UNLOCK, {"resourceId": "till", "lockOwner": "me"}) == {"status": 1}
    assert SEEN == ["lock||shop||till", "lock||shop||till"]


async def test_lock_over_grpc(tmp_path: Path) -> None:
    async with served(tmp_path, LOCKS) as api, api.stub() as stub:
        request = lock_pb2.TryLockRequest(store_name="locks", resource_id="till", lock_owner="me", expiry_in_seconds=60)
        assert (await stub.TryLockAlpha1(request)).success
        assert not (await stub.TryLockAlpha1(request)).success
        unlock = lock_pb2.UnlockRequest(store_name="locks", resource_id="till", lock_owner="you")
        status = (await stub.UnlockAlpha1(unlock)).status
        assert status == lock_pb2.UnlockResponse.LOCK_BELONGS_TO_OTHERS
        unlock.lock_owner = "me"
        assert (await stub.UnlockAlpha1(unlock)).status == lock_pb2.UnlockResponse.SUCCESS


@pytest.mark.parametrize(
    ("prefix", "key"), [("name", "lock||locks||till"), ("none", "lock||till"), ("Shelf", "lock||shelf||till")]
)
async def test_prefix_of_the_component_stands_before_the_resource(tmp_path: Path, prefix: str, key: str) -> None:
    spec = f"{{type: lock.test, version: v1, metadata: [{{name: keyPrefix, value: {prefix}}}]}}"
    async with served(tmp_path, LOCKS.replace("{type: lock.test, version: v1}", spec)) as api:
        assert await api.status("POST", LOCK, wanted()) == 200
    assert [key] == SEEN


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "message"),
    [
        (LOCK, wanted(seconds=0), 400, "ERR_MALFORMED_REQUEST", "ExpiryInSeconds is not positive in lock store locks"),
        (LOCK, wanted(resource=""), 400, "ERR_MALFORMED_REQUEST", "ResourceId is empty in lock store locks"),
        (LOCK, wanted(owner=""), 400, "ERR_MALFORMED_REQUEST", "LockOwner is empty in lock store locks"),
        (LOCK, None, 400, "ERR_MALFORMED_REQUEST", "ExpiryInSeconds is not positive in lock store locks"),
        (LOCK, [], 400, "ERR_MALFORMED_REQUEST", "failed deserializing HTTP body: "),
        (
            LOCK,
            wanted(resource="a||b"),
            500,
            "ERR_TRY_LOCK",
            "failed to try acquiring lock: input key/keyPrefix 'a||b'",
        ),
        (UNLOCK, {"lockOwner": "me"}, 400, "ERR_MALFORMED_REQUEST", "ResourceId is empty in lock store locks"),
        (UNLOCK, {"resourceId": "a||b", "lockOwner": "me"}, 500, "ERR_UNLOCK", "failed to release lock: "),
        ("/v1.0-alpha1/lock/lost", wanted(), 400, "ERR_LOCK_STORE_NOT_FOUND", "lock store lost not found"),
        ("/v1.0-alpha1/lock/lost", wanted(owner=""), 400, "ERR_MALFORMED_REQUEST", "LockOwner is empty in lock store"),
    ],
)
async def test_wrong_request_is_answered_as_dapr_does(
    tmp_path: Path, path: str, body: Any, status: int, code: str, message: str
) -> None:
    async with served(tmp_path, LOCKS) as api:
        found, answer, _ = await api.call("POST", path, body)
    error = json.loads(answer)
    assert (found, error["errorCode"], error.get("details")) == (status, code, None)
    assert error["message"].startswith(message)


async def test_where_there_is_no_lock_none_is_configured(tmp_path: Path) -> None:
    async with served(tmp_path) as api, api.stub() as stub:
        _, answer, _ = await api.call("POST", LOCK, wanted())
        assert json.loads(answer)["errorCode"] == "ERR_LOCK_STORE_NOT_CONFIGURED"
        with pytest.raises(grpc.RpcError) as caught:
            await stub.UnlockAlpha1(lock_pb2.UnlockRequest(store_name="locks"))
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION


async def test_component_belongs_to_the_apps_of_its_scopes(tmp_path: Path) -> None:
    async with served(tmp_path, f"{LOCKS}scopes: [other]\n") as api:
        _, answer, _ = await api.call("POST", LOCK, wanted())
        assert json.loads(answer)["errorCode"] == "ERR_LOCK_STORE_NOT_CONFIGURED"
        await api.apply(f"{LOCKS}scopes: [other, shop]\n")
        assert await api.status("POST", LOCK, wanted()) == 200
