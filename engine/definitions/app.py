"""`kind: App`: an app's address, token and limits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bindings.metadata import Size
from engine.definitions.model import Auth, Model, ObjectMeta, SecretKeyRef


class Token(Model):
    secret_key_ref: SecretKeyRef = Field(description="Where the token is kept.")


class AppSpec(Model):
    url: str = Field(
        description="The app's address; calls add their path to it.",
        examples=["http://localhost:8000"],
        pattern=r"^https?://[^\s/]",
    )
    token: Token | None = Field(None, description="Sent as the header `dapr-api-token`, as Dapr does (APP_API_TOKEN).")
    auth: Auth | None = Field(None, description="The secret store of the token.")
    max_concurrency: int | None = Field(
        None, ge=1, description="The most requests at once, over all pipelines; absent means no limit.", examples=[32]
    )
    max_response_size: Size = Field(4 * 2**20, description="The largest answer that is read.", examples=["4Mi"])


class App(Model):
    """A program with an endpoint that is called with events."""

    api_version: Literal["jackfield/v1"]
    kind: Literal["App"]
    metadata: ObjectMeta
    spec: AppSpec
