from __future__ import annotations

from pathlib import Path

import pytest

from engine.definitions.language import check, check_settled
from engine.definitions.source import Source
from engine.definitions.yaml import parse
from tests.engine.definitions.folders import app, pipeline, short


def found(spec: str) -> list[str]:
    [document] = parse(Source(Path("f.yaml"), "f.yaml", pipeline(spec)))[0]
    return [short(diagnostic) for diagnostic in check(document)]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("steps:\n    - filter: ›dat.x > 1", "E401 there is no 'dat' here | did you mean 'data'?"),
        ("steps:\n    - filter: 'data.x > ›dat.y'", "E401 there is no 'dat' here"),
        ("steps:\n    - filter: |\n        data.x > 1\n        and ›dat.y", "E401 there is no 'dat' here"),
        ("steps:\n    - filter: '›{{ data.x }}'", "E401 an expression is written without braces here"),
        ("steps:\n    - split: data.items | ›lst", "E401 there is no filter 'lst'"),
        ("steps:\n    - transform: {a: [1, '{{ ›date.x }}']}", "E401 there is no 'date' here"),
        ("steps:\n    - call: {app: a, path: '/{{ ›dta.id }}'}", "E401 there is no 'dta' here"),
        ("steps:\n    - call: {app: a, headers: {X: '{{ ›ev.id }}'}}", "E401 there is no 'ev' here"),
        ("event: {subject: 'x {{ metadata.key | ›nope }}'}", "E401 there is no filter 'nope'"),
        ("event: {extensions: {a: '{{ ›dta }}'}}", "E401 there is no 'dta' here"),
        ("outputs:\n    - {binding: b, when: data.x ›= 1}", "E401 `=` is not expected here | compare with `==`"),
        ("outputs:\n    - {binding: b, data: '›{{ data.x '}", "E401 this `{{` is not closed"),
        ("outputs:\n    - {binding: b, metadata: {k: '{{ ›nw }}'}}", "E401 there is no 'nw' here"),
        (
            "env: [REGION]\n  steps:\n    - filter: ›env.REGOIN == 'x'",
            "E402 the environment variable 'REGOIN' is not listed in `spec.env` | did you mean 'REGION'?",
        ),
        (
            "steps:\n    - transform: 'it''s {{ ›env[\"ZONE\"] }}'",
            "E402 the environment variable 'ZONE' is not listed in `spec.env` | add it there: `env: [ZONE]`",
        ),
        ("env: [A, ›2B]", "E403 '2B' is not the name of an environment variable"),
        ("env: [›dapr_api_token]", "E505 the environment variable dapr_api_token belongs to the engine"),
        ("event: {datacontenttype: ›json}", "E404 attribute 'datacontenttype' must be a media type"),
        ("event: {type: ›''}", "E404 attribute 'type' must be a non-empty string"),
        ("event: {extensions: {›tenantId: '{{ data.t }}'}}", "E404 attribute 'tenantId': a name has only"),
        ("event: {extensions: {tenant: ›[1]}}", "E404 attribute 'tenant' must be a string"),
        (
            "steps:\n    - call: {app: a, mode: ›binary, batch: {}}",
            "E405 `batch` sends many events in one request, and mode binary can hold only one | leave out `mode`",
        ),
        (
            "steps:\n    - call: {app: a, mode: batch, path: '/{{ ›data.id }}'}",
            "E406 'data' differs from event to event, and this request is one for many of them | leave out `batch`",
        ),
        (
            "steps:\n    - call: {app: a, batch: {}, headers: {X: '{{ ›event.id }}'}}",
            "E406 'event' differs from event to event, and this request is one for many of them",
        ),
        (
            "steps:\n    - call: {app: {url: 'http://›{{ env.HOST }}'}}",
            "E407 a template is not evaluated here | write the value itself",
        ),
        ("outputs:\n    - {binding: b, operation: '›{{ data.op }}'}", "E407 a template is not evaluated here"),
        ("steps:\n    - call: {app: a, headers: {›'X Y': z}}", "E408 'X Y' cannot be the name of a header"),
        (
            "delivery: {onDeadLetter: ›park}",
            "E420 only events with a key can be parked | say with `orderBy` which events belong together",
        ),
        (
            "delivery: {orderBy: data.k, deadLetter: {binding: b}, onDeadLetter: ›park}",
            "E420 a parked key is released from the engine's store, and the dead letters of this pipeline go elsewhere",
        ),
        (
            "delivery: {deadLetter: {binding: b, operation: '›{{ data.op }}'}}",
            "E407 a template is not evaluated here",
        ),
        (
            "delivery: {deadLetter: {binding: b, metadata: {k: '{{ ›evnt.id }}'}}}",
            "E401 there is no 'evnt'",
        ),
    ],
)
def test_check_wrong_language_is_an_error_at_its_character(spec: str, expected: str) -> None:
    marked = pipeline(f"  {spec}\n")
    before = marked[: marked.index("›")].splitlines()

    diagnostics = found(f"  {spec}\n".replace("›", ""))

    assert len(diagnostics) == 1
    assert diagnostics[0].startswith(f"{len(before)}:{len(before[-1]) + 1} {expected}")


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "  env: [A, B_2]\n  steps:\n    - filter: env.A == env['B_2'] and 'env.X' != env.get('A')\n",
        "  event: {id: '{{ data.id }}', type: a.b, subject: '', extensions: {tenant: '{{ data.t }}', n: 5}}\n".replace(
            " subject: '',", ""
        ),
        "  steps:\n    - call: {app: a, mode: batch, path: '/{{ env.A }}', headers: {X: '{{ now }}'}}\n  env: [A]\n",
        "  steps:\n    - call: {app: a, path: '/{{ data.id }}', headers: {X-Tenant: '{{ event.id }}'}}\n",
        "  steps:\n    - transform: {a: plain, b: [1, null], c: '{{ data.a | map(attribute=\"b\") | list }}'}\n",
        "  steps:\n    - validate: {properties: {a: {const: '{{ not a template }}'}}}\n",
    ],
)
def test_check_right_language_has_no_error(spec: str) -> None:
    assert found(spec) == []


@pytest.mark.parametrize(
    "spec",
    [
        "  steps: text\n  outputs: {a: 1}\n  event: [1]\n  env: A\n",
        "  steps: [text, null, {call: x}, {call: {headers: [1], path: 5}}, {filter: 5}]\n",
        "  outputs: [null, {when: [1]}]\n  event: {extensions: 5, type: 3}\n  env: [1, null]\n",
    ],
)
def test_check_leaves_wrong_shapes_to_the_schema(spec: str) -> None:
    assert found(spec) == []


def test_check_settled_finds_a_template_in_the_address_of_an_app() -> None:
    text = app().replace("http://localhost:8000", '"http://{{ env.HOST }}"')
    [document] = parse(Source(Path("f.yaml"), "f.yaml", text))[0]

    assert [short(d).split(" | ")[0] for d in check_settled(document)] == ["5:16 E407 a template is not evaluated here"]
