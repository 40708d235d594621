"""The metadata of components: one pydantic model a type, and the value types that Dapr's files need.

Dapr writes every value of a component as it likes: `"true"`, `"10s"`, `"5"` are as good as `true`, `10`, `5`.
These types accept both, and their JSON Schemas say so. They serve the engine's own definitions too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema
from pydantic.alias_generators import to_camel

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d)"
_DURATION = re.compile(rf"(?:{_PART})+")
_SIZES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_SIZE = re.compile(r"(\d+)(k|K|M|G|Ki|Mi|Gi)?B?")


def parse_duration(value: Any) -> float:
    """Seconds from `10s`, `1m30s`, `200ms` (Go's time.ParseDuration, and `d` for 24 hours) or a number of seconds."""
    if isinstance(value, bool):
        raise ValueError("not a duration")
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{value!r} is not a duration; write it like 200ms, 10s, 1m30s, 2h or 7d")
    return sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+(?:\.\d+)?)([a-zµ]+)", text))


def parse_interval(value: Any) -> float:
    """As `parse_duration`; what is less than nothing means never, as Dapr has it."""
    text = str(value).strip()
    return -parse_duration(text[1:]) if text.startswith("-") else parse_duration(value)


def parse_size(value: Any) -> int:
    """Bytes from `4Mi`, `100KB`, `1G` (Kubernetes quantities) or a number of bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is not a size; write it like 512Ki, 4Mi or 1G")
    return int(match[1]) * _SIZES[match[2] or ""]


def parse_flag(value: Any) -> bool:
    """True for what Dapr takes as true: y, yes, true, t, on, 1 (dapr/kit, utils.IsTruthy); false for the opposites."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("y", "yes", "true", "t", "on", "1"):
        return True
    if text in ("n", "no", "false", "f", "off", "0", ""):
        return False
    raise ValueError(f"{value!r} is neither true nor false")


def is_raw(metadata: Mapping[str, str]) -> bool:
    """Whether a subscription's or a message's metadata say that its data go without an envelope (`rawPayload`)."""
    try:
        return parse_flag(metadata.get("rawPayload", ""))
    except ValueError:
        return False


def _positive(value: float) -> float:
    if value <= 0:
        raise ValueError("must be more than zero")
    return value


_DURATION_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": rf"^({_PART})+$|^\d+(\.\d+)?$"},
        {"type": "number", "minimum": 0},
    ],
    "x-format": "duration",
}
Duration = Annotated[float, BeforeValidator(parse_duration), WithJsonSchema(_DURATION_SCHEMA)]
PositiveDuration = Annotated[
    float, BeforeValidator(parse_duration), AfterValidator(_positive), WithJsonSchema(_DURATION_SCHEMA)
]
Interval = Annotated[
    float,
    BeforeValidator(parse_interval),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": rf"^-?({_PART})+$|^-?\d+(\.\d+)?$"}, {"type": "number"}],
            "x-format": "duration",
        }
    ),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\d+(k|K|M|G|Ki|Mi|Gi)?B?$"},
                {"type": "integer", "minimum": 0},
            ],
            "x-format": "size",
        }
    ),
]
Flag = Annotated[
    bool,
    BeforeValidator(parse_flag),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "boolean"},
                {"enum": ["true", "false", "yes", "no", "on", "off", "1", "0", "y", "n", "t", "f", ""]},
            ],
            "x-format": "flag",
        }
    ),
]
Whole = Annotated[
    int,
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^-?\d+$"}], "x-format": "whole"}),
]
Text = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value),
    WithJsonSchema({"type": ["string", "number"]}),
]
Secret = Annotated[SecretStr, WithJsonSchema({"type": "string", "writeOnly": True})]


class Metadata(BaseModel):
    """The base of every component's metadata: names in camelCase as Dapr writes them, unknown names are errors."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class BindingMetadata(Metadata):
    """What every binding has (Dapr's bindings spec): in which direction it is used, and the app's route."""

    direction: str | None = Field(
        None,
        description="`input`, `output` or `input, output`: which directions may be used; absent means all it can.",
        examples=["input, output"],
        pattern=r"^\s*(input|output)\s*(,\s*(input|output)\s*)?$",
    )
    route: str | None = Field(
        None, description="The app's path for Dapr's input binding calls; default: the name.", examples=["/orders"]
    )


class StateMetadata(Metadata):
    """What every state store has (Dapr, pkg/components/state/state_config.go)."""

    key_prefix: Text = Field(
        "appid",
        description="What stands before each key, with `||` between: `appid`, `name` (the component's), `namespace`, "
        "`none`, or any other text as it is.",
        examples=["appid", "name", "none"],
        min_length=1,
    )
    actor_state_store: Flag = Field(
        False, description="Whether actors keep their state in it; read, and not applied: there are no actors."
    )


class LockMetadata(Metadata):
    """What every lock has (Dapr, pkg/components/lock/lock_config.go)."""

    key_prefix: Text = Field(
        "appid",
        description="What stands before each resource, with `||` between: `appid`, `name` (the component's), `none`, "
        "or any other text in small letters.",
        examples=["appid", "name", "none"],
        min_length=1,
    )


class PubSubMetadata(Metadata):
    """What every pub/sub has (Dapr, pkg/runtime/processor/pubsub and pkg/runtime/pubsub/publishing.go)."""

    consumer_id: Text | None = Field(
        None,
        alias="consumerID",
        description="Those who subscribe with one consumer id share the messages. Default: the app's id, or the name "
        "of the pipeline.",
        examples=["orders-service"],
        min_length=1,
    )
    publishing_scopes: str | None = Field(
        None,
        description="Which topics an app may publish to: `app1=topic1,topic2;app2=`. An app that is not named may "
        "publish to all.",
        examples=["shop=orders,invoices;audit="],
    )
    subscription_scopes: str | None = Field(
        None, description="Which topics an app may subscribe to, like `publishingScopes`.", examples=["shop=orders"]
    )
    allowed_topics: str | None = Field(
        None, description="The only topics that there are for apps.", examples=["orders,invoices"]
    )
    protected_topics: str | None = Field(
        None, description="Topics that an app may use only when a scope names it.", examples=["payments"]
    )
