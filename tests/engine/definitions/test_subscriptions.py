from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from engine.definitions.pipeline import Call, DeadLetterOutput
from engine.definitions.subscriptions import RoutedCall, SubscribedInput
from tests.engine.definitions.folders import app, component, documents, found_in, pipeline, report_of

PUBSUB = component(name="pubsub", type="pubsub.in-memory")
SCOPED = component(
    "  - {name: subscriptionScopes, value: b=orders}\n  - {name: ProtectedTopics, value: orders}\n",
    name="pubsub",
    type="pubsub.in-memory",
)
HEAD = "apiVersion: dapr.io/{version}\nkind: Subscription\nmetadata: {{name: s}}\n"


def subscription(spec: str, more: str = "", version: str = "v2alpha1") -> str:
    return HEAD.format(version=version) + f"spec: {{pubsubname: pubsub, topic: orders, {spec}}}\n{more}"


async def call_of(root: Path, spec: str, version: str = "v2alpha1") -> RoutedCall:
    text = documents(subscription(spec, version=version), PUBSUB, app())
    report = await report_of(root, {"f.yaml": text})
    assert not report.diagnostics
    (step,) = report.definitions.pipelines["s.a"].model.spec.steps
    assert isinstance(step.call, RoutedCall)
    return step.call


async def test_subscription_is_a_pipeline_for_each_app(tmp_path: Path) -> None:
    apps = [app(name="one"), app(name="two")]
    report = await report_of(tmp_path, {"f.yaml": documents(subscription("routes: {default: /o}"), PUBSUB, *apps)})
    assert not report.diagnostics
    assert set(report.definitions.pipelines) == {"s.one", "s.two"}
    source = report.definitions.pipelines["s.two"].model.spec.input
    assert isinstance(source, SubscribedInput)
    assert (source.component, source.topic, source.consumer) == ("pubsub", "orders", "two")


async def test_subscription_with_scopes_is_for_these_apps(tmp_path: Path) -> None:
    text = subscription("routes: {default: /o}", "scopes: [two]\n")
    report = await report_of(tmp_path, {"f.yaml": documents(text, PUBSUB, app(name="one"), app(name="two"))})
    assert set(report.definitions.pipelines) == {"s.two"}


async def test_subscription_is_for_the_apps_that_the_component_lets(tmp_path: Path) -> None:
    text = documents(subscription("route: /o"), SCOPED, app(name="a"), app(name="b"))
    report = await report_of(tmp_path, {"f.yaml": text})
    assert set(report.definitions.pipelines) == {"s.b"}


async def test_routes_are_those_of_the_subscription(tmp_path: Path) -> None:
    old = await call_of(tmp_path, "route: orders", "v1alpha1")
    assert (old.path, old.has_default, list(old.rules)) == ("/orders", True, [])
    new = await call_of(tmp_path, "routes: {rules: [{match: 'event.type == \"x\"', path: x}], default: /o}")
    assert [(rule.match, rule.path) for rule in new.rules] == [('event.type == "x"', "/x")]
    assert (new.path, new.has_default) == ("/o", True)
    without = await call_of(tmp_path, "routes: {rules: [{match: '', path: /x}]}")
    assert not without.has_default


async def test_bulk_and_dead_letter_topic_and_raw_payload(tmp_path: Path) -> None:
    spec = "route: /o, bulkSubscribe: {enabled: true, maxMessagesCount: 7, maxAwaitDurationMs: 40}"
    text = subscription(f"{spec}, deadLetterTopic: failed, metadata: {{rawPayload: 'true'}}")
    report = await report_of(tmp_path, {"f.yaml": documents(text, PUBSUB, app())})
    made = report.definitions.pipelines["s.a"].model.spec
    batch = cast(Call, made.steps[0].call).batch
    assert batch is not None
    assert (batch.max_events, batch.max_wait) == (7, 0.04)
    assert made.delivery.dead_letter == DeadLetterOutput(pubsub="pubsub", topic="failed")
    assert (made.event.type, made.event.datacontenttype) == ("com.dapr.event.sent", "application/octet-stream")


async def test_topic_of_a_type_that_is_not_installed_makes_no_pipeline(tmp_path: Path) -> None:
    pubsub = component(name="pubsub", type="pubsub.unheard-of")
    report = await report_of(tmp_path, {"f.yaml": documents(subscription("route: /o"), pubsub, app())})
    assert {diagnostic.code for diagnostic in report.diagnostics} == {"W201"}
    assert not report.definitions.pipelines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            documents(subscription("metadata: {}"), PUBSUB, app()),
            "4:1 E432 a subscription needs a path of the app | write `route: /PATH`, or `routes` with `default`",
        ),
        (
            documents(subscription("routes: {rules: [{match: 'event.type =', path: /x}]}"), PUBSUB, app()),
            "4:68 E431 'event.type =' is no CEL expression",
        ),
        (
            documents(subscription("route: /o", "scopes: [b]\n"), PUBSUB, app(name="bb")),
            "5:10 W430 there is no app 'b' in this folder, so it gets nothing | did you mean 'bb'?",
        ),
        (
            documents(subscription("route: /o"), PUBSUB),
            "2:7 W432 there is no app that it could be for | write an App document, or run the app with",
        ),
        (
            documents(subscription("route: /o"), PUBSUB, app(), pipeline(name="s.a")),
            "3:18 E301 the pipeline that is made of it for 'a' has the name of another one, 's.a'",
        ),
        (
            documents(subscription("route: /o"), SCOPED, app()),
            "4:35 W433 'pubsub' does not let 'a' subscribe to this topic, so it gets nothing | `subscriptionScopes`, ",
        ),
        (
            documents(subscription("route: /o"), component(name="pubsub"), app()),
            "4:20 E305 bindings.memory is no pub/sub",
        ),
    ],
)
async def test_mistake_in_a_subscription_is_told(text: str, expected: str, tmp_path: Path) -> None:
    [found] = await found_in(tmp_path, text)
    assert found.startswith(expected)
