"""`kind: Resiliency` as Dapr writes it, with its defaults (https://docs.dapr.io/operations/resiliency/policies/)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from bindings.metadata import Duration, PositiveDuration
from engine.definitions.model import DaprMeta, DaprModel


def parse_statuses(text: str) -> frozenset[int]:
    """HTTP statuses of `429,500-599`; raises `ValueError`."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise ValueError(f"{part.strip()!r} is not a status or a range of them; write it like 429,500-599")
        low, high = int(first), int(last or first)
        if not 100 <= low <= high <= 599:
            raise ValueError(f"{part.strip()!r} is no range within 100-599")
        found.update(range(low, high + 1))
    return frozenset(found)


class Matching(DaprModel):
    """Which answers are worth another try."""

    http_status_codes: str | None = Field(
        None,
        alias="httpStatusCodes",
        description="HTTP statuses and ranges that are tried again, and no others. Default: 408, 425, 429, 5xx.",
        examples=["429,500-599"],
        pattern=r"^\s*[1-5]\d\d(-[1-5]\d\d)?(\s*,\s*[1-5]\d\d(-[1-5]\d\d)?)*\s*$",
    )
    grpc_status_codes: str | None = Field(
        None,
        alias="gRPCStatusCodes",
        description="gRPC codes and ranges; read, and without effect for calls over HTTP.",
        examples=["1,4,8-14"],
    )

    @field_validator("http_status_codes")
    @classmethod
    def _are_statuses(cls, text: str | None) -> str | None:
        if text is not None:
            parse_statuses(text)
        return text


class RetryPolicy(DaprModel):
    policy: Literal["constant", "exponential"] = Field(
        "constant", description="Whether the waits are equal, or each 1.5 times the one before, with jitter."
    )
    duration: Duration = Field(5.0, description="The wait of a constant policy.", examples=["5s"])
    max_interval: Duration = Field(60.0, description="The longest wait of an exponential policy.", examples=["15s"])
    max_retries: int = Field(-1, ge=-1, description="Tries after the first; -1 is without end.", examples=[3])
    matching: Matching | None = Field(None, description="Which answers are tried again.")


class CircuitBreakerPolicy(DaprModel):
    max_requests: int = Field(
        1, ge=0, description="Read, and without effect: one probe at a time is sent while it is open.", examples=[1]
    )
    interval: Duration = Field(0.0, description="How often the counts begin anew; 0 is never.", examples=["8s"])
    timeout: PositiveDuration = Field(60.0, description="How often a probe is sent while it is open.", examples=["45s"])
    trip: str = Field(
        "consecutiveFailures > 5",
        description="When it opens: a CEL expression over `requests`, `totalSuccesses`, `totalFailures`, "
        "`consecutiveSuccesses` and `consecutiveFailures`.",
        examples=["consecutiveFailures >= 5"],
    )


_Timeouts = Annotated[
    dict[str, PositiveDuration],
    Field(description="The most time for one request, by name.", examples=[{"short": "5s"}]),
]


class _ByName(DaprModel):
    """Mappings by name, in which an empty entry is as good as an absent one."""

    @model_validator(mode="before")
    @classmethod
    def _without_empty_entries(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        return {
            field: {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else value
            for field, value in fields.items()
        }


class Policies(_ByName):
    """Policies by their names; those named like `DefaultAppRetryPolicy` hold where a target names no other."""

    timeouts: _Timeouts = Field(default_factory=dict)
    retries: dict[str, RetryPolicy] = Field(
        default_factory=dict, description="Retry policies, by name.", examples=[{"patient": {"maxRetries": 10}}]
    )
    circuit_breakers: dict[str, CircuitBreakerPolicy] = Field(
        default_factory=dict, description="Circuit breakers, by name.", examples=[{"careful": {"timeout": "30s"}}]
    )


class PolicyNames(DaprModel):
    timeout: str | None = Field(None, description="A policy of `policies.timeouts`.", examples=["short"])
    retry: str | None = Field(None, description="A policy of `policies.retries`.", examples=["patient"])
    circuit_breaker: str | None = Field(
        None, description="A policy of `policies.circuitBreakers`.", examples=["careful"]
    )
    circuit_breaker_cache_size: int | None = Field(None, description="Read, and without effect.", examples=[100])


class ComponentPolicies(DaprModel):
    inbound: PolicyNames = Field(PolicyNames(), description="For the calls of pipelines that it is the input of.")
    outbound: PolicyNames = Field(PolicyNames(), description="For its operations as an output.")


class Targets(_ByName):
    """What the policies are for."""

    apps: dict[str, PolicyNames] = Field(
        default_factory=dict, description="Calls of the App of this name.", examples=[{"shop": {"retry": "patient"}}]
    )
    components: dict[str, ComponentPolicies] = Field(
        default_factory=dict,
        description="By the Component's name.",
        examples=[{"orders": {"outbound": {"timeout": "short"}}}],
    )
    actors: dict[str, Any] = Field(
        default_factory=dict,
        description="Read, and without effect: there are no actors.",
        examples=[{"cart": {"timeout": "short"}}],
    )


class ResiliencySpec(DaprModel):
    policies: Policies = Policies()
    targets: Targets = Field(Targets(), examples=[{"apps": {"shop": {"retry": "patient"}}}])


class Resiliency(DaprModel):
    """Time-outs, retries and circuit breakers, and what they are for."""

    api_version: Literal["dapr.io/v1alpha1"]
    kind: Literal["Resiliency"]
    metadata: DaprMeta
    spec: ResiliencySpec
    scopes: list[str] = Field(
        default_factory=list,
        description="The app ids that it is for; pipelines use those without scopes.",
        examples=[["checkout"]],
    )
