from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.definitions.folders import component, documents, found_in, marked, pipeline, report_of, short
from tests.engine.testing.projects import HEAD, PIPELINE, write_project

GOOD = "      events: [{data: {id: 1}}]\n      expect: {outcomes: [done]}\n"
CRON = pipeline(source="{type: bindings.cron, metadata: {schedule: '@daily'}}")
CRON_HEAD = HEAD.replace("pipeline: orders", "pipeline: p").replace("  apps: {shop: {/orders: [200]}}\n", "")


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (
            "      events: [{}]\n      ›expect: {}\n",
            "E601 this test expects nothing | write `outcomes`, `outputs`, `calls`, `deadLetters` or `snapshot`",
        ),
        (
            "      events: [{}]\n      ›expect: {whole: true, inOrder: true, snapshot: false}\n",
            "E601 this test expects nothing | write `outcomes`, `outputs`, `calls`, `deadLetters` or `snapshot`",
        ),
        (
            f"      apps: {{›shp: {{/orders: [200]}}}}\n{GOOD}",
            "E602 the pipeline has no app 'shp' | did you mean 'shop'?",
        ),
        (
            f"      outputs: {{›dne: [ok]}}\n{GOOD}",
            "E602 the pipeline has no output 'dne' | did you mean 'done'?",
        ),
        (
            "      events: [{}]\n      expect: {calls: [{app: ›http://x}]}\n",
            "E602 the pipeline has no app 'http://x' | it has shop",
        ),
        (
            "      events: [{}]\n      expect: {outputs: [{binding: ›quue}]}\n",
            "E602 the pipeline has no output 'quue' | did you mean 'queue'?",
        ),
        (f"{GOOD}    - name: ›one\n{GOOD}", "E604 there are two tests of the name 'one'"),
        (
            "      events: [{data: 1, ›base64: AA==}]\n      expect: {calls: []}\n",
            "E605 the data are written twice: as `data` and as `base64` | leave out one of them",
        ),
        (
            "      events: [{file: ›odrers.yaml}]\n      expect: {calls: []}\n",
            "E605 there is no file 'odrers.yaml' | did you mean 'orders.yaml'?",
        ),
        (
            "      events: [{file: ›no/where.json}]\n      expect: {calls: []}\n",
            "E605 there is no file 'no/where.json' | there is no folder",
        ),
        (
            "      events: [{base64: ›'='}]\n      expect: {calls: []}\n",
            "E605 this is no base64: ",
        ),
        (
            f"      apps: {{shop: {{/orders: [{{when: 'data.id =›='}}, 200]}}}}\n{GOOD}",
            "E401 ",
        ),
        (
            f"      apps: {{shop: {{/orders: [{{data: {{id: '{{{{ ›dta.id }}}}'}}}}]}}}}\n{GOOD}",
            "E401 ",
        ),
        (f"      outputs: {{done: [{{when: ›dta.id, result: permanent}}]}}\n{GOOD}", "E401 "),
        (
            "      events: [{}]\n      expect: {calls: [{data: {id: {›$match: x}}}]}\n",
            "E606 there is no matcher '$match' | did you mean '$matches'?",
        ),
        (
            "      events: [{}]\n      expect: {outputs: [{data: [{$matches: ›'[0-9'}]}]}\n",
            "E606 this is no regular expression: ",
        ),
        (
            "      events: [{}]\n      expect: {deadLetters: [{error: {$any: ›yes}}]}\n",
            "E606 $any takes `$any: true`",
        ),
        (
            "      events: [{}]\n      expect: {deadLetters: [{error: {$contains: ›5}}]}\n",
            "E606 $contains takes a text",
        ),
        (
            "      events: [{}]\n      expect: {deadLetters: [{error: {›$any: true, a: 1}}]}\n",
            "E606 a matcher stands alone in its mapping",
        ),
        ("      ›expect: {calls: []}\n", "E603 nothing comes in: the test has no events | write `events`"),
        (
            "      time: {until: ›2026-01-01T00:00:00Z}\n      events: [{}]\n      expect: {calls: []}\n",
            "E603 the test ends before it begins",
        ),
        ("      ›evnts: []\n      events: [{}]\n      expect: {calls: []}\n", "E211 "),
    ],
)
async def test_a_mistake_in_a_test_is_told_at_its_place(tmp_path: Path, test: str, expected: str) -> None:
    text, places = marked(f"{HEAD}    - name: one\n{test}")
    write_project(tmp_path)
    report = await report_of(tmp_path, {"orders.test.yaml": text}, secrets=False)

    [found] = [short(diagnostic) for diagnostic in report.diagnostics]
    place = "9:7" if "nothing comes in" in expected else places[0]
    if "evnts" in test:
        assert "evnts" in found
        assert found.startswith(place)
    else:
        assert found.startswith(f"{place} {expected}")


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (
            "    - ›name: one\n      expect: {calls: []}\n",
            "E603 a schedule runs until an instant, and none is given | write `time: {from: 2026-01-01T00:00:00Z, "
            "until: 2026-02-01T00:00:00Z}`",
        ),
        (
            "    - name: one\n      time: {until: 2026-02-01T00:00:00Z}\n      ›events: [{}]\n"
            "      expect: {calls: []}\n",
            "E603 the input is a schedule, which makes its events itself | remove them",
        ),
    ],
)
async def test_a_schedule_has_a_time_and_no_events(tmp_path: Path, test: str, expected: str) -> None:
    text, [place] = marked(documents(CRON, CRON_HEAD + test))
    assert await found_in(tmp_path, text, secrets=False) == [f"{place} {expected}"]


