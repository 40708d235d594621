"""What a failed expectation says: each is a test of one pipeline that goes wrong in one way."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli import EXIT_ERRORS, main
from tests.engine.testing.projects import write_project

TWO = "      events: [{id: a, data: {id: 1, n: 5}}, {id: b, data: {id: 2}}]\n"
REFUSED = TWO + "      apps: {shop: {/orders: [{when: data.id == 2, status: 400, body: no}, 200]}}\n"


def failure_of(folder: Path, test: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What is printed of the one test, without the path of its file."""
    project = write_project(folder / "p", f"    - name: one\n{test}")
    assert main(["test", str(project)]) == EXIT_ERRORS
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.replace(f"{project}/", "").splitlines()
    assert lines[0] == "✗ t › one"
    assert lines[-2:] == ["", lines[-1]]
    assert lines[-1].startswith("1 failed, 0 passed in ")
    return "\n".join(line.removeprefix("    ") for line in lines[1:-2])


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (
            f"{TWO}      expect: {{calls: [{{data: {{id: 1, n: 6}}}}]}}\n",
            "orders.test.yaml:11:42: there is no such call; the closest is call 1 of 2\n    data.n\n  - 6\n  + 5",
        ),
        (
            f"{TWO}      expect:\n        outputs:\n          - {{metadata: {{key: x}}, data: {{id: 2, k: 1}}}}\n",
            "orders.test.yaml:13:30: there is no such output; the closest is output 2 of 2\n"
            '    metadata.key\n  - "x"\n  + "2"\n    data.k\n  - 1\n  + nothing',
        ),
        (
            f"{TWO}      expect: {{calls: [{{app: shop, times: 3}}]}}\n",
            "orders.test.yaml:11:24: expected 3 times, and it is there twice",
        ),
        (
            f"{TWO}      expect: {{outputs: [{{}}, {{}}, {{}}]}}\n",
            "orders.test.yaml:11:34: there is no other output",
        ),
        (
            f"{TWO}      expect: {{deadLetters: [{{status: 400}}]}}\n",
            "orders.test.yaml:11:30: there is no dead letter",
        ),
        (
            f"{TWO}      expect: {{calls: []}}\n",
            "orders.test.yaml:11:23: call 1 is not expected, of the event a\n"
            '  + {"app": "shop", "method": "POST", "path": "/orders", "data": {"id": 1, "n": 5}}\n'
            "orders.test.yaml:11:23: call 2 is not expected, of the event b\n"
            '  + {"app": "shop", "method": "POST", "path": "/orders", "data": {"id": 2}}',
        ),
        (
            f"{TWO}      expect: {{inOrder: true, calls: [{{event: {{id: b}}}}, {{event: {{id: a}}}}]}}\n",
            "orders.test.yaml:11:57: there is no call after those before it in the list",
        ),
        (
            f"{REFUSED}      expect: {{outcomes: {{done: 1}}}}\n",  # whatever a test expects
            "orders.test.yaml:12:15: dead letter 1 is not expected, of the event b\n"
            '  + {"stage": "steps[1].call", "error": "app shop answered 400", "status": 400, "attempts": 1, '
            '"data": {"id": 2}}',
        ),
        (
            f"{REFUSED}      expect: {{deadLetters: [{{error: 401}}]}}\n",
            "orders.test.yaml:12:38: there is no such dead letter; the closest is dead letter 1 of 1\n"
            '    error\n  - 401\n  + "app shop answered 400"\n'
            "orders.test.yaml:12:29: dead letter 1 is not expected, of the event b\n"
            '  + {"stage": "steps[1].call", "error": "app shop answered 400", "status": 400, "attempts": 1, '
            '"data": {"id": 2}}',
        ),
        (
            f"{TWO}      expect: {{outcomes: [done]}}\n",
            'orders.test.yaml:11:26: the outcomes are others\n  - ["done"]\n  + ["done", "done"]',
        ),
        (
            f"{TWO}      expect: {{outcomes: {{done: 3}}}}\n",
            "orders.test.yaml:11:33: expected 3 times, and it is there twice",
        ),
        (
            f"{TWO}      apps: {{shop: {{/orders: [refused]}}}}\n      expect: {{outputs: []}}\n",
            "orders.test.yaml:12:15: the event a was not finished when the test ended, nor were 1 more\n"
            "    what is still tried again at the end of the time is `released`: expect that, or give it more time",
        ),
        (
            f"{TWO}      apps: {{shop: {{/orders: [{{times: 1}}]}}}}\n      expect: {{deadLetters: [{{}}]}}\n",
            "orders.test.yaml:12:15: POST /orders of app shop was called, and the test has no answer left for it",
        ),
        (
            f"{TWO}      secrets: {{SHOP_TOKE: x}}\n      expect: {{snapshot: true}}\n",
            "orders.test.yaml:12:26: there is no snapshot t-one.json yet: `jackfield test --update` writes it",
        ),
    ],
)
def test_a_failure_says_where_and_why(
    test: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failure_of(tmp_path, test, capsys) == expected


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        ("calls: [{app: shop}, {}], outputs: [{}, {}], outcomes: {done: 2}", []),
        ("calls: [{app: shop}], outputs: [{}, {}]", ["call 2 is not expected, of the event b"]),
        (
            "calls: [{}, {}]",
            ["output 1 is not expected, of the event a/orders.0", "output 2 is not expected, of the event b/orders.0"],
        ),
        (
            "calls: [{}, {}], outputs: [{}, {data: {id: 1}}]",
            [
                "there is no such output; the closest is output 1 of 2",
                "output 2 is not expected, of the event b/orders.0",
            ],
        ),
        ("calls: [{}, {}], outputs: [{}, {}], outcomes: {filtered: 0}", ["there are other outcomes"]),
    ],
)
def test_in_whole_mode_nothing_else_may_have_happened(
    whole: str, expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = write_project(tmp_path / "p", f"    - name: one\n{TWO}      expect: {{whole: true, {whole}}}\n")
    assert main(["test", str(project)]) == (1 if expected else 0)
    printed = capsys.readouterr().out
    told = [line.partition(": ")[2] for line in printed.splitlines() if "orders.test.yaml" in line]
    assert told == expected
