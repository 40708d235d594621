"""The pipelines of a chaos run. Every reload changes a detail of their delivery, so that each is a new revision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent, indent

from benchmarks.chaos.events import FILTER, TICK
from tests.integration.project import queues


@dataclass(frozen=True)
class Kind:
    """What is promised of a pipeline, and which part of all events goes through it."""

    share: float
    is_ordered: bool = False
    is_once: bool = False  # an event that is sent twice is done once
    has_target: bool = False  # its output is a local queue of the name NAME-out


ORDERS, PAYMENTS, HOOKS, FILES, TICKS = "orders", "payments", "hooks", "files", "ticks"
KINDS: Mapping[str, Kind] = {
    ORDERS: Kind(0.50, is_ordered=True, is_once=True, has_target=True),
    PAYMENTS: Kind(0.30, has_target=True),
    HOOKS: Kind(0.15, is_once=True),
    FILES: Kind(0.05),
    TICKS: Kind(0.0, is_once=True),
}

_PIPELINE = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {{name: {name}}}
    spec:
      input: {{binding: {name}-in}}
      steps:
{steps}
      outputs: {outputs}
      delivery:
        concurrency: 8
        circuitBreaker: {{failures: 3, probeEvery: 200ms}}
        retry: {{maxAttempts: {attempts}, initial: 20ms, max: {longest}ms}}
{more}
"""
_COMPONENT = """
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {{name: {name}-in}}
    spec:
      type: {type}
      metadata: {metadata}
"""
_APP = """
    ---
    apiVersion: jackfield/v1
    kind: App
    metadata: {{name: sink}}
    spec: {{url: "{url}"}}
"""
_BATCH = ", batch: {maxEvents: 50, maxWait: 5ms}"
_MORE = {
    ORDERS: "orderBy: data.key\ndeduplicate: {}",
    PAYMENTS: "",
    HOOKS: "deduplicate: {}",
    FILES: "",
    TICKS: "deduplicate: {}",
}
_INPUTS = {
    HOOKS: ("bindings.http", "[]"),
    FILES: (
        "bindings.localstorage",
        "[{name: rootPath, value: inbox}, {name: onDone, value: delete}, {name: pollInterval, value: 100ms}, "
        "{name: settleTime, value: 50ms}]",
    ),
    TICKS: ("bindings.cron", f'[{{name: schedule, value: "@every {TICK}s"}}, {{name: missed, value: all}}]'),
}


def definition(name: str, revision: int) -> str:
    """A pipeline with its input."""
    batch = _BATCH if name in (ORDERS, HOOKS) else ""
    steps = [f"- call: {{app: sink, path: /{name}, timeout: 1s{batch}}}"]
    if name != TICKS:
        steps.insert(0, f"- filter: {FILTER}")
    kind = KINDS[name]
    text = _PIPELINE.format(
        name=name,
        steps=indent("\n".join(steps), " " * 8),
        outputs=f"[{{binding: {name}-out}}]" if kind.has_target else "[]",
        # A dead letter lets the next one of its key go on, so what may pass must never become one.
        attempts=1000 if kind.is_ordered else 4,
        longest=500 + revision,
        more=indent(_MORE[name], " " * 8),
    )
    if name not in _INPUTS:
        return dedent(text) + dedent(queues(f"{name}-in", f"{name}-out"))
    type, metadata = _INPUTS[name]
    return dedent(text) + dedent(_COMPONENT.format(name=name, type=type, metadata=metadata))


def app_definition(url: str) -> str:
    return dedent(_APP.format(url=url))
