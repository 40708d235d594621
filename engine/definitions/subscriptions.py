"""Dapr's Subscription documents as pipelines: from a topic to a path of an app, one for each app that it is for.

What a Subscription says beside the topic becomes a part of the pipeline, so that its messages are delivered, retried,
dead-lettered and replayed as all events are. Source: dapr/dapr, pkg/runtime/subscription.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bindings.metadata import PubSubMetadata, is_raw
from engine.cel import Program, compile_cel
from engine.definitions.dapr import Rule, Subscription, SubscriptionSpec
from engine.definitions.definition import Definition
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document
from engine.definitions.folder import Located
from engine.definitions.model import ObjectMeta
from engine.definitions.names import Names
from engine.definitions.pipeline import (
    Batch,
    Call,
    DeadLetterOutput,
    Delivery,
    Envelope,
    Input,
    Pipeline,
    PipelineSpec,
    Step,
)
from engine.errors import DefinitionError
from engine.registry import installed_type
from engine.suggest import close_match
from engine.topic_scopes import SCOPES, may_subscribe

if TYPE_CHECKING:
    from engine.definitions.check import Definitions

_MOST, _WAIT = 100, 1.0  # of a bulk subscription (pkg/runtime/pubsub/default_bulksub.go)


class SubscribedInput(Input):
    """`consumer`: who shares the messages, where the component says nothing."""

    consumer: str


class RoutedCall(Call):
    """The path is that of the first rule that matches, else `path` if that `has_default`. A `batch` is sent in Dapr's
    own form. `keeps_unwanted`: there is a dead letter topic for what no rule is for.
    """

    pubsub: str
    topic: str
    rules: Sequence[Rule]
    has_default: bool
    keeps_unwanted: bool


class StreamedCall(Call):
    """`deliver` brings an event to the app over a stream that the app has opened, and gives its answer."""

    app: str  # any app id: there need not be a document of it
    deliver: Callable[..., Any]


def with_subscriptions(definitions: Definitions) -> Definitions:
    """With the pipelines of its subscriptions. They have the documents of these."""
    pipelines, subscriptions = dict(definitions.pipelines), {}
    topics = {name: one for name, one in definitions.components.items() if is_pubsub(one.model.spec.type)}
    for subscription in definitions.others:
        if not isinstance(subscription.model, Subscription):
            continue
        if subscription.model.spec.pubsubname not in topics:
            continue
        scopes = subscription.model.scopes
        spec = subscription.model.spec
        settings = _settings((one.name, one.value) for one in topics[spec.pubsubname].model.spec.metadata)
        for app in (app for app in definitions.apps if not scopes or app in scopes):
            if not may_subscribe(settings, app, spec.topic):
                continue
            made = _pipeline(name_of(subscription.model.metadata.name, app), spec, app, _call(spec, app))
            pipelines[made.metadata.name] = Located(made, subscription.document)
            subscriptions[made.metadata.name] = Located(subscription.model, subscription.document)
    return replace(definitions, pipelines=pipelines, subscriptions=subscriptions) if subscriptions else definitions


def compile_rule(match: str) -> Program:
    """A rule of a route over `event`; raises `DefinitionError`."""
    return compile_cel(match, "the rule", 'write it like event.type == "order.created" && event.data.total > 100')


def name_of(definition: str, app: str) -> str:
    """That of the pipeline that is made for the app of a Subscription, or of a component that it takes."""
    return f"{definition}.{app}"


def is_pubsub(type_name: str) -> bool:
    manifest = installed_type(type_name)
    return manifest is not None and manifest.pubsub is not None


def check_subscription(definition: Definition, names: Names) -> Iterator[Diagnostic]:
    """What is wrong with it beyond its shape and its pub/sub: routes, rules, names."""
    document, apps, pipelines = definition.document, names.of_kind("App"), names.of_kind("Pipeline")
    spec = definition.spec
    routes = spec.get("routes")
    if "route" not in spec and not (isinstance(routes, dict) and (routes.get("rules") or routes.get("default"))):
        hint = "write `route: /PATH`, or `routes` with `default`"
        yield document.error("E432", "a subscription needs a path of the app", ("spec",), hint, key=True)
    for index, rule in enumerate(_rules(routes)):
        yield from _check_rule(document, index, rule)
    scopes = document.get(("scopes",))
    wanted = [app for app in scopes if isinstance(app, str)] if isinstance(scopes, list) else list(apps)
    for index, app in enumerate(wanted if isinstance(scopes, list) else ()):
        if app not in apps:
            message = f"there is no app {app!r} in this folder, so it gets nothing"
            yield document.warning("W430", message, ("scopes", index), close_match(app, apps))
    if not wanted:
        hint = "write an App document, or run the app with `jackfield run --app-id ID --app-port N`"
        yield document.warning("W432", "there is no app that it could be for", ("kind",), hint)
    settings = _settings(_pairs(names.of_kind("Component").get(str(spec.get("pubsubname")))))
    for app in (app for app in wanted if not may_subscribe(settings, app, str(spec.get("topic")))):
        hint = "`subscriptionScopes`, `allowedTopics` and `protectedTopics` of the component say who may"
        message = f"{spec.get('pubsubname')!r} does not let {app!r} subscribe to this topic, so it gets nothing"
        yield document.warning("W433", message, ("spec", "topic"), hint)
    for app in wanted:
        clash = pipelines.get(name_of(definition.name, app))
        if clash is not None:
            yield document.error(
                "E301",
                f"the pipeline that is made of it for {app!r} has the name of another one, {clash.name!r}",
                ("metadata", "name"),
                "give one of them another name",
                related=clash.document.span(("metadata", "name")),
                related_message="the other one is here",
            )


def _settings(metadata: Iterable[tuple[Any, Any]]) -> PubSubMetadata:
    """The scopes of a pub/sub, as far as they are written in its document."""
    given = {str(name).lower(): value for name, value in metadata if isinstance(value, str)}
    return PubSubMetadata.model_validate({name: given[name.lower()] for name in SCOPES if name.lower() in given})


def _pairs(component: Definition | None) -> Iterator[tuple[Any, Any]]:
    """The metadata of a component that may have errors."""
    metadata = component.spec.get("metadata") if component is not None else None
    for one in metadata if isinstance(metadata, list) else ():
        if isinstance(one, dict):
            yield one.get("name"), one.get("value")


def _rules(routes: Any) -> Sequence[Any]:
    rules = routes.get("rules") if isinstance(routes, dict) else None
    return rules if isinstance(rules, list) else []


def _check_rule(document: Document, index: int, rule: Any) -> Iterator[Diagnostic]:
    match = rule.get("match") if isinstance(rule, dict) else None
    if isinstance(match, str) and match:
        try:
            compile_rule(match)
        except DefinitionError as error:
            yield document.error("E431", str(error.args[0]), ("spec", "routes", "rules", index, "match"), error.hint)


def streamed(name: str, spec: SubscriptionSpec, app: str, deliver: Callable[..., Any]) -> Pipeline:
    """The pipeline of a subscription whose messages go to a stream."""
    return _pipeline(name, spec, app, StreamedCall(app=app, deliver=deliver))


def _pipeline(name: str, spec: SubscriptionSpec, app: str, call: Call) -> Pipeline:
    spec_of_pipeline = PipelineSpec(
        input=SubscribedInput(pubsub=spec.pubsubname, topic=spec.topic, metadata=spec.metadata, consumer=app),
        event=_envelope(spec),
        steps=[Step(call=call)],
        delivery=Delivery(dead_letter=_dead_letter(spec)),
    )
    meta = ObjectMeta(name=name, description=f"{spec.topic} for {app}")
    return Pipeline(api_version="jackfield/v1", kind="Pipeline", metadata=meta, spec=spec_of_pipeline)


def _envelope(spec: SubscriptionSpec) -> Envelope:
    """A raw message gets the envelope that Dapr gives it (components-contrib, pubsub/envelope.go, FromRawPayload)."""
    if not is_raw(spec.metadata):
        return Envelope()
    names = {"topic": spec.topic, "pubsubname": spec.pubsubname}
    return Envelope(
        type="com.dapr.event.sent", source="Dapr", datacontenttype="application/octet-stream", extensions=names
    )


def _call(spec: SubscriptionSpec, app: str) -> RoutedCall:
    rules = spec.routes.rules if spec.routes is not None else []
    default = spec.route or (spec.routes.default if spec.routes is not None else None)
    bulk = spec.bulk_subscribe if spec.bulk_subscribe is not None and spec.bulk_subscribe.enabled else None
    batch = None
    if bulk is not None:
        wait = _WAIT if bulk.max_await_duration_ms is None else bulk.max_await_duration_ms / 1000
        batch = Batch(max_events=bulk.max_messages_count or _MOST, max_wait=wait)
    return RoutedCall(
        app=app,
        path=_absolute(default or "/"),
        mode="structured" if batch is None else "batch",
        batch=batch,
        pubsub=spec.pubsubname,
        topic=spec.topic,
        rules=[Rule(match=rule.match, path=_absolute(rule.path)) for rule in rules],
        has_default=default is not None,
        keeps_unwanted=spec.dead_letter_topic is not None,
    )


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _dead_letter(spec: SubscriptionSpec) -> Any:
    topic = spec.dead_letter_topic
    if not topic:
        return "store"
    if "{" in topic:  # it is the topic itself and no template, which that of an output is
        topic = f"{{{{ {json.dumps(topic, ensure_ascii=False)} }}}}"
    return DeadLetterOutput(pubsub=spec.pubsubname, topic=topic)
