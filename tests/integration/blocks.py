"""A folder with a component of every building block of Dapr's API, and an engine that serves it."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from tests.integration.project import Project, Run

FOLDER = """
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: statestore}
    spec: {type: state.in-memory, version: v1}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: pubsub}
    spec: {type: pubsub.in-memory, version: v1}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: files}
    spec: {type: bindings.localstorage, version: v1, metadata: [{name: rootPath, value: ./files}]}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: secrets}
    spec: {type: secretstores.local.file, version: v1, metadata: [{name: secretsFile, value: secrets.json}]}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: locks}
    spec: {type: lock.test, version: v1}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: settings}
    spec: {type: configuration.test, version: v1}
"""
TYPES = """
[jackfield.components]
lock.test = tests.engine.api.stores:lock
configuration.test = tests.engine.api.stores:configuration
"""


async def serve(project: Project, *arguments: str) -> Run:
    """Returns when its components can be used, with the address of HTTP in `url`."""
    installed = project.path / "types/types-1.dist-info"  # a distribution that brings the two types
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: types\nVersion: 1\n")
    (installed / "entry_points.txt").write_text(TYPES)
    (project.path / "secrets.json").write_text('{"redis": "p4ss"}')
    (project.path / "files").mkdir()
    project.write("all.yaml", FOLDER)
    root = Path(__file__).parents[2]
    run = project.spawn("--app-id", "shop", *arguments, env={"PYTHONPATH": f"{root}:{installed.parent}"})
    line = await run.until(lambda line: "listens on http" in line["message"])
    run.url = line["message"].split()[-1]
    async with aiohttp.ClientSession(run.url) as session:
        while (await session.get("/v1.0/healthz/outbound")).status != 204:
            pass
    return run


async def grpc_of(run: Run) -> str:
    """The address of gRPC."""
    line = await run.until(lambda line: "for gRPC" in line["message"])
    return str(line["message"].split()[2])
