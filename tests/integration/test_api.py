"""Dapr's API of `jackfield run`, as an app calls it."""

from __future__ import annotations

import aiohttp

from tests.integration.project import Project

STORE = """
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: statestore}
    spec: {type: state.in-memory, version: v1}
"""


async def test_app_keeps_state_and_shuts_the_engine_down(project: Project) -> None:
    project.write("statestore.yaml", STORE)
    run = await project.run("--app-id", "shop")
    async with aiohttp.ClientSession(run.url) as session:
        while (await session.get("/v1.0/healthz/outbound")).status != 204:
            pass
        assert (await session.post("/v1.0/state/statestore", json=[{"key": "a", "value": 1}])).status == 204
        assert await (await session.get("/v1.0/state/statestore/a")).json() == 1
        assert (await (await session.get("/v1.0/metadata")).json())["id"] == "shop"
        assert (await session.post("/v1.0/shutdown")).status == 204
    assert await run.ended() == 0
