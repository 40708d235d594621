from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.definitions.folders import app, report_of, short

HEAD = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\n"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (
            "spec: {policies: {retries: {patient: {}}}, targets: {apps: {a: {retry: ›pateint}}}}",
            "E430 there is no policy 'pateint' in `policies.retries` | did you mean 'patient'?",
        ),
        (
            "spec: {targets: {components: {c: {outbound: {circuitBreaker: ›x}}}}}",
            "E430 there is no policy 'x' in `policies.circuitBreakers` | `circuitBreakers` has none",
        ),
        (
            "spec: {policies: {circuitBreakers: {b: {trip: ›'failures > 5'}}}}",
            "E431 'failures > 5' is no CEL expression that can be evaluated here",
        ),
        (
            "spec: {targets: {apps: {›b: {}}}}",
            "W430 there is no app 'b' in this folder, so this target has no effect",
        ),
        ("spec: {targets: {›actors: {cart: {}}}}", "W431 this has no effect: there are no actors"),
        ("spec: {}\n›scopes: [shop]", "W431 this has no effect: pipelines have no app id"),
        (
            "spec: {policies: {retries: {p: {matching: {httpStatusCodes: ›5xx}}}}}",
            "E214 `httpStatusCodes` cannot be '5xx'",
        ),
        (
            "spec: {policies: {retries: {p: {matching: {httpStatusCodes: ›503-500}}}}}",
            "E205 '503-500' is no range within 100-599",
        ),
        ("spec: {policies: {timeouts: {t: ›soon}}}", "E214 'soon' is not a duration"),
    ],
)
async def test_check_of_a_resiliency_shows_the_place(tmp_path: Path, rest: str, expected: str) -> None:
    marked = HEAD + rest + "\n"
    before = marked[: marked.index("›")].split("\n")
    component = (
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: c}\n"
        "spec: {type: bindings.memory, metadata: []}\n"
    )
    files = {"a.yaml": app(), "c.yaml": component, "r.yaml": marked.replace("›", "")}
    report = await report_of(tmp_path, files)
    [diagnostic] = [one for one in report.diagnostics if one.span.file.endswith("r.yaml")]
    assert short(diagnostic).startswith(f"{len(before)}:{len(before[-1]) + 1} {expected}")
