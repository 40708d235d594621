from __future__ import annotations

from pydantic import Field, model_validator

from bindings.metadata import BindingMetadata, Flag, Secret, Text, Whole


class SmtpMetadata(BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/smtp/

    What says how a mail looks may also come with the operation, which then counts.
    """

    host: Text = Field(description="The mail server.", examples=["smtp.example.com"], min_length=1)
    port: Whole = Field(
        587,
        ge=1,
        le=65535,
        description="Its port. 465 is TLS from the start; on any other, TLS begins when the server offers it.",
        examples=["587", "465", "25"],
    )
    user: Text | None = Field(
        None,
        description="The user, with `password`. Then the server must offer TLS, unless it is on this machine.",
        examples=["alerts"],
    )
    password: Secret | None = Field(None, description="The password, with `user`.", examples=["s3cret"])
    skip_tls_verify: Flag = Field(
        False,
        alias="skipTLSVerify",
        description="Whether any certificate is taken. Whoever is between can then read the mail and the password.",
        examples=["true"],
    )
    email_from: Text | None = Field(
        None, description="The sender.", examples=["alerts@example.com", "Alerts <alerts@example.com>"]
    )
    email_to: Text | None = Field(
        None, description="The recipients, with semicolons between.", examples=["a@example.com;b@example.com"]
    )
    email_cc: Text | None = Field(
        None, alias="emailCC", description="Who gets a copy, with semicolons between.", examples=["c@example.com"]
    )
    email_bcc: Text | None = Field(
        None,
        alias="emailBCC",
        description="Who gets a copy, unseen by the others, with semicolons between.",
        examples=["d@example.com"],
    )
    subject: Text | None = Field(None, description="The subject.", examples=["Hello"])
    priority: Whole = Field(3, ge=1, le=5, description="From 1, the highest, to 5.", examples=["1"])

    @model_validator(mode="after")
    def _login_is_whole(self) -> SmtpMetadata:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together: set both or none")
        return self
