"""What Dapr's Resiliency documents say for the calls and outputs of a pipeline; what a pipeline says itself wins."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from engine.breaker import BreakerPolicy
from engine.definitions.check import Definitions
from engine.definitions.folder import Located
from engine.definitions.pipeline import InlineApp, Outside, Pipeline, Retry
from engine.definitions.resiliency import CircuitBreakerPolicy, PolicyNames, RetryPolicy, parse_statuses
from engine.retry import RetryRule
from engine.trip import compile_trip

P = TypeVar("P")
_NONE = PolicyNames()
# The names of default policies have these in the middle, the most special one first (dapr/dapr, pkg/resiliency).
_APP = ("App", "")
_KINDS = {"binding": "Binding", "pubsub": "Pubsub"}
_COMPONENT = ("{kind}Component{direction}", "Component{direction}", "Component", "")


@dataclass(frozen=True, slots=True)
class Policy:
    """What is said for one target; None where nothing is. `timeout` is in seconds."""

    timeout: float | None = None
    retry: RetryPolicy | None = None
    circuit_breaker: CircuitBreakerPolicy | None = None

    def over(self, other: Policy) -> Policy:
        """This one, and the other where this one says nothing."""
        return Policy(
            self.timeout if self.timeout is not None else other.timeout,
            self.retry or other.retry,
            self.circuit_breaker or other.circuit_breaker,
        )

    @property
    def rule(self) -> RetryRule | None:
        return rule_of(self.retry) if self.retry is not None else None

    @property
    def breaker(self) -> BreakerPolicy | None:
        policy = self.circuit_breaker
        return BreakerPolicy(compile_trip(policy.trip), policy.timeout, policy.interval) if policy is not None else None


class Resilience:
    """The policies of all Resiliency documents without scopes; of two with one name, the later one counts."""

    def __init__(self, definitions: Definitions) -> None:
        self.documents = [one for one in definitions.policies if not one.model.scopes]
        self._timeouts: dict[str, float] = {}
        self._retries: dict[str, RetryPolicy] = {}
        self._breakers: dict[str, CircuitBreakerPolicy] = {}
        self._apps: dict[str, PolicyNames] = {}
        self._inbound: dict[str, PolicyNames] = {}
        self._outbound: dict[str, PolicyNames] = {}
        for document in self.documents:
            policies, targets = document.model.spec.policies, document.model.spec.targets
            self._timeouts |= policies.timeouts
            self._retries |= policies.retries
            self._breakers |= policies.circuit_breakers
            self._apps |= targets.apps
            self._inbound |= {name: target.inbound for name, target in targets.components.items()}
            self._outbound |= {name: target.outbound for name, target in targets.components.items()}

    def app(self, app: str | InlineApp) -> Policy:
        return self._policy(_named(app, self._apps), _APP)

    def inbound(self, source: Outside) -> Policy:
        return self._policy(_named(source.component, self._inbound), _levels(source, "Inbound"))

    def outbound(self, target: Outside) -> Policy:
        return self._policy(_named(target.component, self._outbound), _levels(target, "Outbound"))

    def concerns(self, pipeline: Located[Pipeline]) -> bool:
        """Whether any of them says something for this pipeline."""
        spec = pipeline.model.spec
        policies = [self.inbound(spec.input), *(self.outbound(output) for output in spec.outputs)]
        policies += [self.app(step.call.app) for step in spec.steps if step.call is not None]
        return any(policy != Policy() for policy in policies)

    def _policy(self, names: PolicyNames, levels: Iterable[str]) -> Policy:
        if not self.documents:
            return Policy()
        return Policy(
            _first(self._timeouts, names.timeout, levels, "TimeoutPolicy"),
            _first(self._retries, names.retry, levels, "RetryPolicy"),
            _first(self._breakers, names.circuit_breaker, levels, "CircuitBreakerPolicy"),
        )


def rule_of(policy: RetryPolicy) -> RetryRule:
    attempts = sys.maxsize if policy.max_retries < 0 else policy.max_retries + 1
    constant = {"initial": policy.duration, "max": policy.duration, "multiplier": 1.0, "jitter": False}
    exponential = {"initial": 0.5, "max": policy.max_interval, "multiplier": 1.5, "jitter": True}
    waits: dict[str, Any] = constant if policy.policy == "constant" else exponential
    matching = policy.matching.http_status_codes if policy.matching is not None else None
    retry = Retry.model_construct(max_attempts=attempts, **waits)  # more attempts than a pipeline may say
    return RetryRule(retry, parse_statuses(matching) if matching else None)


def _levels(end: Outside, direction: str) -> Iterable[str]:
    return [level.format(kind=_KINDS[end.field], direction=direction) for level in _COMPONENT]


def _named(target: object, names: Mapping[str, PolicyNames]) -> PolicyNames:
    return names.get(target, _NONE) if isinstance(target, str) else _NONE


def _first(policies: Mapping[str, P], name: str | None, levels: Iterable[str], kind: str) -> P | None:
    names = [name] if name is not None else [f"Default{level}{kind}" for level in levels]
    return next((policies[one] for one in names if one in policies), None)
