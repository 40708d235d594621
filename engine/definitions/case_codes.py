"""The codes of mistakes in tests of pipelines."""

from __future__ import annotations

from collections.abc import Mapping

CASE_CODES: Mapping[str, tuple[str, str]] = {
    "E601": (
        "a test that expects nothing",
        """\
Such a test passes whatever happens. An empty list expects something: that there is none.

wrong:
  expect: {}

right:
  expect:
    outcomes: [done]
    deadLetters: []
""",
    ),
    "E602": (
        "a name that the tested pipeline does not use",
        """\
A test names the apps that its pipeline calls and the outputs that it has. An app that is written in place goes by its
URL, and an output that is written in place by its position: `outputs[0]`.

wrong:
  apps: {dmo: {/orders: [200]}}

right:
  apps: {demo: {/orders: [200]}}
""",
    ),
    "E603": (
        "events that do not fit the input",
        """\
The input of a test is what it lists in `events`. A schedule makes its events itself, and runs from `time.from` until
`time.until`; that it makes them is a part of the test.

wrong:
  - name: every morning
    events: [{}]

right:
  - name: every morning
    time: {from: 2026-01-01T00:00:00Z, until: 2026-02-01T00:00:00Z}
""",
    ),
    "E604": (
        "two tests of one name",
        """\
`jackfield test -k NAME` chooses tests by their names, and snapshots are called by them, so that no two tests of one
document may have the same.

right:
  say in the name what the test shows that the other does not
""",
    ),
    "E605": (
        "test data that cannot be read",
        """\
A file is relative to the file that names it, and base64 is that of RFC 4648. Data are written in one way only.

wrong:
  - {file: cat.jpg, data: meow}

right:
  - file: pictures/cat.jpg
""",
    ),
    "E606": (
        "a matcher that is none",
        """\
Three matchers stand in place of a value: `$any: true`, `$contains: TEXT` and `$matches: REGEX`, in Python's syntax of
regular expressions.

wrong:
  data: {id: {$match: "[0-9+"}}

right:
  data: {id: {$matches: "^[0-9]+$"}}
""",
    ),
}
