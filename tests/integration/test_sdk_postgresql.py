"""State queries of Dapr's API with a real PostgreSQL, through Dapr's SDK and over HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from dapr.clients import DaprClient
from dapr.clients.exceptions import DaprGrpcError

from tests.bindings.postgresql.server import PostgreSql
from tests.integration.blocks import grpc_of
from tests.integration.project import Project, Run

FOLDER = """
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: people}
    spec: {type: state.postgresql, version: v1, metadata: [{name: connectionString, value: "URL"}]}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: all-people}
    spec:
      type: state.postgresql
      version: v1
      metadata: [{name: connectionString, value: "URL"}, {name: keyPrefix, value: none}]
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: blobs}
    spec:
      type: state.postgresql
      version: v2
      metadata: [{name: connectionString, value: "URL"}, {name: tablePrefix, value: blob_}]
"""
PEOPLE = {
    "ann": {"name": "Ann", "age": 31, "home": {"city": "Bergen"}},
    "bob": {"name": "Bob", "age": 9, "home": {"city": "Oslo"}},
    "cid": {"name": "Cid", "age": 62, "home": {"city": "Oslo"}},
}
OSLO = {"filter": {"EQ": {"home.city": "Oslo"}}, "sort": [{"key": "age", "order": "DESC"}]}


@pytest.fixture
async def run(project: Project, postgresql: PostgreSql) -> Run:
    project.write("all.yaml", FOLDER.replace("URL", postgresql.new_database()))
    run = await project.run("--app-id", "shop")
    async with aiohttp.ClientSession(run.url) as session:
        while (await session.get("/v1.0/healthz/outbound")).status != 204:
            pass
        states = [{"key": key, "value": value} for key, value in PEOPLE.items()]
        assert (await session.post("/v1.0/state/people", json=states)).status == 204
        eve = {"key": "eve", "value": {"name": "Eve", "age": 40, "home": {"city": "Oslo"}}}
        assert (await session.post("/v1.0/state/all-people", json=[eve])).status == 204
    return run


@pytest.mark.filterwarnings("ignore:The State Store Query API is an Alpha version")
async def test_sdk_queries_state(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAPR_HTTP_ENDPOINT", run.url)
    monkeypatch.setenv("DAPR_GRPC_ENDPOINT", await grpc_of(run))

    def use() -> None:
        with DaprClient() as client:
            found = client.query_state("people", json.dumps(OSLO))
            assert [(one.key, one.json()) for one in found.results] == [("cid", PEOPLE["cid"]), ("bob", PEOPLE["bob"])]
            assert found.results[0].etag == client.get_state("people", "cid").etag
            page = json.dumps({**OSLO, "page": {"limit": 1}})
            first = client.query_state("people", page)
            assert [one.key for one in first.results] == ["cid"]
            rest = client.query_state("people", json.dumps({**OSLO, "page": {"limit": 1, "token": first.token}}))
            assert ([one.key for one in rest.results], rest.token) == (["bob"], "")
            whole = client.query_state("all-people", json.dumps({**OSLO, "filter": {"GT": {"age": 35}}}))
            assert [one.key for one in whole.results] == ["shop||cid", "eve"]
            with pytest.raises(DaprGrpcError) as caught:
                client.query_state("blobs", "{}")
            assert caught.value.details() == "state store does not support querying"
            client.shutdown()

    await asyncio.to_thread(use)
    assert await run.ended() == 0
    assert run.noise == []


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_state_is_queried_over_http(run: Run, method: str) -> None:
    async def query(store: str, text: str) -> tuple[int, Any]:
        async with session.request(method, f"/v1.0-alpha1/state/{store}/query", data=text) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None

    async with aiohttp.ClientSession(run.url) as session:
        status, found = await query("people", json.dumps({**OSLO, "page": {"limit": 1}}))
        (etag,) = [one.pop("etag") for one in found["results"]]
        assert (status, found) == (200, {"results": [{"key": "cid", "data": PEOPLE["cid"]}], "token": "1"})
        assert etag == (await session.get("/v1.0/state/people/cid")).headers["ETag"]
        assert await query("people", '{"filter": {"EQ": {"name": "Eve"}}}') == (204, None)
        status, wrong = await query("people", '{"filter": {"LIKE": {"name": "E"}}}')
        assert (status, wrong["errorCode"]) == (500, "ERR_STATE_QUERY")
        assert wrong["message"].startswith("state store people query failed: unsupported filter 'LIKE'")
        assert [one.get("reason") for one in wrong["details"]] == [None, "DAPR_STATE_QUERY_FAILED"]
        status, wrong = await query("people", '{"filter": {"GT": {"name": "E"}}}')
        assert (status, wrong["errorCode"]) == (500, "ERR_STATE_QUERY")
        status, wrong = await query("blobs", "{}")
        assert (status, wrong["errorCode"]) == (500, "ERR_STATE_STORE_NOT_SUPPORTED")
        assert wrong["details"][1]["reason"] == "DAPR_STATE_QUERYING_NOT_SUPPORTED"
        assert (await query("lost", "{}"))[1]["errorCode"] == "ERR_STATE_STORE_NOT_FOUND"
    assert await run.stop() == 0
