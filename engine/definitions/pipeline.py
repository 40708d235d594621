"""`kind: Pipeline`: one input, ordered steps, outputs, and how to deliver."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from bindings.metadata import Duration, PositiveDuration
from engine.definitions.model import Model, Name, ObjectMeta


class InlineBinding(Model):
    """A component written in place; for secrets, write a Component document and name it."""

    type: str = Field(description="The component type.", examples=["bindings.cron"])
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="Its metadata, as a mapping.", examples=[{"schedule": "@every 5s"}]
    )


class Outside(Model):
    """What is at one end of a pipeline: a binding, or a topic of a pub/sub (engine/definitions/ends.py)."""

    binding: Name | InlineBinding | None = Field(
        None, description="A Component by its name, or one written in place.", examples=["uploads"]
    )
    pubsub: Name | None = Field(
        None, description="In place of `binding`: a pub/sub Component by its name, with `topic`.", examples=["pubsub"]
    )

    @property
    def component(self) -> str | InlineBinding:
        """Which of the two it is."""
        return self.pubsub or "" if self.binding is None else self.binding

    @property
    def field(self) -> str:
        """Where that is written."""
        return "pubsub" if self.binding is None else "binding"


class Input(Outside):
    """Where the events come from."""

    topic: str | None = Field(
        None,
        description="The topic. Pipelines get all of its messages each, but those whose component has one `consumerID` "
        "share them.",
        examples=["orders"],
        min_length=1,
    )
    metadata: dict[str, str] = Field(
        default_factory=dict,
        description='Of the subscription to a topic. With `rawPayload: "true"` its messages are data, not CloudEvents.',
        examples=[{"rawPayload": "true"}],
    )


class Envelope(Model):
    """How the CloudEvents envelope is made. Every value is a template; what is absent comes from the binding."""

    id: str | None = Field(
        None,
        description="Must be the same when the same message comes again; default: the binding's.",
        examples=["{{ data.orderId }}"],
    )
    type: str | None = Field(None, description="CloudEvents `type`.", examples=["com.example.order.created"])
    source: str | None = Field(
        None, description="CloudEvents `source`, a URI reference; default: `/COMPONENT`.", examples=["/shop/orders"]
    )
    subject: str | None = Field(None, description="CloudEvents `subject`.", examples=["{{ metadata.key }}"])
    datacontenttype: str | None = Field(None, description="The media type of the data.", examples=["application/json"])
    dataschema: str | None = Field(
        None, description="A URI of the schema of the data.", examples=["https://example.com/schemas/order.json"]
    )
    extensions: dict[str, Any] = Field(
        default_factory=dict,
        description="CloudEvents extension attributes: lower-case letters and digits.",
        examples=[{"tenant": "{{ data.tenant }}"}],
    )


class Retry(Model):
    """How often and when an event is tried again after an error that may pass."""

    max_attempts: int = Field(5, ge=1, le=1000, description="All attempts, the first included.")
    initial: Duration = Field(0.2, description="The wait before the second attempt.", examples=["200ms"])
    max: Duration = Field(30.0, description="The longest wait.", examples=["30s"])
    multiplier: float = Field(2.0, ge=1, description="Each wait is so many times the one before.")
    jitter: bool = Field(True, description="Draw each wait at random between half of it and all of it.")


class Batch(Model):
    """How many events one call takes."""

    max_events: int = Field(100, ge=1, le=10_000, description="The most events in one call.")
    max_wait: Duration = Field(0.02, description="How long a batch that is not full waits for more.", examples=["20ms"])


class InlineApp(Model):
    """An app written in place; for a token or limits, write an App document and name it."""

    url: str = Field(description="The app's address.", examples=["http://localhost:8000"], pattern=r"^https?://[^\s/]")


class Call(Model):
    """One request to an app. Its answer becomes the event."""

    app: Name | InlineApp = Field(description="An App by its name, or one written in place.", examples=["thumbnailer"])
    path: str = Field(
        "/", description="The path, a template; in batches it must be the same for all events.", examples=["/orders"]
    )
    method: Literal["POST", "PUT", "PATCH"] = Field("POST", description="The HTTP method.")
    headers: dict[str, str] = Field(
        default_factory=dict,
        description="More headers; values are templates.",
        examples=[{"X-Tenant": "{{ data.tenant }}"}],
    )
    mode: Literal["binary", "structured", "batch"] | None = Field(
        None,
        description="CloudEvents content mode: `binary` (attributes in headers, the data is the body; the default), "
        "`structured` (one JSON object), `batch` (a JSON array; the default where `batch` is given).",
    )
    batch: Batch | None = Field(None, description="Send many events in one request.")
    timeout: PositiveDuration = Field(30.0, description="The most time for one request.", examples=["10s"])
    retry: Retry | None = Field(
        None, description="For this call; default: the pipeline's `delivery.retry`.", examples=[{"maxAttempts": 10}]
    )


class Step(Model):
    """One thing done to an event on its way: exactly one of the fields."""

    filter: str | None = Field(
        None,
        description="An expression; an event goes on when it is true.",
        examples=["event.subject.endswith('.jpg')"],
    )
    validate_: str | dict[str, Any] | None = Field(
        None,
        alias="validate",
        description="A JSON Schema (2020-12): a file, relative to this one, or written in place. "
        "An event whose data does not match is dead-lettered.",
        examples=["schemas/order.json", {"type": "object", "required": ["id"]}],
    )
    transform: Any = Field(
        None, description="The new data: any YAML, with templates in it.", examples=[{"id": "{{ data.id }}"}]
    )
    split: str | None = Field(
        None,
        description="An expression that gives a list; each item becomes an event of its own.",
        examples=["data.items"],
    )
    call: Call | None = None


class Target(Outside):
    """What an output is sent to."""

    topic: str | None = Field(
        None,
        description="The topic, a template. The event is published as a CloudEvent, or with the metadata "
        '`rawPayload: "true"` its data alone.',
        examples=["orders", "{{ event.type }}"],
        min_length=1,
    )
    operation: str | None = Field(
        None,
        description="What to do, of the operations that the component type has; mostly `create`.",
        examples=["create"],
    )


class Output(Target):
    """One operation of an output binding, or one message for a topic, for each event."""

    when: str | None = Field(
        None, description="An expression; only for events where it is true.", examples=["data.width > 0"]
    )
    data: Any = Field(
        None, description="The data, with templates; default: the event's.", examples=["{{ data.image }}"]
    )
    metadata: dict[str, Any] = Field(
        default_factory=dict,
        description="Metadata of this one operation; values are templates.",
        examples=[{"fileName": "{{ event.subject }}"}],
    )
    retry: Retry | None = Field(
        None, description="For this output; default: the pipeline's `delivery.retry`.", examples=[{"maxAttempts": 10}]
    )


class CircuitBreaker(Model):
    """When an app or an output does not answer, the input is paused and one event at a time probes."""

    failures: int = Field(5, ge=1, description="So many failures one after the other, of different events, open it.")
    probe_every: PositiveDuration = Field(
        5.0, description="How often a probe is sent while it is open.", examples=["5s"]
    )


class Deduplicate(Model):
    """An event that was done before, within the window, is not done again."""

    window: PositiveDuration = Field(24 * 3600.0, description="How long an event is remembered.", examples=["24h"])
    key: str | None = Field(
        None,
        description="An expression that is the same for events that are the same; default: their source and id.",
        examples=["data.orderId"],
    )
    most: int = Field(
        1_000_000,
        ge=1,
        description="How many events are remembered; beyond that the oldest are forgotten.",
        examples=[1_000_000],
    )


class DeadLetterOutput(Target):
    """An output binding or a topic for dead letters. What it cannot take is kept in the store."""

    metadata: dict[str, Any] = Field(
        default_factory=dict,
        description="Metadata of the operation; values are templates, and see `event.errorstage` and the like.",
        examples=[{"fileName": "{{ event.errorstage }}/{{ event.id }}.json"}],
    )


class Delivery(Model):
    """How events are delivered."""

    concurrency: int = Field(16, ge=1, le=10_000, description="How many calls (or batches) are under way at once.")
    retry: Retry = Retry()
    circuit_breaker: CircuitBreaker = CircuitBreaker()
    order_by: str | None = Field(
        None,
        description="An expression: events for which it is the same are done one after the other, in their order; "
        "others side by side. An event that is tried again holds up only those of its key.",
        examples=["event.subject"],
    )
    deduplicate: Deduplicate | None = Field(None, description="Do events only once; absent means at least once.")
    on_dead_letter: Literal["continue", "park"] = Field(
        "continue",
        description="What becomes of later events of the same `orderBy` key when one is dead-lettered: they go on, or "
        "their key is parked: they become dead letters too, until `jackfield parked release` sends all of them on.",
        examples=["park"],
    )
    dead_letter: Literal["store"] | DeadLetterOutput = Field(
        "store",
        description="Where events go that cannot be delivered: the engine's store, an output binding, or a topic.",
        examples=["store", {"binding": "failures"}],
    )


class PipelineSpec(Model):
    input: Input
    event: Envelope = Envelope()
    env: list[str] = Field(
        default_factory=list, description="The environment variables that expressions may read.", examples=[["REGION"]]
    )
    steps: list[Step] = Field(default_factory=list, description="Done in this order.")
    outputs: list[Output] = Field(default_factory=list, description="Done after the steps, in this order.")
    delivery: Delivery = Delivery()


class Pipeline(Model):
    """A pipeline: events from one input, through steps, to outputs."""

    api_version: Literal["jackfield/v1"]
    kind: Literal["Pipeline"]
    metadata: ObjectMeta
    spec: PipelineSpec
