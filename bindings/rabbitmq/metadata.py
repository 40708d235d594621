from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from yarl import URL

from bindings.metadata import BindingMetadata, Duration, Flag, PositiveDuration, Secret, Text, Whole
from bindings.rabbitmq.server import ServerMetadata, check_address, check_pair


class RabbitMqMetadata(ServerMetadata, BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/rabbitmq/, and `queueType`."""

    host: Secret = Field(
        description="The address of the server, with the user and the virtual host.",
        examples=["amqp://user:password@localhost:5672/", "amqps://rabbit.example.com:5671/orders"],
    )
    queue_name: Text = Field(
        description="The queue; declared when it is opened. An existing one must have the same properties.",
        examples=["orders"],
        min_length=1,
        max_length=255,
    )
    queue_type: Literal["classic", "quorum"] | None = Field(
        None,
        description="What kind of queue is declared; a quorum queue is replicated, and counts the deliveries of a "
        "message. Default: the server's, mostly classic.",
        examples=["quorum"],
    )
    durable: Flag = Field(
        False,
        description="Whether the queue survives a restart of the server. Messages are always sent as persistent.",
        examples=["true"],
    )
    delete_when_unused: Flag = Field(
        False, description="Whether the queue is deleted when its last reader is gone.", examples=["true"]
    )
    exclusive: Flag = Field(
        False,
        description="Whether the queue is for this connection only, and is deleted with it.",
        examples=["true"],
    )
    ttl_in_seconds: Duration | None = Field(
        None,
        description="How long messages stay in the queue; a number is in seconds. Default: until they are read.",
        examples=["60"],
    )
    prefetch_count: Whole = Field(
        0,
        ge=0,
        le=65535,
        description="Input: how many messages the server sends ahead of the acknowledgements; 0 is for 1,000.",
        examples=["0", "250"],
    )
    max_priority: Whole | None = Field(
        None, ge=1, le=255, description="Makes the queue a priority queue, with so many priorities.", examples=["10"]
    )
    content_type: Text | None = Field(
        None,
        description="Output: the content type of the messages. Default: the event's own.",
        examples=["application/json"],
    )
    reconnect_wait_in_seconds: PositiveDuration = Field(
        5.0,
        description="Understood, and without effect: the engine connects again after 0.5 s, and waits longer from one "
        "try to the next, up to 30 s.",
        examples=["5"],
    )
    external_sasl: Flag = Field(
        False,
        description="Whether the user is taken from the client certificate (SASL EXTERNAL).",
        examples=["true"],
    )
    sasl_external: Flag = Field(
        False, description="Another name of `externalSasl`, which Dapr understands too.", examples=["true"]
    )

    @property
    def address(self) -> URL:
        return URL(self.host.get_secret_value())

    @property
    def takes_user_of_certificate(self) -> bool:
        return self.external_sasl or self.sasl_external

    @field_validator("host")
    @classmethod
    def _host_is_amqp(cls, host: SecretStr) -> SecretStr:
        return check_address(host)

    @model_validator(mode="after")
    def _pairs_are_whole(self) -> RabbitMqMetadata:
        check_pair(self)
        if self.queue_type == "quorum" and not self.durable:
            raise ValueError("a quorum queue is always durable: set durable to true")
        if self.queue_type == "quorum" and (self.exclusive or self.max_priority):
            raise ValueError("a quorum queue cannot be exclusive, nor have priorities of its own")
        return self
