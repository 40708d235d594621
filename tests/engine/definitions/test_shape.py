from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError

from bindings.cron import component as cron
from bindings.http import component as http
from bindings.localsecrets.file import component as file
from bindings.localstorage import component as localstorage
from bindings.manifest import ComponentType
from bindings.metadata import Metadata, Whole
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document
from engine.definitions.examples import EXAMPLES
from engine.definitions.kinds import KINDS
from engine.definitions.shape import validate_document, validate_metadata
from engine.definitions.source import Source
from engine.definitions.yaml import parse

PIPELINE = """\
apiVersion: jackfield/v1
kind: Pipeline
metadata: {name: thumbnails}
spec:
  input: {binding: uploads}
"""
APP = """\
apiVersion: jackfield/v1
kind: App
metadata: {name: thumbnailer}
spec:
  url: http://localhost:8000
"""
COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: uploads}
spec:
  type: bindings.localstorage
"""


def load(text: str) -> Document:
    documents, diagnostics = parse(Source(Path("x.yaml"), "x.yaml", text))
    assert diagnostics == []
    assert documents[0].diagnostics == ()
    return documents[0]


def shape(text: str) -> list[Diagnostic]:
    document = load(text)
    return validate_document(document, document.value.get("kind", "Pipeline"))


# What is added to a valid document, and what is then said at which place: code, message, and a part of the hint.
WRONG = [
    # fields that are not known
    (PIPELINE + "  delivry: {}", "6:3", "E210", "`spec` has no field `delivry`", "did you mean 'delivery'?"),
    (
        PIPELINE + "  retry: {}",
        "6:3",
        "E210",
        "`spec` has no field `retry`",
        "`retry` belongs in `spec.steps[].call`, `spec.outputs[]` or `spec.delivery`",
    ),
    (PIPELINE + "  url: x", "6:3", "E210", "`spec` has no field `url`", "belongs in `spec.steps[].call.app`"),
    (PIPELINE + "  kind: x", "6:3", "E210", "`spec` has no field `kind`", "belongs at the top of the document"),
    (PIPELINE + "status: {}", "6:1", "E210", "this Pipeline has no field `status`", "the fields are apiVersion, kind,"),
    (
        PIPELINE + "  steps:\n    - call: {app: a, batch: {size: 5}}",
        "7:30",
        "E210",
        "`batch` has no field `size`",
        "the fields are maxEvents, maxWait",
    ),
    (PIPELINE + "  steps:\n    - filtr: x", "7:7", "E210", "`steps[0]` has no field `filtr`", "'filter'"),
    # fields that are missing
    (PIPELINE + "  steps:\n    - call: {path: /x}", "7:7", "E211", "`call` needs `app`", "`app: thumbnailer`"),
    (
        "apiVersion: jackfield/v1\nkind: App",
        "1:1",
        "E211",
        "this App needs `metadata` and `spec`",
        "`metadata: {name: orders}`",
    ),
    # values of the wrong type
    (PIPELINE + "  steps:\n    - filter: 5", "7:15", "E212", "a text is needed here, not a number", "put it in quotes"),
    (PIPELINE + "  steps:\n    - filter: true", "7:15", "E212", "a text is needed here, not true", "put it in quotes"),
    (
        PIPELINE + "  steps:\n    - split:",
        "7:7",
        "E212",
        "`split` has no value; a text is needed",
        "`split: data.items`",
    ),
    (
        PIPELINE + "  steps:\n    - call: http://localhost",
        "7:13",
        "E212",
        "a mapping is needed here, not a text",
        "For example: `call: {app: thumbnailer}`",
    ),
    (
        PIPELINE + "  steps:\n    filter: x",
        "7:5",
        "E212",
        "a list is needed here, not a mapping",
        "begin each item with `- `",
    ),
    (PIPELINE + "  env: REGION", "6:8", "E212", "a list is needed here, not a text", "`env: [REGION]`"),
    (
        PIPELINE + '  delivery: {concurrency: "8"}',
        "6:27",
        "E212",
        "a whole number is needed here, not a text",
        "write it without quotes",
    ),
    (
        PIPELINE + '  delivery: {concurrency: "{{ env.N }}"}',
        "6:27",
        "E212",
        "a whole number is needed here, not a text",
        "a template cannot be used here",
    ),
    (
        PIPELINE + "  delivery: {concurrency: 1.5}",
        "6:27",
        "E212",
        "a whole number is needed here, not a number with a fraction",
        "`concurrency: 16`",
    ),
    (
        PIPELINE + '  delivery: {retry: {jitter: "true"}}',
        "6:30",
        "E212",
        "true or false is needed here, not a text",
        "write it without quotes",
    ),
    (PIPELINE + "  steps: [{call: {app: a, headers: {X: 5}}}]", "6:40", "E212", "a text is needed here", "in quotes"),
    # several types: the branch that was meant
    (PIPELINE + "  steps: [{validate: 5}]", "6:22", "E212", "a text or a mapping is needed here", "A JSON Schema"),
    (
        PIPELINE + "  outputs: [{binding: my files}]",
        "6:23",
        "E214",
        "`binding` cannot be 'my files'",
        "Letters, digits, `.`, `_` and `-`",
    ),
    (
        PIPELINE + "  outputs:\n    - binding:\n        metadata: {}",
        "7:7",
        "E211",
        "`binding` needs `type`",
        "`type: bindings.cron`",
    ),
    (
        PIPELINE
        + "  outputs:\n    - binding:\n        type: bindings.cron\n        metadata:\n          - name: schedule",
        "10:11",
        "E212",
        "a mapping is needed here, not a list",
        "`metadata: {schedule: '@every 5s'}`",
    ),
    # values that are not among the possible ones
    (
        PIPELINE + "  steps: [{call: {app: a, method: post}}]",
        "6:35",
        "E213",
        "`method` cannot be 'post'",
        "did you mean 'POST'? it can be POST, PUT or PATCH",
    ),
    (PIPELINE + "  delivery: {deadLetter: drop}", "6:26", "E213", "`deadLetter` cannot be 'drop'", "it must be store"),
    # forms of writing
    (
        PIPELINE + "  steps: [{call: {app: a, timeout: ten}}]",
        "6:36",
        "E214",
        "'ten' is not a duration",
        "write it like 200ms, 10s, 1m30s",
    ),
    (PIPELINE + "  delivery: {retry: {max: -1}}", "6:27", "E214", "-1 is not a duration", "write it like"),
    (PIPELINE + "  delivery: {retry: {max: [1]}}", "6:27", "E214", "a list is not a duration", "write it like"),
    (PIPELINE + "  delivery: {retry: {max: }}", "6:22", "E212", "`max` has no value; a duration is needed", "10s"),
    (
        PIPELINE + '  delivery: {retry: {max: "{{ x }}"}}',
        "6:27",
        "E214",
        "is not a duration",
        "a template cannot be used",
    ),
    (APP + "  maxResponseSize: 4Megs", "6:20", "E214", "'4Megs' is not a size", "512Ki, 4Mi or 1G"),
    (APP.replace("http://", ""), "5:8", "E214", "`url` cannot be 'localhost:8000'", "`url: http://localhost:8000`"),
    (COMPONENT + "  ignoreErrors: maybe", "6:17", "E214", "'maybe' is not true or false", "write true or false"),
    # numbers, lengths
    (APP + "  maxConcurrency: 0", "6:19", "E215", "`maxConcurrency` must be at least 1, not 0", "`maxConcurrency: 32`"),
    (
        PIPELINE + "  delivery: {concurrency: 20000}",
        "6:27",
        "E215",
        "`concurrency` must be at most 10,000, not 20000",
        "How many calls",
    ),
    (
        PIPELINE.replace("thumbnails", "x" * 300),
        "3:18",
        "E216",
        "`name` must have at most 253 characters",
        "Letters, digits",
    ),
    # steps
    (
        PIPELINE + "  steps:\n    - filter: a\n      split: b",
        "8:7",
        "E217",
        "`filter` and `split` are two steps, and stand in one",
        "begin each with `- `",
    ),
    (PIPELINE + "  steps: [{}]", "6:11", "E217", "`steps[0]` is empty", "filter, validate, transform, split or call"),
]


@pytest.mark.parametrize(("text", "place", "code", "message", "hint"), WRONG)
def test_mistake_is_told_in_plain_words_at_its_place(text: str, place: str, code: str, message: str, hint: str) -> None:
    [diagnostic] = shape(text)
    assert (f"{diagnostic.span.line}:{diagnostic.span.column}", diagnostic.code) == (place, code)
    assert message in diagnostic.message
    assert hint in diagnostic.hint


def test_all_mistakes_are_told_in_the_order_of_the_file() -> None:
    text = PIPELINE + "  steps:\n    - call:\n      app: x\n  outputs: [{binding: x, when: 5, whn: x}]\n  env: [1]"
    found = [(diagnostic.span.line, diagnostic.code) for diagnostic in shape(text)]
    assert found == [(7, "E212"), (8, "E210"), (9, "E212"), (9, "E210"), (10, "E212")]


@pytest.mark.parametrize("kind", KINDS)
def test_example_of_a_kind_is_valid(kind: str) -> None:
    assert shape(EXAMPLES[kind]) == []


def test_empty_field_of_dapr_is_as_good_as_absent() -> None:
    assert shape(COMPONENT + "  metadata:\nscopes:\nauth:\n") == []
    [diagnostic] = shape(COMPONENT.replace("metadata: {name: uploads}", "metadata: {name: }"))
    assert (diagnostic.code, diagnostic.message) == ("E211", "`metadata` needs `name`")


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield at
    for step, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*at, step))


def replaced(value: Any, at: tuple[str | int, ...], by: Any) -> Any:
    if not at:
        return by
    changed = replaced(value[at[0]], at[1:], by)
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    items = {step: changed if step == at[0] else item for step, item in steps}
    return items if isinstance(value, dict) else list(items.values())


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_model_refuses_is_told_before(kind: str) -> None:
    value = load(EXAMPLES[kind]).value
    for at in places(value):
        for other in (None, True, -1, 1.5, "", "a b", [], [None], {}, {"x": 1}):
            document = load(json.dumps(replaced(value, at, other)))
            told = validate_document(document, kind)
            assert all(diagnostic.message and diagnostic.span.line == 1 for diagnostic in told)
            try:
                KINDS[kind].model.model_validate(document.value)
            except ValidationError:
                assert told, (at, other)


def metadata(text: str, manifest: ComponentType) -> list[Diagnostic]:
    """The mistakes in the metadata of a binding that is written in place; what is `secret` is not known yet."""
    document = load(text)
    values = {name: value for name, value in document.value["metadata"].items() if value != "secret"}
    paths = {name: ("metadata", name) for name in document.value["metadata"]}
    return validate_metadata(document, manifest, values, paths, ("metadata",))


@pytest.mark.parametrize(
    ("manifest", "text", "place", "message", "hint"),
    [
        (cron, "metadata: {}", "1:1", "bindings.cron needs `schedule`", "`schedule: '*/5 * * * *'`"),
        (cron, "metadata: {schedule: x, timzone: UTC}", "1:25", "bindings.cron has no field `timzone`", "'timezone'"),
        (cron, "metadata: {schedule: 5}", "1:22", "a text is needed here, not a number", "put it in quotes"),
        (cron, "metadata: {schedule: x, durable: 3}", "1:34", "3 is not true or false", "write true or false"),
        (file, "metadata: {secretsFile: ''}", "1:25", "`secretsFile` must not be empty", "`secretsFile: secrets.json`"),
        (localstorage, "metadata: {rootPath: x, onDone: move}", "1:33", "`onDone` cannot be 'move'", "keep or delete"),
        (
            localstorage,
            "metadata: {rootPath: [x]}",
            "1:22",
            "a text or a number is needed here, not a list",
            "rootPath",
        ),
    ],
)
def test_mistake_in_metadata_is_told_at_its_place(
    manifest: ComponentType, text: str, place: str, message: str, hint: str
) -> None:
    [diagnostic] = metadata(text, manifest)
    assert (f"{diagnostic.span.line}:{diagnostic.span.column}", diagnostic.message) == (place, message)
    assert hint in diagnostic.hint


def test_entry_of_a_dapr_list_is_told_at_its_name_or_value() -> None:
    document = load("metadata:\n- name: shedule\n  value: x\n- name: durable\n  value: 3\n")
    paths = {"shedule": ("metadata", 0, "value"), "durable": ("metadata", 1, "value")}
    told = validate_metadata(document, cron, {"shedule": "x", "durable": 3}, paths, ("metadata",))
    found = [(diagnostic.code, diagnostic.span.line, diagnostic.span.column) for diagnostic in told]
    assert found == [("E211", 1, 1), ("E210", 2, 9), ("E214", 5, 10)]


def test_value_that_is_not_known_yet_counts_as_given() -> None:
    assert metadata("metadata: {schedule: secret, durable: secret}", cron) == []
    [diagnostic] = metadata("metadata: {schedule: x, token: secret}", cron)
    assert diagnostic.code == "E210"


def test_secret_is_never_repeated() -> None:
    [diagnostic] = metadata("metadata: {securityToken: 12345}", http)
    assert diagnostic.code == "E212"
    assert "12345" not in diagnostic.message + diagnostic.hint


class ThirdParty(Metadata):
    more: int = Field(1, gt=0)
    less: float = Field(1, lt=10)
    even: int = Field(2, multiple_of=2)
    tags: list[str] = Field(default_factory=list, max_length=1)
    labels: dict[str, str] = Field(default_factory=dict, min_length=1)
    ids: set[str] = Field(default_factory=set)
    level: Literal["low", "high"] | bool = "low"
    count: Whole = 5


@pytest.mark.parametrize(
    ("field", "code", "message"),
    [
        ("more: 0", "E215", "`more` must be more than 0, not 0"),
        ("less: 10", "E215", "`less` must be less than 10, not 10"),
        ("even: 3", "E215", "`even` must be a multiple of 2, not 3"),
        ("tags: [a, b]", "E216", "`tags` must have at most 1 items"),
        ("labels: {}", "E216", "`labels` must not be empty"),
        ("ids: [a, a]", "E218", "`ids` does not fit its schema (`uniqueItems`)"),
        ("level: hihg", "E213", "`level` cannot be 'hihg'"),
        ("level: 3", "E212", "a text or true or false is needed here, not a number"),
        ("count: five", "E214", "'five' is not a whole number"),
        ("tags: [1]", "E212", "a text is needed here, not a number"),
    ],
)
def test_keywords_that_only_others_use_are_told_as_well(field: str, code: str, message: str) -> None:
    manifest = ComponentType(name="bindings.third", summary="", metadata=ThirdParty, example="")
    [diagnostic] = metadata(f"metadata: {{{field}}}", manifest)
    assert (diagnostic.code, diagnostic.message) == (code, message)
