"""What data cannot do, however it is used in an expression."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from engine.errors import Permanent
from engine.event import Event
from engine.expression_errors import ExpressionError
from engine.expressions import Scope, compile_expression, compile_template

BIG = "x" * 100_000


def evaluate(source: str, data: Any = None) -> Any:
    attributes = {"specversion": "1.0", "id": "a", "source": "/orders", "type": "order"}
    event = Event(attributes, json.dumps(data).encode())
    return compile_expression(source).evaluate(Scope(event, {}, {}, 1_700_000_000.0))


BOMBS = [
    ("data.s * data.n", {"s": BIG, "n": 1_000_000}),
    ("data.n * data.s", {"s": BIG, "n": 1_000_000}),
    ("[data.s] * data.n", {"s": BIG, "n": 1_000_000}),
    ("data.l * data.n", {"l": [1], "n": 100_000_000}),
    ("data.a ** data.b", {"a": 9, "b": 9_999_999}),
    ("data.a ** -data.b", {"a": 9, "b": 9_999_999}),
    ("data.f % 1", {"f": "%100000000d"}),
    ("'%*d' % (data.n, 1)", {"n": 100_000_000}),
    ("'%.*f' % (data.n, 1)", {"n": 100_000_000}),
    ("data.f | format(1)", {"f": "%100000000d"}),
    ("'%*d' | format(data.n, 1)", {"n": 100_000_000}),
    ("data.f.format(1)", {"f": "{:100000000}"}),
    ("data['f']['format'](1)", {"f": "{:100000000}"}),
    ("'{:{}}'.format(1, data.n)", {"n": 100_000_000}),
    ("'{0:>{n}}'.format_map(data)", {"n": 100_000_000, "0": 1}),
    ("data.s | replace('', data.s)", {"s": BIG}),
    ("data.s | replace('x', data.s)", {"s": BIG}),
    ("data.s.replace('x', data.s)", {"s": BIG}),
    ("data.s['replace']('x', data.s)", {"s": BIG}),
    ("data.s.encode().replace('x'.encode(), data.s.encode())", {"s": BIG}),
    ("data.s.join(data.l)", {"s": BIG, "l": ["a"] * 1000}),
    ("data.l | join(data.s)", {"s": BIG, "l": ["a"] * 1000}),
    ("data.l | map('replace', 'a', data.s) | join", {"s": BIG, "l": ["a"] * 1000}),
    ("1.5 | round(data.n, 'ceil')", {"n": 100_000_000}),
    ("15 | round(-data.n)", {"n": 100_000_000}),
    ("data.s | tojson(indent=data.n)", {"s": [1], "n": 100_000_000}),
    ("data.s.ljust(data.n)", {"s": "x", "n": 100_000_000}),
    ("data.s.rjust(data.n)", {"s": "x", "n": 100_000_000}),
    ("data.s.center(data.n)", {"s": "x", "n": 100_000_000}),
    ("data.s.zfill(data.n)", {"s": "x", "n": 100_000_000}),
    ("data.s.expandtabs(data.n)", {"s": "\t", "n": 100_000_000}),
    ("data.s['ljust'](data.n)", {"s": "x", "n": 100_000_000}),
    ("(data.s | attr('ljust'))(data.n)", {"s": "x", "n": 100_000_000}),
    ("data.n.to_bytes(data.n, 'big')", {"n": 100_000_000}),
    ("data.l | map('center', 100000000) | list", {"l": ["x"]}),
]


@pytest.mark.parametrize(("source", "data"), BOMBS, ids=[source for source, _ in BOMBS])
def test_small_data_makes_no_huge_value(source: str, data: Any) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Permanent):
            evaluate(source, data)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "source",
    [
        "data | center(9)",
        "data | indent(9)",
        "data | wordwrap(9)",
        "data | slice(9)",
        "data | batch(9)",
        "data | random",
        "data | pprint",
        "data | urlize",
        "data | xmlattr",
        "range(9)",
        "lipsum()",
        "cycler(1)",
        "joiner()",
        "namespace()",
        "dict(a=1)",
    ],
)
def test_what_is_taken_away_is_refused_before_anything_runs(source: str) -> None:
    with pytest.raises(ExpressionError, match="there is no"):
        compile_expression(source)


@pytest.mark.parametrize(
    "source",
    [
        "''['__class__']",
        "'' | attr('__class__')",
        "data['__class__']",
        "data | attr('__class__')",
        "data.s['__class__']['__mro__']",
        "['x'] | map(attribute='__class__') | list | tojson",
        "'{0.__class__}'.format(data)",
        "'{0[__class__]}'.format('')",
        "data.s.upper['__self__']",
        "data.get['__globals__']",
        "now['__class__']",
        "data.l.append(1)",
        "data.l['append'](1)",
        "data.l.clear()",
        "data.pop('s')",
        "data.update({})",
        "event.clear()",
    ],
)
def test_inside_of_python_is_out_of_reach(source: str) -> None:
    with pytest.raises(Permanent):
        evaluate(source, {"s": "x", "l": [1]})


def test_data_is_never_changed() -> None:
    attributes = {"specversion": "1.0", "id": "a", "source": "/orders", "type": "order"}
    event = Event(attributes, b'{"l":[3,1,2]}')
    compiled = compile_template("{{ data.l | sort | join }}{{ data.l | reverse | join }}")
    assert not isinstance(compiled, str)
    assert compiled.evaluate(Scope(event, {}, {}, 0)) == "123213"
    assert event.value == {"l": [3, 1, 2]}


@pytest.mark.parametrize(
    ("source", "data", "value"),
    [
        ("data.s * 3", {"s": "ab"}, "ababab"),
        ("data.a * data.b", {"a": 12345678901234567890, "b": 10}, 123456789012345678900),
        ("data.a ** 12", {"a": 10}, 10**12),
        ("data.s | replace('x', 'yy') | length", {"s": BIG}, 200_000),
        ("data.l | join(',') | length", {"l": ["a"] * 100_000}, 199_999),
        ("'{:,.2f}'.format(data.n)", {"n": 1234.5}, "1,234.50"),
        ("'%s is 100%%' % data.n", {"n": 5}, "5 is 100%"),
        ("17 % 5", {}, 2),
        ("3.14159 | round(2)", {}, 3.14),
    ],
)
def test_ordinary_use_is_not_refused(source: str, data: Any, value: Any) -> None:
    assert evaluate(source, data) == value
