from __future__ import annotations

from pathlib import Path

from tests.engine.definitions.folders import app, by_file, component, documents, pipeline, report_of


async def test_check_two_documents_of_one_name_shows_both_and_uses_none(tmp_path: Path) -> None:
    files = {"a.yaml": app(name="x"), "b/c.yaml": documents(component(name="other"), app(name="x"))}

    report = await report_of(tmp_path, files)

    message = "there are two App documents of the name 'x' | give one of them another name"
    assert by_file(report.diagnostics) == [("a.yaml", f"3:18 E301 {message}"), ("c.yaml", f"9:18 E301 {message}")]
    assert [Path(str(d.related)).name for d in report.diagnostics] == ["c.yaml:9:18", "a.yaml:3:18"]
    assert list(report.definitions.apps) == []
    assert list(report.definitions.components) == ["other"]


async def test_check_one_name_in_two_kinds_is_allowed(tmp_path: Path) -> None:
    text = documents(pipeline(name="x", source="x"), app(name="x"), component(name="x"))

    assert (await report_of(tmp_path, {"a.yaml": text})).diagnostics == []


async def test_check_an_unknown_name_lists_a_few_of_many(tmp_path: Path) -> None:
    text = documents(pipeline(source="zzz"), *(component(name=f"c{n}") for n in range(20)))

    [diagnostic] = (await report_of(tmp_path, {"a.yaml": text})).diagnostics

    assert diagnostic.hint == "there is c0, c1, c10, c11, c12, c13, c14, c15 and 12 more"
