"""The way back to a revision that ran: what changes in the folder, and what is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.clock import VirtualClock
from engine.definitions.check import check
from engine.definitions.folder import File, Folder
from engine.definitions.source import Source
from engine.errors import DefinitionError
from engine.history import History, Revision
from engine.revision import revision_of
from engine.rollback import Change, Plan, plan
from engine.testing.memory_store import MemoryStore
from tests.engine.definitions.folders import component, documents, pipeline, report_of, short, write

NEWER = "  steps: [{filter: event.id != ''}]\n"


async def kept(root: Path, files: Mapping[str, str]) -> Revision:
    """The revision of the pipeline `p` that these files make."""
    report = await report_of(root, files)
    assert not report.diagnostics
    definitions, history = report.definitions, History(MemoryStore(), VirtualClock())
    located = definitions.pipelines["p"]
    await history.record(located, definitions, revision_of(located, definitions))
    (revision,) = await history.revisions("p")
    return revision


async def back(root: Path, before: Mapping[str, str], now: Mapping[str, str | None]) -> Plan:
    """The plan of the way back from how the files are now to how they were."""
    revision = await kept(root, before)
    write(root, {name: text for name, text in now.items() if text is not None})
    for name, text in now.items():
        if text is None:
            (root / name).unlink()
    return await plan(Folder.load(root), "p", revision)


def texts(planned: Plan) -> dict[str, str]:
    assert [short(error) for error in planned.errors] == []
    return {change.path.name: change.after for change in planned.changes}


async def test_only_the_document_changes_in_its_file(tmp_path: Path) -> None:
    old, new, other = pipeline(), pipeline(NEWER), pipeline(name="other")
    head, rest = "# head\n", "# after\n---\n# of the other\n" + other
    planned = await back(tmp_path, {"f.yaml": old}, {"f.yaml": head + new + rest})
    assert texts(planned) == {"f.yaml": head + old + rest}


@pytest.mark.parametrize("now", [documents(component(), pipeline(NEWER, source="c")), None, "# nothing\n"])
async def test_what_is_gone_is_made_again_in_its_file(tmp_path: Path, now: str | None) -> None:
    old = pipeline(source="c")
    planned = await back(tmp_path, {"p.yaml": old, "c.yaml": component()}, {"p.yaml": now, "c.yaml": None})
    if now is None:
        assert texts(planned) == {"p.yaml": old, "c.yaml": component()}
    elif now.startswith("#"):
        assert texts(planned) == {"p.yaml": now + "---\n" + old, "c.yaml": component()}
    else:  # the component is in the other file now
        assert texts(planned) == {"p.yaml": documents(component(), old)}


async def test_document_that_stands_behind_its_dashes_gets_a_line_of_its_own(tmp_path: Path) -> None:
    flow = "--- {apiVersion: jackfield/v1, kind: Pipeline, metadata: {name: p}, spec: {input: {binding: c}}} # x\n"
    planned = await back(
        tmp_path, {"p.yaml": pipeline(), "c.yaml": component()}, {"p.yaml": flow, "c.yaml": component()}
    )
    assert texts(planned) == {"p.yaml": f"--- \n{pipeline().rstrip()} # x\n"}


async def test_schema_file_comes_back_with_the_revision(tmp_path: Path) -> None:
    validating = pipeline("  steps: [{validate: in.json}]\n")
    write(tmp_path, {"in.json": '{"required": ["id"]}'})
    planned = await back(tmp_path, {"p.yaml": validating}, {"in.json": '{"type": 5}'})
    assert texts(planned) == {"in.json": '{"required": ["id"]}'}
    planned = await back(tmp_path, {"p.yaml": pipeline(NEWER)}, {"p.yaml": pipeline(), "in.json": None})
    assert texts(planned) == {"p.yaml": pipeline(NEWER)}


async def test_other_pipelines_that_use_what_changes_are_named(tmp_path: Path) -> None:
    before = {"p.yaml": pipeline(source="c"), "c.yaml": component(more="  version: v1\n")}
    others = {
        "q.yaml": pipeline(name="q", source="c"),
        "r.yaml": pipeline("  outputs: [{binding: c}]\n", name="r"),
        "s.yaml": pipeline(name="s"),
    }
    planned = await back(tmp_path, before, {"c.yaml": component(), **others})
    assert texts(planned) == {"c.yaml": before["c.yaml"]}
    assert planned.shared == {"q": ["c"], "r": ["c"]}


async def test_nothing_changes_where_all_is_as_it_was(tmp_path: Path) -> None:
    planned = await back(tmp_path, {"p.yaml": pipeline()}, {"p.yaml": "# another comment\n" + pipeline()})
    assert (planned.changes, planned.errors, planned.shared) == ([], [], {})


async def test_errors_that_are_there_already_in_other_files_are_no_reason_to_refuse(tmp_path: Path) -> None:
    now = {"p.yaml": pipeline(NEWER), "q.yaml": "spec: [\n"}
    planned = await back(tmp_path, {"p.yaml": pipeline()}, now)
    assert texts(planned) == {"p.yaml": pipeline()}


async def test_error_in_a_file_that_would_be_written_refuses(tmp_path: Path) -> None:
    now = {"p.yaml": documents(pipeline(NEWER), "kind: Pipelin\n")}
    planned = await back(tmp_path, {"p.yaml": pipeline()}, now)
    assert [short(error) for error in planned.errors] == [
        "8:7 E202 there is no kind 'Pipelin' | did you mean 'Pipeline'?"
    ]


async def test_error_that_another_pipeline_would_get_refuses(tmp_path: Path) -> None:
    cron = component("    - {name: schedule, value: '@daily'}\n", type="bindings.cron")
    writing = pipeline("  outputs: [{binding: c}]\n", name="q")
    now = {"c.yaml": component(), "q.yaml": writing}
    planned = await back(tmp_path, {"p.yaml": pipeline(source="c"), "c.yaml": cron}, now)
    (error,) = planned.errors
    assert error.span.file.endswith("q.yaml")
    assert "bindings.cron" in error.message


def test_file_is_replaced_in_one_step_and_stays_what_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "real", {"p.yaml": "old"}) / "p.yaml"
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    with path.open() as opened:
        Change(link, "old", "new\r\n").write()
        assert opened.read() == "old"
    assert path.read_bytes() == b"new\r\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert [one.name for one in path.parent.iterdir()] == ["p.yaml"]


def test_file_that_is_made_anew_is_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    Change(tmp_path / "deep/p.yaml", "", "new").write()
    assert (tmp_path / "deep/p.yaml").stat().st_mode == (tmp_path / "a").stat().st_mode


def test_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(DefinitionError, match=r"a/p\.yaml cannot be written: "):
        Change(tmp_path / "a/p.yaml", "", "new").write()


APP = "apiVersion: jackfield/v1\nkind: App\nmetadata: {name: shop}\nspec: {url: http://localhost:8000}\n"


async def with_given(root: Path, name: str, file: str, text: str) -> Revision:
    """The revision of the pipeline, with a document that the engine was given or an app asked for."""
    folder = Folder.load(root).replace(root / file, File.of(Source(root / file, file, text)))
    definitions, history = (await check(folder)).definitions, History(MemoryStore(), VirtualClock())
    located = definitions.pipelines[name]
    await history.record(located, definitions, revision_of(located, definitions))
    (revision,) = await history.revisions(name)
    return revision


async def test_app_that_the_engine_was_given_is_written_nowhere(tmp_path: Path) -> None:
    old = pipeline("  steps: [{call: {app: shop, path: /a}}]\n")
    write(tmp_path, {"p.yaml": old})
    revision = await with_given(tmp_path, "p", ".dapr/app.yaml", APP)
    write(tmp_path, {"p.yaml": pipeline("  steps: [{call: {app: shop, path: /b}}]\n")})
    planned = await plan(Folder.load(tmp_path), "p", revision)
    assert texts(planned) == {"p.yaml": old}


async def test_pipeline_that_an_app_has_asked_for_is_in_no_file(tmp_path: Path) -> None:
    write(tmp_path, {"c.yaml": component()})
    text = pipeline("  steps: [{call: {app: shop, path: /a}}]\n", name="c.shop", source="c")
    revision = await with_given(tmp_path, "c.shop", ".dapr/inputs/c.yaml", documents(text, APP))
    with pytest.raises(DefinitionError, match=r"pipeline c\.shop is in no file"):
        await plan(Folder.load(tmp_path), "c.shop", revision)
