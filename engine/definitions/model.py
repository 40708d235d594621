"""What all kinds of definitions share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
        max_length=253,
        description="Letters, digits, `.`, `_` and `-`; unique among the documents of its kind in the folder.",
        examples=["orders"],
    ),
]


class Model(BaseModel):
    """camelCase in YAML, snake_case here; a field that is not known is an error."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class DaprModel(Model):
    """A part of a document as Dapr writes it. Dapr ignores what it does not know; we say that it is not known.

    A field that is left empty (`scopes:`) is as good as absent, as everywhere in Kubernetes.
    """

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, fields: Any) -> Any:
        return (
            {key: value for key, value in fields.items() if value is not None} if isinstance(fields, dict) else fields
        )


class ObjectMeta(Model):
    """The head of a document."""

    name: Name
    description: str = Field(
        "",
        description="What it is for, in a sentence: shown by `jackfield` wherever it is named.",
        examples=["A thumbnail for every picture that is uploaded."],
    )


class DaprMeta(DaprModel):
    """The head of a Dapr document, as Kubernetes has it."""

    name: Name
    namespace: str | None = Field(
        None, description="Dapr's namespace; read, and without effect outside Kubernetes.", examples=["production"]
    )
    labels: dict[str, str] = Field(
        default_factory=dict, description="Kubernetes labels; read, and without effect.", examples=[{"team": "shop"}]
    )
    annotations: dict[str, str] = Field(
        default_factory=dict,
        description="Kubernetes annotations; read, and without effect.",
        examples=[{"owner": "shop@example.com"}],
    )


class SecretKeyRef(DaprModel):
    """A key of a secret in a secret store."""

    name: str = Field(description="The secret's name in the secret store.", examples=["rabbitmq"])
    key: str = Field("", description="The key within the secret; default: its name.", examples=["password"])


class Auth(DaprModel):
    """Where the secrets of this document are."""

    secret_store: str = Field(description="The secret store component that `secretKeyRef` reads.", examples=["secrets"])


class NameValuePair(DaprModel):
    """One entry of a Dapr `metadata` list: a value in the clear, or where to find it."""

    name: str = Field(description="The field's name.", examples=["schedule"])
    value: Any = Field(None, description="Its value: a text, a number, a boolean, or any JSON.", examples=["@every 5s"])
    secret_key_ref: SecretKeyRef | None = Field(None, description="Read the value from the secret store instead.")
    env_ref: str | None = Field(None, description="Read the value from this environment variable.", examples=["TOKEN"])
