from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.definitions.folders import component, documents, found_in, pipeline

TOPICS = component(name="t", type="pubsub.in-memory")
QUEUE = component(name="q")
NEITHER = "write `binding: NAME`, or `pubsub: NAME` and `topic: NAME`"
OTHER = "which is not written here | leave it out"


def of(input: str, more: str = "") -> str:
    return pipeline(more).replace("{binding: {type: bindings.memory}}", input)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (of("{}"), f"6:3 E211 an input needs `binding` or `pubsub` | {NEITHER}"),
        (
            of("{binding: q, pubsub: t, topic: a}"),
            "6:23 E217 an input is a `binding` or a topic of a `pubsub`, not both",
        ),
        (of("{pubsub: t}"), "6:3 E211 an input of a `pubsub` needs `topic` | add `topic: NAME`"),
        (of("{binding: q, topic: a}"), f"6:23 E217 `topic` belongs to a `pubsub`, {OTHER}"),
        (of("{binding: q, metadata: {a: b}}"), f"6:23 E217 `metadata` belongs to a `pubsub`, {OTHER}"),
        (of("{pubsub: q, topic: a}"), "6:19 E305 bindings.memory is no pub/sub | write `binding: q`, and no `topic`"),
        (
            of("{binding: t}"),
            "6:20 E305 pubsub.in-memory is a pub/sub, and no binding | write `pubsub: t` and `topic: NAME`",
        ),
        (of("{pubsub: u, topic: a}"), "6:19 E302 there is no component 'u'"),
        (pipeline("  outputs: [{when: data.a}]\n"), f"7:13 E211 an output needs `binding` or `pubsub` | {NEITHER}"),
        (
            pipeline("  outputs: [{pubsub: t, topic: a, operation: create}]\n"),
            f"7:35 E217 `operation` belongs to a `binding`, {OTHER}",
        ),
        (
            pipeline("  delivery: {deadLetter: {metadata: {a: b}}}\n"),
            f"7:14 E211 `deadLetter` needs `binding` or `pubsub` | {NEITHER}",
        ),
    ],
)
async def test_end_that_is_not_exactly_one_thing_is_told(text: str, expected: str, tmp_path: Path) -> None:
    [found] = await found_in(tmp_path, documents(text, TOPICS, QUEUE))
    assert found.startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        of("{pubsub: t, topic: a}"),
        of("{pubsub: t, topic: a, metadata: {rawPayload: 'true'}}"),
        pipeline("  outputs: [{pubsub: t, topic: a}, {pubsub: t, topic: '{{ event.type }}', when: data.a}]\n"),
        pipeline("  delivery: {deadLetter: {pubsub: t, topic: failed}}\n"),
    ],
)
async def test_topic_is_an_end(text: str, tmp_path: Path) -> None:
    assert await found_in(tmp_path, documents(text, TOPICS)) == []


async def test_two_pipelines_may_read_one_topic(tmp_path: Path) -> None:
    both = [of("{pubsub: t, topic: a}"), of("{pubsub: t, topic: a}").replace("name: p", "name: p2")]
    assert await found_in(tmp_path, documents(*both, TOPICS)) == []


async def test_topic_that_leads_back_to_its_pipeline_is_a_loop(tmp_path: Path) -> None:
    other = of("{pubsub: t, topic: a}", "  outputs: [{pubsub: t, topic: b}]\n")
    assert await found_in(tmp_path, documents(other, TOPICS)) == []
    [found] = await found_in(tmp_path, documents(other.replace("topic: b", "topic: a"), TOPICS))
    assert found.split()[1] == "E308"
