"""`kind: PipelineTest`: events in, and the calls, outputs and dead letters that a pipeline must make of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from bindings.metadata import Duration
from engine.definitions.model import Model, Name, ObjectMeta


def parse_instant(value: Any) -> float:
    """Seconds since the epoch from RFC 3339 with its offset from UTC: `2026-01-01T08:30:00Z`."""
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError(f"{value!r} is not an instant; write it like 2026-01-01T08:30:00Z")
    return instant.timestamp()


Instant = Annotated[
    float,
    BeforeValidator(parse_instant),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$"}),
]
Outcome: TypeAlias = Literal["done", "filtered", "dead-lettered", "released"]
Status = Annotated[int, Field(ge=200, le=599)]
Failure: TypeAlias = Literal["timeout", "refused", "reset", "garbage"]

_NEW_YEAR = parse_instant("2026-01-01T00:00:00Z")


class Payload(Model):
    """Data in one of three ways of writing it: in place, in a file, or as base64."""

    data: Any = Field(
        None, description="The data: a text is sent as it is, everything else as JSON.", examples=[{"id": 7}]
    )
    file: str | None = Field(
        None, description="The data from a file, relative to this one.", examples=["pictures/cat.jpg"]
    )
    base64: str | None = Field(None, description="The data in base64, for bytes.", examples=["iVBORw0KGgo="])


class GivenEvent(Payload):
    """One message that the input gives out."""

    id: str | None = Field(None, description="Its id; default: `event-1`, `event-2` …", examples=["order-7"])
    attributes: dict[str, str | int | bool] = Field(
        default_factory=dict,
        description="CloudEvents attributes that the binding knows.",
        examples=[{"subject": "cat.jpg", "datacontenttype": "image/jpeg"}],
    )
    metadata: dict[str, str] = Field(
        default_factory=dict,
        description="What the binding says of the message: `metadata` in expressions.",
        examples=[{"fileName": "cat.jpg"}],
    )
    after: Duration = Field(0.0, description="So long after the event before it.", examples=["10s"])


class AppAnswer(Payload):
    """One answer of an app. The first that fits a request is given."""

    when: str | None = Field(
        None,
        description="An expression on the event that the app is called with; the answer is given whenever it is true.",
        examples=["data.sku == 'unknown'"],
    )
    times: int | None = Field(
        None,
        ge=1,
        description="How often it is given. Default: once; with `when`, or as the last of the list, always.",
        examples=[2],
    )
    status: Status = Field(200, description="The HTTP status.", examples=[503])
    headers: dict[str, str] = Field(
        default_factory=dict, description="Headers of the answer.", examples=[{"Retry-After": "30"}]
    )
    data: Any = Field(
        None,
        description="The body, with templates on the event of the request; in a batch, the result of each event.",
        examples=[{"id": "{{ data.id }}", "total": "{{ data.quantity * 25 }}"}],
    )
    body: Any = Field(
        None,
        description="The body as it is, without templates; in a batch, the answer to all of it.",
        examples=[{"status": "DROP"}],
    )
    delay: Duration = Field(0.0, description="How long the app takes.", examples=["20s"])
    fail: Failure | None = Field(
        None,
        description="No answer: `timeout` (it never comes), `refused` (nobody listens), `reset` (the connection "
        "breaks), `garbage` (no HTTP).",
        examples=["timeout"],
    )


class OutputAnswer(Model):
    """What comes of one operation. The first that fits it is given."""

    when: str | None = Field(None, description="An expression on the event of the operation.", examples=["data.id > 7"])
    times: int | None = Field(
        None,
        ge=1,
        description="How often it is given. Default: once; with `when`, or as the last of the list, always.",
        examples=[2],
    )
    result: Literal["ok", "retryable", "unavailable", "permanent"] = Field(
        "ok",
        description="`ok`, or how it fails: `retryable` (it may pass later), `unavailable` (nobody is there), "
        "`permanent` (it never will).",
        examples=["permanent"],
    )
    message: str = Field("", description="The text of the error.", examples=["the disk is full"])
    delay: Duration = Field(0.0, description="How long it takes.", examples=["2s"])


Answers: TypeAlias = Annotated[
    list[Status | Failure | AppAnswer],
    Field(description="One after the other: a status, a failure, or an answer; the last one stays.", min_length=1),
]
AppAnswers: TypeAlias = dict[str, dict[str, Answers]]
OutputAnswers: TypeAlias = dict[
    str,
    Annotated[
        list[Literal["ok", "retryable", "unavailable", "permanent"] | OutputAnswer],
        Field(description="One after the other; the last one stays.", min_length=1),
    ],
]


class Times(Model):
    """The virtual time in which a test runs."""

    from_: Instant | None = Field(
        None,
        alias="from",
        description="When it begins; default: 2026-01-01T00:00:00Z.",
        examples=["2026-01-01T00:00:00Z"],
    )
    until: Instant | None = Field(
        None,
        description="When it ends, exclusive; a schedule needs it. Default: when every event is settled, at the latest "
        "an hour after the last one came.",
        examples=["2026-02-01T00:00:00Z"],
    )

    @property
    def start(self) -> float:
        return _NEW_YEAR if self.from_ is None else self.from_


class ExpectedCall(Model):
    """A request to an app."""

    app: str | None = Field(
        None, description="The App; one written in place goes by its URL.", examples=["demo", "http://localhost:8000"]
    )
    method: str | None = Field(None, description="The HTTP method.", examples=["POST"])
    path: Any = Field(None, description="The path.", examples=["/orders", {"$matches": "^/orders/[0-9]+$"}])
    headers: dict[str, Any] = Field(
        default_factory=dict, description="Some of its headers.", examples=[{"X-Tenant": "shop"}]
    )
    event: dict[str, Any] = Field(
        default_factory=dict,
        description="Some of the CloudEvents attributes; in a batch, of the first event.",
        examples=[{"type": "com.example.order.placed"}],
    )
    data: Any = Field(None, description="The data; in a batch, the list of the data.", examples=[{"id": 7}])
    times: int | None = Field(
        None, ge=1, description="Exactly so many; default: one or more, each counted for one expectation.", examples=[3]
    )


class ExpectedOutput(Model):
    """An operation of an output that was confirmed."""

    binding: str | None = Field(
        None,
        description="The component; one written in place goes by `outputs[0]`, or `deadLetter`.",
        examples=["priced-orders"],
    )
    operation: str | None = Field(None, description="What was done.", examples=["create"])
    pubsub: str | None = Field(None, description="Of a message for a topic: the component.", examples=["pubsub"])
    topic: Any = Field(None, description="Its topic.", examples=["orders", {"$matches": "^orders/"}])
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="Some of its metadata.", examples=[{"fileName": "7.json"}]
    )
    event: dict[str, Any] = Field(
        default_factory=dict, description="Some of the CloudEvents attributes.", examples=[{"subject": "7"}]
    )
    data: Any = Field(None, description="The data.", examples=[{"id": 7, "total": {"$any": True}}])
    times: int | None = Field(
        None, ge=1, description="Exactly so many; default: one or more, each counted for one expectation.", examples=[3]
    )


class ExpectedLetter(Model):
    """An event that became a dead letter."""

    stage: str | None = Field(None, description="Where it failed.", examples=["steps[1].call"])
    error: Any = Field(
        None, description="A part of the error, or a matcher.", examples=["no such article", {"$matches": "^the app"}]
    )
    status: int | None = Field(None, description="The HTTP status, where there was one.", examples=[422])
    attempts: int | None = Field(None, description="How often it was tried.", examples=[5])
    event: dict[str, Any] = Field(
        default_factory=dict,
        description="Some of the CloudEvents attributes, as they were when it failed.",
        examples=[{"id": "order-7"}],
    )
    data: Any = Field(None, description="The data, as they were when it failed.", examples=[{"id": 7}])
    times: int | None = Field(None, ge=1, description="Exactly so many.", examples=[3])


class Expectation(Model):
    """What must have happened. What is not named may have happened too, but for dead letters and lost events."""

    calls: list[ExpectedCall] | None = Field(None, description="Requests to apps; an empty list: none at all.")
    outputs: list[ExpectedOutput] | None = Field(None, description="Operations of outputs; an empty list: none at all.")
    dead_letters: list[ExpectedLetter] | None = Field(
        None, description="Dead letters. One that is not named here always fails the test."
    )
    outcomes: list[Outcome] | dict[Outcome, int] | None = Field(
        None,
        description="What became of the events: a list, in the order of `events`, or how many of each.",
        examples=[["done", "filtered"], {"done": 31}],
    )
    in_order: bool = Field(False, description="The calls, outputs and dead letters came in the order of the lists.")
    whole: bool = Field(
        False,
        description="Nothing else happened: calls, outputs and dead letters that are not named fail the test, and so "
        "do fields of data and metadata that are not named.",
    )
    snapshot: bool | str = Field(
        False,
        description="All that happened is as it was written down by `jackfield test --update`: true, or the name of "
        "the file, relative to this one.",
        examples=[True, "orders.snapshot.json"],
    )


class Case(Model):
    """One test."""

    name: str = Field(min_length=1, description="What it shows.", examples=["an unknown article is refused"])
    time: Times = Times()
    env: dict[str, str] = Field(
        default_factory=dict, description="Environment variables of this test.", examples=[{"REGION": "eu"}]
    )
    secrets: dict[str, str] = Field(
        default_factory=dict, description="Secrets of this test, by their name.", examples=[{"DEMO_TOKEN": "s3cret"}]
    )
    events: list[GivenEvent] = Field(
        default_factory=list, description="What the input gives out; a schedule makes its events itself."
    )
    apps: AppAnswers = Field(
        default_factory=dict,
        description="What the apps answer: by the app, then by the path (`*`: every other path).",
        examples=[{"demo": {"/orders": [503, 503, 200]}}],
    )
    outputs: OutputAnswers = Field(
        default_factory=dict,
        description="How outputs fail, by the component (`outputs[0]`: one written in place). Default: they do not.",
        examples=[{"priced-orders": ["unavailable", "ok"]}],
    )
    expect: Expectation = Field(description="What must have happened.")


class PipelineTestSpec(Model):
    pipeline: Name = Field(description="The pipeline that is tested.", examples=["orders"])
    env: dict[str, str] = Field(
        default_factory=dict, description="Environment variables, for every test.", examples=[{"REGION": "eu"}]
    )
    secrets: dict[str, str] = Field(
        default_factory=dict,
        description="Secrets by their name (`NAME/KEY`: one of several keys), for every test.",
        examples=[{"DEMO_TOKEN": "s3cret"}],
    )
    apps: AppAnswers = Field(
        default_factory=dict,
        description="What the apps answer, in every test that says nothing else.",
        examples=[{"demo": {"/orders": [200]}}],
    )
    tests: list[Case] = Field(min_length=1, description="The tests. Each begins with nothing.")


class PipelineTest(Model):
    """Tests of one pipeline; `jackfield test` runs them with no network and no waiting."""

    api_version: Literal["jackfield/v1"]
    kind: Literal["PipelineTest"]
    metadata: ObjectMeta
    spec: PipelineTestSpec
