from __future__ import annotations

from pathlib import Path

import pytest

from engine.definitions.definition import Definition, understand
from engine.definitions.source import Source
from engine.definitions.yaml import parse
from tests.engine.definitions.folders import app, component, pipeline, short


def understood(text: str) -> Definition:
    return understand(parse(Source(Path("f.yaml"), "f.yaml", text))[0][0])


def found(text: str) -> list[str]:
    return [short(diagnostic) for diagnostic in understood(text).diagnostics]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n", "1:1 E201 a definition is a mapping, and this is none | write apiVersion, kind, metadata and spec"),
        ("just text\n", "1:1 E201 a definition is a mapping, and this is none"),
        ("metadata: {name: x}\n", "1:1 E202 the document does not say its `kind` | the kinds are Pipeline, App,"),
        ("kind: Pipline\n", "1:7 E202 there is no kind 'Pipline' | did you mean 'Pipeline'?"),
        ("kind: component\n", "1:7 E202 there is no kind 'component' | did you mean 'Component'?"),
        ("kind: Deployment\n", "1:7 E202 there is no kind 'Deployment' | the kinds are Pipeline, App, PipelineTest,"),
        ("kind: [Pipeline]\n", "1:7 E202 there is no kind ['Pipeline'] | did you mean 'Pipeline'?"),
        (
            app().replace("jackfield/v1", "jackfield/v2"),
            "1:13 E203 App has no apiVersion 'jackfield/v2' | write jackfield/v1",
        ),
        (
            pipeline().replace("jackfield/v1", "dapr.io/v1alpha1"),
            "1:13 E203 Pipeline has no apiVersion 'dapr.io/v1alpha1' | write jackfield/v1",
        ),
        (
            app().replace("apiVersion: jackfield/v1\n", ""),
            "1:7 E203 the App does not say its `apiVersion` | write `apiVersion: jackfield/v1`",
        ),
    ],
)
def test_understand_a_wrong_head_says_which_is_right(text: str, expected: str) -> None:
    [diagnostic] = found(text)

    assert diagnostic.startswith(expected)


def test_understand_a_subscription_may_have_two_versions() -> None:
    text = "apiVersion: dapr.io/v3\nkind: Subscription\nmetadata: {name: s}\nspec: {pubsubname: p, topic: t}\n"

    assert found(text)[0] == (
        "1:13 E203 Subscription has no apiVersion 'dapr.io/v3' | write dapr.io/v1alpha1 or dapr.io/v2alpha1"
    )


def test_understand_a_kind_that_is_not_applied_is_a_warning() -> None:
    definition = understood(
        "apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {name: r}\nspec: {baseUrl: 'http://x'}\n"
    )

    assert [short(d) for d in definition.diagnostics] == [
        "2:7 W201 HTTPEndpoint documents are read, but this version does not apply them yet"
    ]
    assert definition.model is not None


@pytest.mark.parametrize(("spec", "warns"), [("{secrets: {scopes: []}}", False), ("{tracing: {}}", True)])
def test_understand_a_kind_that_is_applied_in_part_is_a_warning_for_the_rest(spec: str, warns: bool) -> None:
    definition = understood(f"apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {{name: r}}\nspec: {spec}\n")

    warning = "2:7 W201 of Configuration documents this version applies `spec.secrets` and nothing else"
    assert [short(d) for d in definition.diagnostics] == ([warning] if warns else [])
    assert definition.model is not None


def test_understand_finds_mistakes_of_all_sorts_at_once() -> None:
    text = pipeline("  steps:\n    - filter: dat.x\n    - call: {}\n  delivry: {}\n", name="1!").replace("v1", "v2")

    assert [line.rpartition(" E")[2][:3] for line in (f" E{f.split(' E')[1]}" for f in found(text))] == [
        "203",
        "214",
        "211",
        "210",
        "401",
    ]
    assert understood(text).model is None


def test_understand_yaml_mistakes_hide_their_line_and_no_other() -> None:
    text = pipeline("  event: {subject: {{ data.x }}}\n  steps:\n    - filter: dat.x\n")

    assert [line.split(" | ")[0] for line in found(text)] == [
        "7:20 E107 a template must stand in quotes, else it is a mapping for YAML",
        "9:15 E401 there is no 'dat' here",
    ]


def test_understand_a_document_that_is_too_deep_says_only_that() -> None:
    levels = ["a0: &a0 1\n", *(f"a{n}: &a{n} {'[' * 20}*a{n - 1}{']' * 20}\n" for n in range(1, 9))]

    assert [line.split()[1] for line in found("".join(levels))] == ["E108"]


def test_understand_a_right_document_gives_its_model() -> None:
    definition = understood(pipeline(name="right"))

    assert (definition.kind, definition.name, list(definition.diagnostics)) == ("Pipeline", "right", [])
    assert definition.model is not None


def test_understand_empty_fields_of_dapr_documents_are_left_out() -> None:
    text = component(name="c", more="  metadata:\nscopes:\n")

    definition = understood(text)

    assert list(definition.diagnostics) == []
    assert definition.model is not None
