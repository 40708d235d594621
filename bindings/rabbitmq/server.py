"""Where a RabbitMQ server is and how one logs in: what all component types of it have in their metadata."""

from __future__ import annotations

from abc import abstractmethod

from pydantic import Field, SecretStr
from yarl import URL

from bindings.metadata import Flag, Metadata, Secret, Text


class ServerMetadata(Metadata):
    ca_cert: Text | None = Field(
        None,
        description="The certificates to trust, in PEM, instead of the system's.",
        examples=["-----BEGIN CERTIFICATE-----\n..."],
    )
    client_cert: Text | None = Field(
        None, description="The client certificate, in PEM.", examples=["-----BEGIN CERTIFICATE-----\n..."]
    )
    client_key: Secret | None = Field(
        None,
        description="The key of the client certificate, in PEM.",
        examples=["-----BEGIN PRIVATE KEY-----\n..."],
    )
    sasl_external: Flag = Field(
        False,
        description="Whether the user is taken from the client certificate (SASL EXTERNAL).",
        examples=["true"],
    )

    @property
    @abstractmethod
    def address(self) -> URL:
        """With the user and the password."""

    @property
    def url(self) -> URL:
        return self.address.update_query(auth="EXTERNAL") if self.takes_user_of_certificate else self.address

    @property
    def takes_user_of_certificate(self) -> bool:
        return self.sasl_external

    @property
    def shown(self) -> str:
        """The address without the user and the password."""
        return str(self.address.with_query(None).with_user(None))


def check_address(address: SecretStr) -> SecretStr:
    """Raises `ValueError`."""
    try:
        url = URL(address.get_secret_value())
        usable = url.scheme in ("amqp", "amqps") and bool(url.host)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("write it like amqp://user:password@localhost:5672/")
    return address


def check_pair(metadata: ServerMetadata) -> None:
    """Raises `ValueError`."""
    if (metadata.client_cert is None) != (metadata.client_key is None):
        raise ValueError("clientCert and clientKey belong together: set both or none")
