"""A store in which an engine has kept revisions of the pipeline `orders`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bindings.sqlite.store import SqliteStore
from engine.cli import main
from engine.clock import VirtualClock
from engine.history import History, ran
from engine.revision import revision_of
from tests.engine.cli.test_dead_letters import letter
from tests.engine.definitions.folders import component, pipeline, report_of

STORE = "sqlite:store.db"
OLD, NEW = "", "  steps: [{filter: 'true'}]\n"
HTTP = component(
    "    - {name: url, value: http://a}\n"
    "    - {name: securityToken, value: hunter2}\n"
    "    - {name: securityTokenHeader, value: X-Token}\n",
    type="bindings.http",
)


def writing(spec: str = "", name: str = "orders") -> str:
    return pipeline(f"  outputs: [{{binding: c}}]\n{spec}", name=name)


async def run_through(root: Path, *versions: str) -> list[str]:
    """An engine ran these versions, a second each, and lost an event in the first; the last revision comes first."""
    clock = VirtualClock()
    store = SqliteStore(STORE, clock)
    await store.open()
    history = History(store, clock)
    for version in versions:
        definitions = (await report_of(root / "pipelines", {"orders.yaml": version})).definitions
        located = definitions.pipelines["orders"]
        await clock.advance(1)
        await history.record(located, definitions, revision_of(located, definitions))
    ids = [revision.id for revision in await ran(history, "orders")]
    lost = letter("a", "orders")
    lost.revision = ids[-1]
    await store.add_dead_letters([lost])
    await store.close()
    return ids


def output(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main([*arguments, "--store", STORE]) == status
    out, err = capsys.readouterr()
    return out + err