async def test_a_schedule_of_a_component_is_one_too(tmp_path: Path) -> None:
    cron = component("    - {name: schedule, value: '@daily'}\n", name="c", type="bindings.cron")
    test = "    - name: one\n      time: {until: 2026-02-01T00:00:00Z}\n      expect: {calls: []}\n"
    assert await found_in(tmp_path, documents(pipeline(source="c"), cron, CRON_HEAD + test), secrets=False) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ordes", "5:13 E302 there is no pipeline 'ordes' | did you mean 'orders'?"),
        ("shop", "5:13 E302 there is no pipeline 'shop' | the document of that name is of the kind App"),
    ],
)
async def test_a_pipeline_that_is_not_there_is_told(tmp_path: Path, name: str, expected: str) -> None:
    write_project(tmp_path)
    text = HEAD.replace("pipeline: orders", f"pipeline: {name}") + f"    - name: one\n{GOOD}"
    report = await report_of(tmp_path, {"t.yaml": text}, secrets=False)
    assert [short(diagnostic) for diagnostic in report.diagnostics] == [expected]


async def test_the_tests_of_a_pipeline_with_an_error_are_not_judged(tmp_path: Path) -> None:
    write_project(tmp_path, pipeline=PIPELINE.replace("data.id > 0", "dta.id > 0"))
    report = await report_of(tmp_path, {"t.yaml": f"{HEAD}    - name: one\n      expect: {{}}\n"}, secrets=False)
    assert [diagnostic.code for diagnostic in report.diagnostics] == ["E401", "E303"]


@pytest.mark.parametrize("instant", ["2026-01-01", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", "tomorrow"])
async def test_an_instant_has_a_date_a_time_and_an_offset(tmp_path: Path, instant: str) -> None:
    write_project(tmp_path)
    test = f"    - name: one\n      time: {{from: {instant}}}\n{GOOD}"
    report = await report_of(tmp_path, {"t.yaml": HEAD + test}, secrets=False)
    [found] = report.diagnostics
    assert (found.span.line, found.span.column) == (10, 20)


async def test_jackfield_run_has_nothing_to_do_with_tests(tmp_path: Path) -> None:
    write_project(tmp_path, f"    - name: one\n{GOOD}")
    report = await report_of(tmp_path, {}, secrets=False)
    assert list(report.definitions.pipelines) == ["orders"]
    assert [located.model.__class__.__name__ for located in report.definitions.others] == ["PipelineTest"]


async def test_a_pipeline_that_is_no_name_is_told(tmp_path: Path) -> None:
    text = HEAD.replace("pipeline: orders", "pipeline: {name: orders}") + f"    - name: one\n{GOOD}"
    assert await found_in(tmp_path, text, secrets=False) == [
        "5:13 E212 a text is needed here, not a mapping | The pipeline that is tested. For example: `pipeline: orders`"
    ]
