"""What is kept of the revisions that ran, and that it is enough to run them again."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.clock import VirtualClock
from engine.definitions.check import Definitions, check
from engine.errors import DefinitionError
from engine.history import KEPT, History, Part, chosen, ran
from engine.revision import revision_of
from engine.testing.memory_store import MemoryStore
from tests.engine.definitions.folders import app, component, documents, pipeline, report_of

SCHEMA = '{"type": "object"}'
STEPS = "  steps: [{validate: ../s/in.json}, {call: {app: a}}]\n"


class Bench:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.history = History(MemoryStore(), self.clock)

    async def record(self, definitions: Definitions, id: str = "") -> str:
        """Records the pipeline `p` a second after whatever was recorded before."""
        await self.clock.advance(1)
        located = definitions.pipelines["p"]
        id = id or revision_of(located, definitions)
        await self.history.record(located, definitions, id)
        return id


async def project(root: Path) -> Definitions:
    (root / "s").mkdir(exist_ok=True)
    (root / "s" / "in.json").write_text(SCHEMA)
    files = {
        "p.yaml": "# head\n" + pipeline(STEPS, source="c") + "# after\n",
        "sub/parts.yaml": documents(component(name="other"), component(name="c", more="auth: {secretStore: s}\n")),
        "app.yaml": app("  auth: {secretStore: s}\n  token: {secretKeyRef: {name: HOME}}\n"),
        "s.yaml": component(name="s", type="secretstores.local.env"),
    }
    report = await report_of(root / "pipelines", files)
    assert not report.diagnostics, report.diagnostics
    return report.definitions


async def test_revision_is_kept_with_all_that_it_is_made_of(tmp_path: Path) -> None:
    bench = Bench()
    id = await bench.record(await project(tmp_path))
    (kept,) = await bench.history.revisions("p")
    assert (kept.id, kept.first, kept.last) == (id, bench.clock.now(), bench.clock.now())
    assert [(part.kind, part.name, part.file) for part in kept.documents] == [
        ("Pipeline", "p", "p.yaml"),
        ("Component", "c", "sub/parts.yaml"),
        ("App", "a", "app.yaml"),
        ("Component", "s", "s.yaml"),
    ]
    assert kept.documents[0].text == pipeline(STEPS, source="c").rstrip()
    assert kept.schemas == [Part("../s/in.json", SCHEMA)]


async def test_kept_revision_passes_the_check_and_is_the_same_whatever_became_of_its_files(tmp_path: Path) -> None:
    bench = Bench()
    definitions = await project(tmp_path)
    id = await bench.record(definitions)
    for file in (*(tmp_path / "pipelines").rglob("*.yaml"), tmp_path / "s/in.json"):
        file.unlink()
    (kept,) = await bench.history.revisions("p")
    root = definitions.root
    report = await check(kept.folder(root), schemas=kept.schema_sources(root))
    assert not report.diagnostics
    assert revision_of(report.definitions.pipelines["p"], report.definitions) == id


async def test_kept_document_that_ends_with_a_text_of_several_lines_is_the_same(tmp_path: Path) -> None:
    bench = Bench()
    block = "  steps:\n    - transform: |\n        one\n        two\n# after\n"
    id = await bench.record((await report_of(tmp_path, {"p.yaml": pipeline(block)})).definitions)
    (kept,) = await bench.history.revisions("p")
    report = await check(kept.folder(tmp_path))
    assert revision_of(report.definitions.pipelines["p"], report.definitions) == id


async def test_revisions_are_in_the_order_of_their_last_start(tmp_path: Path) -> None:
    bench = Bench()
    definitions = (await report_of(tmp_path, {"p.yaml": pipeline()})).definitions
    start = bench.clock.now()
    for id in ("a", "b", "a"):
        await bench.record(definitions, id)
    kept = await bench.history.revisions("p")
    assert [(one.id, one.first - start, one.last - start) for one in kept] == [("a", 1, 3), ("b", 2, 2)]


async def test_oldest_are_forgotten_beyond_the_limit(tmp_path: Path) -> None:
    bench = Bench()
    definitions = (await report_of(tmp_path, {"p.yaml": pipeline()})).definitions
    for number in range(KEPT + 2):
        await bench.record(definitions, str(number))
    kept = [one.id for one in await bench.history.revisions("p")]
    assert kept == [str(number) for number in reversed(range(2, KEPT + 2))]


async def test_names_that_are_not_known_are_errors_with_the_nearest(tmp_path: Path) -> None:
    bench = Bench()
    definitions = (await report_of(tmp_path, {"p.yaml": pipeline(name="orders")})).definitions
    await bench.history.record(definitions.pipelines["orders"], definitions, "3fa9c1d2e4b5")
    revisions = await ran(bench.history, "orders")
    assert chosen(revisions, "orders", "3fa9c1d2e4b5") is revisions[0]
    with pytest.raises(DefinitionError, match=r"no revision of a pipeline 'oders' \(did you mean 'orders'\?\)"):
        await ran(bench.history, "oders")
    with pytest.raises(DefinitionError, match=r"orders has no revision '3fa9c1d2e4b' \(did you mean '3fa9c1d2e4b5'"):
        chosen(revisions, "orders", "3fa9c1d2e4b")
    with pytest.raises(DefinitionError, match=r"no revision 'x' \(`jackfield revisions orders` lists them\)"):
        chosen(revisions, "orders", "x")
