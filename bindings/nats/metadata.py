from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, WithJsonSchema, field_validator, model_validator

from bindings.metadata import Flag, PositiveDuration, PubSubMetadata, Secret, Text, Whole, parse_duration

_PULLED = "Read, and without effect: it is for consumers that the server pushes to, and this one pulls."


def _durations(value: Any) -> list[float]:
    """From a list, or a text like `1s,5s` or `[1s, 5s]`."""
    parts = value.strip().removeprefix("[").removesuffix("]").split(",") if isinstance(value, str) else value
    return [parse_duration(part) for part in parts]


Durations = Annotated[
    list[float],
    BeforeValidator(_durations),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "number"]}}]}),
]


class JetStreamMetadata(PubSubMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-pubsub/setup-jetstream/"""

    nats_url: Secret = Field(
        alias="natsURL",
        description="The address of the server, or several with commas between; it may hold a user and a password. "
        "`tls://` wants TLS, and with `nats://` it is used when the server does.",
        examples=["nats://localhost:4222", "tls://user:password@nats.example.com:4222"],
    )
    jwt: Secret | None = Field(
        None, description="The JWT of the user, with `seedKey`.", examples=["eyJ0eXAiOiJKV1Qi..."]
    )
    seed_key: Secret | None = Field(
        None,
        description="The seed of the user's key, with which the server's challenge is signed.",
        examples=["SUA..."],
    )
    tls_client_cert: Text | None = Field(
        None,
        alias="tls_client_cert",
        description="The client certificate: PEM, or the path of a PEM file. The certificates of the system are "
        "trusted; the environment variable SSL_CERT_FILE names others.",
        examples=["/etc/nats/client.pem", "-----BEGIN CERTIFICATE-----\n..."],
    )
    tls_client_key: Secret | None = Field(
        None,
        alias="tls_client_key",
        description="The key of the client certificate: PEM, or the path of a PEM file.",
        examples=["/etc/nats/client-key.pem"],
    )
    token: Secret | None = Field(None, description="The token, where the server wants one.", examples=["s3cret"])
    name: Text = Field(
        "dapr.io - pubsub.jetstream",
        description="The name of the connection, which the server shows.",
        examples=["my-conn-name"],
    )
    stream_name: Text | None = Field(
        None,
        description="The stream. Default: the one that takes the subject. Streams are never created.",
        examples=["ORDERS"],
        min_length=1,
    )
    durable_name: Text | None = Field(
        None,
        description="The name of the consumer in the stream, for a component that reads one topic. Default: a name "
        "made of `consumerID` and the topic.",
        examples=["my-durable"],
        pattern=r"^[^\s.*>/\\]+$",
    )
    queue_group_name: Text | None = Field(
        None,
        description="Those with one group share the messages of a topic, whatever their `consumerID` is.",
        examples=["my-queue"],
        min_length=1,
    )
    start_sequence: Whole | None = Field(
        None, ge=1, description="With `deliverPolicy: sequence`: the number of the first message.", examples=["1"]
    )
    start_time: Whole | None = Field(
        None,
        ge=0,
        description="With `deliverPolicy: time`: the time of the first message, in seconds since the epoch.",
        examples=["1630349391"],
    )
    flow_control: Flag = Field(False, description=_PULLED, examples=["true"])
    ack_wait: PositiveDuration | None = Field(
        None,
        description="After how long the server gives a message out again when it hears nothing. While an event is on "
        "its way, it hears that. Default: the server's, 30s.",
        examples=["10s"],
    )
    max_deliver: Whole | None = Field(
        None,
        ge=-1,
        description="How often the server gives a message out; after that it is never read again. Restarts count "
        "too, and the pipeline has retries and dead letters of its own, so leave it out. Default: without limit.",
        examples=["15"],
    )
    back_off: Durations = Field(
        [],
        description="Instead of `ackWait`: for the first, the second and each further time. `maxDeliver` must be more "
        "than there are.",
        examples=["50ms, 1s, 10s"],
    )
    max_ack_pending: Whole | None = Field(
        None,
        ge=-1,
        description="How many messages may be out at once, over all readers of the consumer. Default: the server's, "
        "1,000.",
        examples=["5000"],
    )
    replicas: Whole | None = Field(
        None, ge=0, description="How many servers keep the consumer. Default: as many as the stream.", examples=["1"]
    )
    memory_storage: Flag = Field(
        False, description="Whether the consumer is kept in memory, and forgotten by a restart.", examples=["false"]
    )
    rate_limit: Whole | None = Field(None, ge=0, description=_PULLED, examples=["1024"])
    heartbeat: PositiveDuration | None = Field(None, description=_PULLED, examples=["15s"])
    ack_policy: Literal["explicit", "all", "none"] = Field(
        "explicit",
        description="Read, and without effect: each message is acknowledged by itself, after the outputs.",
        examples=["explicit"],
    )
    deliver_policy: Literal["all", "last", "new", "sequence", "time"] = Field(
        "all",
        description="With which message of the stream a new consumer begins; one that is there goes on where it was.",
        examples=["all"],
    )
    domain: Text | None = Field(None, description="The JetStream domain.", examples=["hub"], min_length=1)
    api_prefix: Text | None = Field(
        None, alias="apiPrefix", description="The prefix of the JetStream API.", examples=["JS.acc.API"], min_length=1
    )
    concurrency: Literal["single", "parallel"] = Field(
        "single",
        description="Read, and without effect: `delivery.concurrency` of the pipeline says it.",
        examples=["parallel"],
    )

    @property
    def servers(self) -> list[str]:
        return [part.strip() for part in self.nats_url.get_secret_value().split(",")]

    @property
    def shown(self) -> str:
        """The addresses without the passwords."""
        urls = [urlsplit(server) for server in self.servers]
        return ",".join(f"{url.scheme}://{url.netloc.rpartition('@')[2]}" for url in urls)

    @property
    def wants_tls(self) -> bool:
        return self.tls_client_cert is not None or any(server.startswith("tls://") for server in self.servers)

    @property
    def api(self) -> str:
        """The prefix of the subjects of the JetStream API."""
        return self.api_prefix or (f"$JS.{self.domain}.API" if self.domain else "$JS.API")

    @field_validator("nats_url")
    @classmethod
    def _url_is_nats(cls, url: SecretStr) -> SecretStr:
        for part in url.get_secret_value().split(","):
            try:
                found = urlsplit(part.strip())
                usable = found.scheme in ("nats", "tls") and bool(found.hostname) and found.port != 0
            except ValueError:
                usable = False
            if not usable:
                raise ValueError("write it like nats://localhost:4222")
        return url

    @model_validator(mode="after")
    def _parts_belong_together(self) -> JetStreamMetadata:
        if (self.jwt is None) != (self.seed_key is None):
            raise ValueError("jwt and seedKey belong together: set both or none")
        if (self.tls_client_cert is None) != (self.tls_client_key is None):
            raise ValueError("tls_client_cert and tls_client_key belong together: set both or none")
        if self.deliver_policy == "sequence" and self.start_sequence is None:
            raise ValueError("deliverPolicy sequence needs startSequence")
        if self.deliver_policy == "time" and self.start_time is None:
            raise ValueError("deliverPolicy time needs startTime")
        return self
