from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.definitions.folders import app, component, documents, found_in, marked, pipeline, report_of, short

CRON = component("    - {name: schedule, value: '@daily'}\n", name="cron", type="bindings.cron")
HTTP = component("    - {name: url, value: 'http://x'}\n", name="web", type="bindings.http")
FOLDER = component("    - {name: rootPath, value: x}\n", name="folder", type="bindings.localstorage")
QUEUE = component(name="queue")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            documents(pipeline(source="›quue"), QUEUE),
            ["E302 there is no component 'quue' | did you mean 'queue'?"],
        ),
        (
            documents(pipeline(source="›x"), QUEUE, FOLDER),
            ["E302 there is no component 'x' | there is folder, queue"],
        ),
        (pipeline(source="›x"), ["E302 there is no component 'x' | this folder defines no component"]),
        (
            documents(pipeline(source="›shop"), app(name="shop")),
            ["E302 there is no component 'shop' | the document of that name is of the kind App"],
        ),
        (
            pipeline(source="›bindings.cron"),
            [
                "E302 there is no component 'bindings.cron' | that is a component type; in place it is written "
                "{type: bindings.cron, metadata: {…}}"
            ],
        ),
        (
            documents(pipeline("  steps:\n    - call: {app: ›shp}\n"), app(name="shop")),
            ["E302 there is no app 'shp' | did you mean 'shop'?"],
        ),
        (
            documents(pipeline("  outputs:\n    - binding: ›fodler\n"), FOLDER),
            ["E302 there is no component 'fodler' | did you mean 'folder'?"],
        ),
        (
            documents(pipeline("  outputs:\n    - {binding: ›cron}\n"), CRON),
            ["E305 bindings.cron cannot be an output | it can only be an input"],
        ),
        (
            pipeline("  outputs:\n    - binding: ›{type: bindings.cron, metadata: {schedule: '@daily'}}\n"),
            ["E305 bindings.cron cannot be an output | it can only be an input"],
        ),
        (
            documents(
                pipeline(source="›secrets"), component(name="secrets", type="secretstores.local.env").rstrip() + "\n"
            ),
            ["E305 secretstores.local.env cannot be an input | it is no binding"],
        ),
        (
            documents(pipeline(source="›state"), component(name="state", type="›crypto.jwks")),
            [
                "E305 crypto.jwks cannot be an input: it is no binding",
                "W201 crypto components are read, but this version does not apply them yet",
            ],
        ),
        (
            documents(
                pipeline(source="›one-way"),
                component("    - {name: Direction, value: output}\n", name="one-way"),
            ),
            ["E305 its `direction` is 'output', so it cannot be an input | change one of them"],
        ),
        (
            pipeline(source="›{type: bindings.memory, metadata: {direction: output}}"),
            ["E305 its `direction` is 'output', so it cannot be an input | change one of them"],
        ),
        (
            documents(pipeline("  outputs:\n    - {binding: folder, operation: ›crate}\n"), FOLDER),
            [
                "E306 bindings.localstorage has no operation 'crate' | did you mean 'create'? "
                "The operations are create, get, list, delete"
            ],
        ),
        (
            documents(pipeline(source="cron"), pipeline(name="q", source="›cron"), CRON),
            [
                "E307 the component 'cron' is already the input of another pipeline, and bindings.cron serves only one "
                "| write a second component for this pipeline"
            ],
        ),
        (
            documents(pipeline(source="›cron"), CRON.replace("'@daily'", "›'@dayly'")),
            ["E303 the component 'cron' has an error", "E205 "],
        ),
        (
            documents(pipeline("  steps:\n    - call: {app: ›shop}\n"), app("  ›nope: 1\n", name="shop")),
            ["E303 the app 'shop' has an error", "E210 "],
        ),
        (
            documents(pipeline(source="›lost"), "kind: Component\nmetadata: {name: lost}\nspec: ›[\n"),
            ["E303 the component 'lost' is in a text that is no YAML", "E104 "],
        ),
    ],
)
async def test_check_wrong_reference_is_an_error_at_its_place(tmp_path: Path, text: str, expected: list[str]) -> None:
    text, places = marked(text)

    found = await found_in(tmp_path, text)

    assert len(found) == len(expected)
    for line, place, start in zip(found, places, expected, strict=True):
        assert line.startswith(f"{place} {start}")


@pytest.mark.parametrize(
    "text",
    [
        documents(pipeline(source="queue"), pipeline(name="q", source="queue"), QUEUE),
        documents(pipeline("  outputs:\n    - {binding: folder, when: data.again}\n", source="folder"), FOLDER),
        documents(pipeline("  outputs:\n    - {binding: web, operation: post}\n"), HTTP),
        documents(pipeline("  steps:\n    - call: {app: a}\n    - call: {app: {url: 'http://x'}}\n"), app()),
        documents(pipeline(source="both"), component("    - {name: direction, value: 'input, output'}\n", name="both")),
    ],
)
async def test_check_right_references_are_no_errors(tmp_path: Path, text: str) -> None:
    assert await found_in(tmp_path, text) == []


async def test_check_a_broken_reference_shows_where_it_is_broken(tmp_path: Path) -> None:
    report = await report_of(
        tmp_path, {"a.yaml": pipeline("  steps:\n    - call: {app: a}\n"), "b.yaml": app("  x: 1\n")}
    )

    reference = next(d for d in report.diagnostics if d.code == "E303")

    assert str(reference.related).endswith("b.yaml:6:3")
    assert reference.related_message == "the error is here"


async def test_check_a_shared_input_shows_the_other_pipeline(tmp_path: Path) -> None:
    files = {"a.yaml": pipeline(source="cron"), "b.yaml": documents(pipeline(name="q", source="cron"), CRON)}

    [diagnostic] = (await report_of(tmp_path, files)).diagnostics

    assert short(diagnostic).startswith("6:20 E307")
    assert str(diagnostic.related).endswith("a.yaml:6:20")
    assert diagnostic.related_message == "the pipeline 'p' uses it here"


async def test_check_subscription_to_an_unknown_pubsub_component_shows_the_near_name(tmp_path: Path) -> None:
    pubsub = component(name="orderpubsub", type="pubsub.in-memory")
    subscription = """apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: s}
spec: {pubsubname: NAME, topic: orders, routes: {default: /orders}}
"""

    wrong = await found_in(tmp_path, documents(subscription.replace("NAME", "orderpubsb"), pubsub))
    right = await found_in(tmp_path, documents(subscription.replace("NAME", "orderpubsub"), pubsub))

    assert "4:20 E302 there is no component 'orderpubsb' | did you mean 'orderpubsub'?" in wrong
    assert not any(" E" in line for line in right)
