from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from bindings.metadata import BindingMetadata, Flag, PositiveDuration, Secret, Size, Text

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2


class HttpMetadata(BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/http/, and the fields of the webhook."""

    url: Text | None = Field(
        None,
        description="Output: the URL that requests go to; the operation's `path` is appended.",
        examples=["https://api.example.com/orders"],
    )
    response_timeout: PositiveDuration = Field(
        30.0,
        description="Output: how long the whole answer may take; after that the event is retried.",
        examples=["10s", "2m"],
    )
    max_response_body_size: Size = Field(
        100 * 2**20,
        description="Output: an answer with a larger body is an error; 0 is for no limit.",
        examples=["100Mi", "64Ki"],
    )
    error_if_not_2xx: Flag = Field(
        True,
        alias="errorIfNot2XX",
        description="Output: whether an answer other than 2xx is an error. If not, the event goes on with it.",
        examples=["true", "false"],
    )
    security_token: Secret | None = Field(
        None,
        description="Output: the value of the header that `securityTokenHeader` names.",
        examples=["Bearer 2f8a..."],
    )
    security_token_header: Text | None = Field(
        None,
        description="Output: the header that carries `securityToken`.",
        examples=["Authorization", "X-Security-Token"],
    )
    mtls_root_ca: Text | None = Field(
        None,
        alias="MTLSRootCA",
        description="Output: the certificates to trust, in PEM or as the path of a file, instead of the system's.",
        examples=["/etc/jackfield/ca.pem"],
    )
    mtls_client_cert: Text | None = Field(
        None,
        alias="MTLSClientCert",
        description="Output: the client certificate, in PEM or as the path of a file.",
        examples=["/etc/jackfield/client.pem"],
    )
    mtls_client_key: Secret | None = Field(
        None,
        alias="MTLSClientKey",
        description="Output: the key of the client certificate, in PEM or as the path of a file.",
        examples=["/etc/jackfield/client.key"],
    )
    mtls_renegotiation: Literal["RenegotiateNever", "RenegotiateOnceAsClient", "RenegotiateFreelyAsClient"] = Field(
        "RenegotiateNever",
        alias="MTLSRenegotiation",
        description="Output: whether a server may renegotiate TLS 1.2; once is taken as freely.",
        examples=["RenegotiateOnceAsClient"],
    )
    reply: Flag = Field(
        False,
        description="Input: answer with the result of the pipeline, instead of 202 once the event is stored. "
        "The caller sends again what failed; nothing is stored here.",
        examples=["true"],
    )
    durable: Flag = Field(
        True,
        description="Input: store events before they are answered, so that they survive the engine. If not, "
        "the answer waits until they went through the pipeline.",
        examples=["false"],
    )
    reply_timeout: PositiveDuration = Field(
        30.0,
        description="Input: how long a caller waits before the answer is 504, and how long a body may take to arrive.",
        examples=["30s", "2m"],
    )
    max_body_size: Size = Field(
        4 * 2**20,
        description="Input: a request with a larger body is answered 413.",
        examples=["4Mi", "64Ki"],
    )
    token: Secret | None = Field(
        None,
        description="Input: the token that callers send as `Authorization: Bearer TOKEN`; others are answered 401.",
        examples=["2f8a..."],
        min_length=1,
    )
    methods: Text = Field(
        "POST",
        description="Input: the methods that are taken, separated by commas; others are answered 405.",
        examples=["POST", "POST, PUT"],
    )

    @property
    def allowed_methods(self) -> tuple[str, ...]:
        return tuple(method.strip().upper() for method in self.methods.split(","))

    @field_validator("url")
    @classmethod
    def _url_is_http(cls, url: str | None) -> str | None:
        if url is not None:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("write it like https://api.example.com/orders")
            parts.hostname.encode("idna")  # these two raise ValueError
            parts.port  # noqa: B018
        return url

    @field_validator("methods")
    @classmethod
    def _methods_are_tokens(cls, methods: str) -> str:
        if not all(HEADER_NAME.fullmatch(method.strip()) for method in methods.split(",")):
            raise ValueError("write it like POST, PUT")
        return methods

    @field_validator("security_token_header")
    @classmethod
    def _header_is_token(cls, header: str | None) -> str | None:
        if header is not None and not HEADER_NAME.fullmatch(header):
            raise ValueError("is not the name of a header")
        return header

    @model_validator(mode="after")
    def _pairs_are_whole(self) -> HttpMetadata:
        if (self.security_token is None) != (self.security_token_header is None):
            raise ValueError("securityToken and securityTokenHeader belong together: set both or none")
        if (self.mtls_client_cert is None) != (self.mtls_client_key is None):
            raise ValueError("MTLSClientCert and MTLSClientKey belong together: set both or none")
        return self
