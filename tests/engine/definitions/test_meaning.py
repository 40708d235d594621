from __future__ import annotations

from pathlib import Path

import pytest

from engine.definitions.diagnostic import Severity
from tests.engine.definitions.folders import found_in, pipeline, report_of

CLOSED = "validate: {properties: {total: {type: number}}, additionalProperties: false}"


def steps(*lines: str) -> str:
    return pipeline("  steps:\n" + "".join(f"    - {line}\n" for line in lines))


async def codes(tmp_path: Path, text: str) -> list[str]:
    return [line.split()[1] for line in await found_in(tmp_path, text)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((CLOSED, "filter: data.totl > 1"), ["E413"]),
        ((CLOSED, "filter: data.total > 1"), []),
        ((CLOSED, "call: {app: {url: 'http://localhost'}}", "filter: data.totl > 1"), []),
        ((CLOSED, "transform: {totl: '{{ data.total }}'}", "filter: data.totl > 1"), []),
        ((CLOSED, "transform: {id: '{{ data.total }}'}", "filter: data.total > 1"), ["E409"]),
        (("filter: data.totl > 1", CLOSED), []),
        (("transform: {at: '{{ now }}'}", "filter: data.at > now"), ["E411"]),
        (("transform: {at: '{{ now }}'}", "filter: data.at > now.isoformat()"), []),
        (("transform: {list: [a, b]}", "split: data.list", "filter: data > 5"), ["E411"]),
        (("validate: nowhere.json", "filter: data.totl > 1"), ["E508"]),
    ],
)
async def test_what_is_known_of_the_data_goes_from_step_to_step(
    lines: tuple[str, ...], expected: list[str], tmp_path: Path
) -> None:
    assert await codes(tmp_path, steps(*lines)) == expected


async def test_field_that_is_missing_says_where_the_fields_are_listed(tmp_path: Path) -> None:
    report = await report_of(tmp_path, {"a.yaml": steps(CLOSED, "filter: data.totl > 1")})

    [found] = report.diagnostics
    assert str(found.related).endswith("a.yaml:8:7")
    assert found.related_message == "here it is said which fields there are"


async def test_condition_that_is_always_the_same_is_a_warning_and_runs(tmp_path: Path) -> None:
    report = await report_of(tmp_path, {"a.yaml": steps("filter: 'false'")})

    assert [d.severity for d in report.diagnostics] == [Severity.WARNING]
    assert list(report.definitions.pipelines) == ["p"]
