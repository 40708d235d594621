from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator
from yarl import URL

from bindings.metadata import Duration, Flag, Metadata, PositiveDuration, PubSubMetadata, Secret, Text, Whole
from bindings.rabbitmq.server import ServerMetadata, check_address, check_pair


class TopicMetadata(ServerMetadata, PubSubMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-pubsub/setup-rabbitmq/; defaults as in its code."""

    connection_string: Secret | None = Field(
        None,
        description="The address of the server, with the user and the virtual host.",
        examples=["amqp://user:password@localhost:5672/"],
    )
    host: Secret | None = Field(
        None, description="The older name of `connectionString`.", examples=["amqp://user:password@localhost:5672/"]
    )
    protocol: Literal["amqp", "amqps"] | None = Field(
        None, description="With `hostname`: whether by TLS. Default: amqp.", examples=["amqps"]
    )
    hostname: Text = Field(
        "localhost", description="Without an address: the server, and its port.", examples=["rabbit:5672"], min_length=1
    )
    username: Text | None = Field(None, description="With `hostname`: the user.", examples=["shop"])
    password: Secret | None = Field(None, description="With `hostname`: the user's password.", examples=["s3cret"])
    durable: Flag = Field(
        True, description="Whether exchanges and queues survive a restart of the server.", examples=["true"]
    )
    deleted_when_unused: Flag = Field(
        True,
        description="Whether a queue is deleted when its last reader is gone, with what waits in it. `false` keeps "
        "what comes while nobody reads.",
        examples=["false"],
    )
    exchange_kind: Literal["fanout", "topic", "direct", "headers"] = Field(
        "fanout", description="The kind of a topic's exchange.", examples=["topic"]
    )
    delivery_mode: Whole = Field(
        2,
        ge=0,
        le=2,
        description="2: messages survive a restart of the server; 0 and 1: they do not. Dapr's default is 0.",
        examples=["2"],
    )
    enable_dead_letter: Flag = Field(
        False,
        description="Whether an event that became a dead letter goes to the queue `dlq-QUEUE` of the server too.",
        examples=["true"],
    )
    prefetch_count: Whole = Field(
        0,
        ge=0,
        le=65535,
        description="How many messages the server sends ahead of the acknowledgements; 0 is for 1,000.",
        examples=["250"],
    )
    max_len: Whole | None = Field(
        None, ge=1, description="The most messages of a queue; then it drops the oldest.", examples=["100000"]
    )
    max_len_bytes: Whole | None = Field(
        None, ge=1, description="The most bytes of a queue; then it drops the oldest.", examples=["1048576"]
    )
    ttl_in_seconds: Duration | None = Field(
        None, description="How long messages stay that say nothing themselves.", examples=["60"]
    )
    client_name: Text | None = Field(
        None, description="The name of the connection at the server. Default: the component's.", examples=["shop"]
    )
    heart_beat: PositiveDuration = Field(
        10.0, description="How often each side shows that it is there.", examples=["10s"]
    )
    publisher_confirm: Flag = Field(
        True, description="Understood, and always true: every message is confirmed.", examples=["true"]
    )
    auto_ack: Flag = Field(
        False,
        description="Understood, and always false: messages are acknowledged after their effects.",
        examples=["false"],
    )
    requeue_in_failure: Flag = Field(
        False,
        description="Understood, and without effect: what fails is retried by the engine, and then a dead letter.",
        examples=["true"],
    )
    concurrency: Literal["parallel", "single"] = Field(
        "parallel",
        description="Understood, and without effect: `delivery.concurrency` of a pipeline says it.",
        examples=["parallel"],
    )
    reconnect_wait_seconds: PositiveDuration = Field(
        3.0,
        description="Understood, and without effect: the engine connects again after 0.5 s, and waits longer from one "
        "try to the next, up to 30 s.",
        examples=["5"],
    )

    @property
    def address(self) -> URL:
        given = self.connection_string or self.host
        if given is not None:
            return URL(given.get_secret_value())
        url = URL(f"{self.protocol or 'amqp'}://{self.hostname}/")
        password = self.password.get_secret_value() if self.password is not None else None
        return url.with_user(self.username).with_password(password) if self.username is not None else url

    @field_validator("connection_string", "host")
    @classmethod
    def _address_is_amqp(cls, address: SecretStr | None) -> SecretStr | None:
        return check_address(address) if address is not None else None

    @model_validator(mode="after")
    def _parts_fit(self) -> TopicMetadata:
        check_pair(self)
        given = self.connection_string or self.host
        if given is not None and self.protocol not in (None, self.address.scheme):
            raise ValueError(f"protocol {self.protocol!r} is not that of the address, {self.address.scheme!r}")
        if given is None:
            check_address(SecretStr(f"{self.protocol or 'amqp'}://{self.hostname}/"))
        return self


class TopicOptions(Metadata):
    """The metadata of one subscription; what else stands there is for others."""

    model_config = ConfigDict(extra="ignore")

    queue_name: Text | None = Field(None, description="The queue; default: `CONSUMER-TOPIC`.")
    queue_type: Literal["classic", "quorum"] = Field("classic", description="What kind of queue is declared.")
    routing_key: Text = Field("", description="With which keys it is bound, like `a,b`; for `exchangeKind: topic`.")
    max_priority: Whole | None = Field(None, ge=1, le=255, description="Makes it a priority queue.")
    single_active_consumer: Flag = Field(False, description="Whether one reader gets all of the messages.")
    max_len: Whole | None = Field(None, ge=1, description="As of the component.")
    max_len_bytes: Whole | None = Field(None, ge=1, description="As of the component.")
