"""The live folder: when a change counts, and which version of each file runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.clock import VirtualClock
from engine.definitions.check import Definitions, Report
from engine.live import LOOK_EVERY, LiveFolder, Stamps, changed, look
from engine.revision import revision_of
from tests.bindings.fakes import eventually
from tests.engine.definitions.folders import component, documents, pipeline, write

BROKEN = "kind: Pipeline\nspec: [\n"


async def load(folder: LiveFolder, root: Path, files: Mapping[str, str | None]) -> Report:
    """Writes, or removes, files and loads the folder anew."""
    write(root, {name: text for name, text in files.items() if text is not None})
    for name, text in files.items():
        if text is None:
            (root / name).unlink()
    return await folder.load()


def sources(definitions: Definitions) -> dict[str, object]:
    """Which pipelines run, and what they read."""
    return {name: located.document.get(("spec", "input", "binding")) for name, located in definitions.pipelines.items()}


async def test_files_without_an_error_run_as_they_are(tmp_path: Path) -> None:
    report = await load(LiveFolder(tmp_path), tmp_path, {"c.yaml": component(), "p.yaml": pipeline(source="c")})
    assert sources(report.definitions) == {"p": "c"}
    assert not report.diagnostics


@pytest.mark.parametrize("broken", [BROKEN, pipeline("  steps: [{transfrom: 1}]\n", source="c"), pipeline(source="d")])
async def test_file_with_an_error_runs_as_it_was_when_it_last_had_none(tmp_path: Path, broken: str) -> None:
    folder = LiveFolder(tmp_path)
    await load(folder, tmp_path, {"c.yaml": component(), "p.yaml": pipeline(source="c")})
    for _ in range(2):
        report = await load(folder, tmp_path, {"p.yaml": broken})
        assert report.diagnostics
        assert sources(report.definitions) == {"p": "c"}


async def test_other_files_change_while_one_has_an_error(tmp_path: Path) -> None:
    folder = LiveFolder(tmp_path)
    await load(folder, tmp_path, {"a.yaml": pipeline(name="a"), "b.yaml": pipeline(name="b")})
    files = {"a.yaml": BROKEN, "b.yaml": pipeline(name="b", source="c"), "c.yaml": component()}
    report = await load(folder, tmp_path, files)
    assert sources(report.definitions) == {"a": {"type": "bindings.memory"}, "b": "c"}
    report = await load(folder, tmp_path, {"b.yaml": BROKEN})
    assert sources(report.definitions)["b"] == "c"


async def test_component_with_an_error_stops_no_pipeline_that_uses_it(tmp_path: Path) -> None:
    folder = LiveFolder(tmp_path)
    await load(folder, tmp_path, {"c.yaml": component(), "p.yaml": pipeline(source="c")})
    report = await load(folder, tmp_path, {"c.yaml": component(type="bindings.nothing")})
    assert report.diagnostics
    assert sources(report.definitions) == {"p": "c"}


@pytest.mark.parametrize("broken", ['{"type": 5}', "{", None])
async def test_schema_file_with_an_error_stops_no_pipeline_that_uses_it(tmp_path: Path, broken: str | None) -> None:
    folder = LiveFolder(tmp_path)
    files = {"p.yaml": pipeline("  steps: [{validate: s.json}]\n"), "s.json": '{"type": "object"}'}
    before = await load(folder, tmp_path, files)
    report = await load(folder, tmp_path, {"s.json": broken})
    assert report.diagnostics
    assert _revisions(report) == _revisions(before)
    report = await load(folder, tmp_path, {"s.json": '{"type": "array"}'})
    assert not report.diagnostics
    assert _revisions(report).keys() == {"p"}
    assert _revisions(report) != _revisions(before)


def _revisions(report: Report) -> dict[str, str]:
    pipelines = report.definitions.pipelines
    return {name: revision_of(located, report.definitions) for name, located in pipelines.items()}


async def test_of_a_file_that_never_was_good_runs_what_has_no_error(tmp_path: Path) -> None:
    wrong = pipeline("  steps: [{transfrom: 1}]\n", name="wrong")
    report = await load(LiveFolder(tmp_path), tmp_path, {"p.yaml": documents(wrong, pipeline(name="right"))})
    assert report.diagnostics
    assert set(report.definitions.pipelines) == {"right"}


async def test_file_that_never_was_good_takes_no_name_from_what_runs(tmp_path: Path) -> None:
    folder = LiveFolder(tmp_path)
    await load(folder, tmp_path, {"p.yaml": pipeline()})
    report = await load(folder, tmp_path, {"copy.yaml": pipeline("  steps: [{transfrom: 1}]\n", source="c")})
    assert report.diagnostics
    assert sources(report.definitions) == {"p": {"type": "bindings.memory"}}


async def test_removed_file_runs_no_more_and_is_not_remembered(tmp_path: Path) -> None:
    folder = LiveFolder(tmp_path)
    await load(folder, tmp_path, {"p.yaml": pipeline(), "broken.yaml": BROKEN})
    assert not (await load(folder, tmp_path, {"p.yaml": None})).definitions.pipelines
    assert not (await load(folder, tmp_path, {"p.yaml": BROKEN})).definitions.pipelines


async def test_mended_file_runs_as_it_is_now(tmp_path: Path) -> None:
    folder = LiveFolder(tmp_path)
    await load(folder, tmp_path, {"c.yaml": component(), "p.yaml": pipeline()})
    await load(folder, tmp_path, {"p.yaml": BROKEN})
    report = await load(folder, tmp_path, {"p.yaml": pipeline(source="c")})
    assert not report.diagnostics
    assert sources(report.definitions) == {"p": "c"}


def test_look_leaves_hidden_folders_out(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "", "deep/b.yaml": "", ".git/c.yaml": ""})
    assert set(look(tmp_path)) == {str(tmp_path / "a.yaml"), str(tmp_path / "deep/b.yaml")}


def test_look_follows_links_and_ends_in_a_loop_of_them(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"a.yaml": ""})
    elsewhere = write(tmp_path / "elsewhere", {"b.yaml": ""})
    (root / "linked").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(root)
    assert set(look(root)) == {str(root / "a.yaml"), str(root / "linked/b.yaml")}


class Watch:
    """`changed`, as it waits on a clock that is moved by hand."""

    def __init__(self, root: Path, since: Stamps) -> None:
        self.clock = VirtualClock()
        self.task = asyncio.create_task(changed(root, since, self.clock))

    async def looks(self, count: int) -> bool:
        """Lets it look so many times more; whether it has seen a change."""
        for _ in range(count):
            await eventually(lambda: self.clock.sleepers == 1 or self.task.done())
            await self.clock.advance(LOOK_EVERY)
        await eventually(lambda: self.clock.sleepers == 1 or self.task.done())
        return self.task.done()

    def end(self) -> None:
        self.task.cancel()


async def test_change_counts_when_two_looks_see_the_same(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.yaml": ""})
    watch = Watch(root, look(root))
    assert not await watch.looks(3)
    for text in ("half", "a whole"):
        write(root, {"a.yaml": text})
        assert not await watch.looks(1)
    assert await watch.looks(1)


async def test_folder_that_is_gone_for_a_while_has_not_changed(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"a.yaml": ""})
    watch = Watch(root, look(root))
    root.rename(tmp_path / "away")
    assert not await watch.looks(3)
    (tmp_path / "away").rename(root)
    assert not await watch.looks(3)
    watch.end()
