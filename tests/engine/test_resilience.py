from __future__ import annotations

from pathlib import Path

import pytest

from engine.definitions.check import Definitions
from engine.definitions.pipeline import Output
from engine.resilience import Resilience
from engine.revision import revision_of
from tests.engine.definitions.folders import documents, report_of

PIPELINE = """\
apiVersion: jackfield/v1
kind: Pipeline
metadata: {{name: p}}
spec:
  input: {{binding: source}}
  steps:
    - call: {{app: shop{call}}}
{more}"""
APP = "apiVersion: jackfield/v1\nkind: App\nmetadata: {{name: shop}}\nspec: {{url: {url}}}\n"
MEMORY = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: {name}}}
spec: {{type: bindings.memory, metadata: [{{name: queueName, value: {name}}}]}}
"""
RESILIENCY = """\
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {{name: r}}
spec:
{spec}"""


async def folder(
    root: Path, spec: str, *, call: str = "", more: str = "", url: str = "http://localhost:1"
) -> Definitions:
    texts = [PIPELINE.format(call=call, more=more), APP.format(url=url), MEMORY.format(name="source")]
    texts += [MEMORY.format(name="target"), RESILIENCY.format(spec=spec)]
    report = await report_of(root, {"all.yaml": documents(*texts)})
    assert not report.refused
    return report.definitions


SPEC = """\
  policies:
    timeouts: {short: 2s, DefaultTimeoutPolicy: 9s}
    retries:
      three: {duration: 1s, maxRetries: 3}
      DefaultBindingComponentOutboundRetryPolicy: {maxRetries: 7}
      DefaultRetryPolicy: {maxRetries: 1}
    circuitBreakers:
      careful: {trip: consecutiveFailures >= 2, timeout: 4s}
  targets:
    apps: {shop: {timeout: short, retry: three, circuitBreaker: careful}}
    components: {source: {inbound: {retry: three}}}
"""


async def test_target_has_the_policies_that_it_names_and_the_defaults_for_the_others(tmp_path: Path) -> None:
    resilience = Resilience(await folder(tmp_path, SPEC))
    app, outbound = resilience.app("shop"), resilience.outbound(Output(binding="target"))
    assert (app.timeout, app.retry.max_retries if app.retry else None) == (2.0, 3)
    assert app.breaker is not None
    assert app.breaker.probe_every == 4.0
    assert (outbound.timeout, outbound.retry.max_retries if outbound.retry else None) == (9.0, 7)
    assert outbound.breaker is None


@pytest.mark.parametrize(
    ("policy", "waits"),
    [
        ("duration: 2s, maxRetries: 2", [3, 2.0, 2.0, 1.0]),
        ("policy: exponential, maxInterval: 7s, maxRetries: 0", [1, 0.5, 7.0, 1.5]),
    ],
)
async def test_retry_policy_is_the_rule_that_it_says(tmp_path: Path, policy: str, waits: list[float]) -> None:
    spec = f"  policies: {{retries: {{DefaultAppRetryPolicy: {{{policy}}}}}}}\n"
    rule = Resilience(await folder(tmp_path, spec)).app("other").rule
    assert rule is not None
    retry = rule.retry
    assert [retry.max_attempts, retry.initial, retry.max, retry.multiplier] == waits


async def test_resiliency_is_a_part_of_the_revision_of_the_pipelines_that_it_concerns(tmp_path: Path) -> None:
    async def revision(spec: str) -> str:
        definitions = await folder(tmp_path, spec)
        return revision_of(definitions.pipelines["p"], definitions)

    of_another = "  policies: {timeouts: {t: 1s}}\n  targets: {apps: {other: {timeout: t}}}\n"
    assert await revision(of_another) == await revision(of_another.replace("1s", "2s"))
    of_this = of_another.replace("other", "shop")
    assert await revision(of_this) != await revision(of_this.replace("1s", "2s"))
