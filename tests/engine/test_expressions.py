from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Permanent
from engine.event import Event
from engine.expression_errors import ExpressionError
from engine.expressions import (
    Expression,
    Scope,
    compile_expression,
    compile_template,
    compile_tree,
    text_of,
)

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z
ATTRIBUTES = {"specversion": "1.0", "id": "a", "source": "/orders", "type": "order", "subject": "kit.jpg"}


def scope(data: Any = None, *, raw: bytes | None = None, content_type: str = "application/json") -> Scope:
    body = raw if raw is not None else json.dumps(data).encode()
    event = Event({**ATTRIBUTES, "datacontenttype": content_type}, body)
    return Scope(event, {"key": "in/kit.jpg"}, {"REGION": "eu"}, NOW)


def evaluate(source: str, data: Any = None) -> Any:
    return compile_expression(source).evaluate(scope(data))


def template(source: str, data: Any = None) -> Any:
    compiled = compile_template(source)
    return compiled if isinstance(compiled, str) else compiled.evaluate(scope(data))


def failure(source: str, data: Any = None) -> str:
    with pytest.raises(Permanent) as caught:
        evaluate(source, data)
    return str(caught.value)


def refusal(source: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    return caught.value


# Values


@pytest.mark.parametrize(
    ("source", "data", "value"),
    [
        ("data.width > 0", {"width": 5}, True),
        ("event.subject.endswith('.jpg')", None, True),
        ("event.type in ['order', 'refund'] and not data.paid", {"paid": False}, True),
        ("data.size | int + 1", {"size": "4"}, 5),
        ("data.price * 2", {"price": 1.5}, 3.0),
        ("data['first name']", {"first name": "Ada"}, "Ada"),
        ("data[0].id", [{"id": 7}], 7),
        ("data.tags[-1]", {"tags": ["a", "b"]}, "b"),
        ("data.get('size', 'M')", {}, "M"),
        ("data.size | default('M')", {}, "M"),
        ("data.size is defined", {}, False),
        ("data.size is none", {"size": None}, True),
        ("data.orders | map(attribute='id') | list", {"orders": [{"id": 1}, {"id": 2}]}, [1, 2]),
        ("data.orders | selectattr('paid') | map(attribute='id')", {"orders": [{"id": 1, "paid": True}]}, [1]),
        ("data.orders | sum(attribute='n')", {"orders": [{"n": 1}, {"n": 2}]}, 3),
        ("{'id': data.id, 'n': [1, 2]}", {"id": 5}, {"id": 5, "n": [1, 2]}),
        ("data", {"a": [None, True]}, {"a": [None, True]}),
        ("data", None, None),
        ("metadata.key", None, "in/kit.jpg"),
        ("env.REGION", None, "eu"),
        ("now", None, "2023-11-14T22:13:20+00:00"),
        ("now.year", None, 2023),
        ("'%.2f' | format(data)", 3.14159, "3.14"),
        ("'%05d' % data", 42, "00042"),
        ("'{:>5}|{}'.format(data, event.id)", "x", "    x|a"),
        ("data | tojson", {"a": "<ü>", "b": None}, '{"a":"<ü>","b":null}'),
        ("data | join(', ')", ["a", 1, True], "a, 1, true"),
        ("data | join('-', attribute='n')", [{"n": 1}, {"n": 2}], "1-2"),
        ("', '.join(data)", ["a", "b"], "a, b"),
        ("data | replace('a', 'o')", "banana", "bonono"),
        ("data.replace('a', 'o', 1)", "banana", "bonana"),
        ("data | round(1)", 3.14159, 3.1),
        ("'ab' * 2", None, "abab"),
        ("2 ** 10", None, 1024),
    ],
)
def test_expression_gives_a_value_of_its_type(source: str, data: Any, value: Any) -> None:
    result = evaluate(source, data)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize("key", ["items", "keys", "values", "get", "copy", "pop", "update"])
def test_key_of_the_data_is_meant_even_when_python_has_a_method_of_that_name(key: str) -> None:
    assert evaluate(f"data.{key}", {key: [1]}) == [1]
    assert evaluate(f"data['{key}']", {key: [1]}) == [1]
    assert evaluate(f"data | map(attribute='{key}') | list", [{key: 1}]) == [1]


@pytest.mark.parametrize("source", ["data.items", "data['items']", "data.copy", "data['get']"])
def test_method_of_a_mapping_is_not_there_without_its_key(source: str) -> None:
    assert "there is no" in failure(source, {"id": 1})


@pytest.mark.parametrize(
    ("source", "data", "value"),
    [
        ("{{ data.size }}", {"size": 5}, 5),
        ("{{ data.size | int }}", {"size": "5"}, 5),
        ("{{ data }}", {"a": [1]}, {"a": [1]}),
        ("{{ data.none }}", {"none": None}, None),
        ("{{ data.flag }}", {"flag": True}, True),
        ("{{data.size}}", {"size": 5}, 5),
        ("{{ data.size }} ", {"size": 5}, "5 "),
        ("{{ data.size }}\n", {"size": 5}, "5\n"),
        ("n={{ data.size }}", {"size": 5}, "n=5"),
        ("{{ data.a }}{{ data.b }}", {"a": 1, "b": 2}, "12"),
        ("{{ data.flag }}!", {"flag": True}, "true!"),
        ("{{ data.none }}!", {"none": None}, "null!"),
        ("{{ data.tags }}!", {"tags": ["a", {"b": False}]}, '["a",{"b":false}]!'),
        ("{{ data.tags | map('upper') }}!", {"tags": ["a"]}, '["A"]!'),
        ("at {{ now }}", None, "at 2023-11-14T22:13:20+00:00"),
        ("{{ '{{' }}", None, "{{"),
        ("{% raw %}{{ x }}{% endraw %}", None, "{{ x }}"),
        ("{# a remark #}", None, ""),
        ("{% if data.n > 1 %}many{% else %}one{% endif %}", {"n": 2}, "many"),
        ("{% set total = data.n * 2 %}{{ total }}", {"n": 2}, "4"),
        ("no template", None, "no template"),
        ("100 % { }", None, "100 % { }"),
    ],
)
def test_template_that_is_a_whole_value_keeps_its_type_and_else_is_a_text(source: str, data: Any, value: Any) -> None:
    result = template(source, data)
    assert result == value
    assert type(result) is type(value)


def test_tree_fills_templates_at_any_depth() -> None:
    tree = compile_tree({"id": "{{ data.id }}", "list": [{"n": "n{{ data.id }}"}, 5, None], "flat": "text"})
    assert tree.evaluate(scope({"id": 7})) == {"id": 7, "list": [{"n": "n7"}, 5, None], "flat": "text"}
    assert tree.names == {"data"}


def test_data_with_template_marks_is_not_a_template() -> None:
    assert template("{{ data.text }}", {"text": "{{ env.REGION }}"}) == "{{ env.REGION }}"
    assert template("x {{ data.text }}", {"text": "{{ env.REGION }}"}) == "x {{ env.REGION }}"


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), (True, "true"), (False, "false"), (5, "5"), (1.5, "1.5"), ("", "")]
)
def test_text_of_a_value(value: Any, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize("value", [None, [], {}, b"x"])
def test_text_of_what_is_no_text_is_permanent(value: Any) -> None:
    with pytest.raises(Permanent, match="a text is needed here"):
        text_of(value)


# Data is parsed only when an expression looks at it


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("event.type == 'order' and metadata.key", {"event", "metadata"}),
        ("data.a > event.id | length", {"data", "event"}),
        ("now.year > 2000", {"now"}),
        ("env.REGION == 'eu'", {"env"}),
        ("1 < 2", set()),
        ("'data'", set()),
    ],
)
def test_names_are_those_that_it_reads(source: str, names: set[str]) -> None:
    assert compile_expression(source).names == names


def test_invalid_data_does_no_harm_where_nobody_looks_at_it() -> None:
    broken = scope(raw=b"{not json")
    assert compile_expression("event.type == 'order'").evaluate(broken) is True
    assert compile_tree({"key": "{{ metadata.key }}", "at": "{{ now }}"}).evaluate(broken)["key"] == "in/kit.jpg"


@pytest.mark.parametrize("raw", [b"{not json", b"\xff", b"", b"[" * 100_000, b'{"n": 1' + b"0" * 5000 + b"}"])
def test_invalid_data_is_permanent_where_it_is_looked_at(raw: bytes) -> None:
    with pytest.raises(Permanent, match="the data is not JSON, as its content type says"):
        compile_expression("data").evaluate(scope(raw=raw))


@pytest.mark.parametrize(
    ("raw", "content_type", "source", "value"),
    [
        (b"caf\xc3\xa9", "text/plain", "data.upper()", "CAFÉ"),
        (b"<a/>", "application/xml", "data", "<a/>"),
        (b"\x89PNG", "image/png", "data", b"\x89PNG"),
        (b"\x89PNG", "image/png", "data | length", 4),
        (b"5", "application/vnd.order+json", "data + 1", 6),
    ],
)
def test_data_is_what_its_content_type_says(raw: bytes, content_type: str, source: str, value: Any) -> None:
    assert compile_expression(source).evaluate(scope(raw=raw, content_type=content_type)) == value


def test_text_that_is_not_utf8_is_permanent() -> None:
    with pytest.raises(Permanent, match="the data is not UTF-8 text"):
        compile_expression("data").evaluate(scope(raw=b"\xff", content_type="text/plain"))


def test_event_without_data_has_none() -> None:
    nothing = Scope(Event(ATTRIBUTES), {}, {}, NOW)
    assert compile_expression("data is none").evaluate(nothing) is True


# Failures at run time


@pytest.mark.parametrize(
    ("source", "data", "message"),
    [
        ("data.siez", {"size": 5, "price": 1}, "there is no 'siez'; there is: price, size"),
        ("data.size", {}, "there is no 'size', it is empty"),
        ("data.a.b", {"a": {}}, "there is no 'b', it is empty"),
        ("data.a.b.c", {"a": {"x": 1}}, "there is no 'b'; there is: x"),
        ("data[3]", [1, 2], "there is no item 3 in a list of 2"),
        ("data.x", 5, "has no attribute 'x'"),
        ("data.x > 1", {"y": 1}, "there is no 'x'; there is: y"),
        ("[data.x] | tojson", {"y": 1}, "there is no 'x'; there is: y"),
        ("metadata.nope", None, "there is no 'nope'; there is: key"),
        ("env.HOME", None, "there is no 'HOME'; there is: REGION"),
        ("event.nope", None, "there is no 'nope'; there is: datacontenttype, id, source"),
        ("data > 5", "text", "'>' not supported"),
        ("data / 0", 1, "division by zero"),
        ("data | int + 'x'", "5", "unsupported operand"),
        ("data.upper", "x", "gives a method, not a value; call it with ()"),
        ("data.get", {}, "gives a method, not a value; call it with ()"),
        ("data.replace", "x", "gives a method, not a value; call it with ()"),
        ("data()", {}, "not callable"),
        ("data | map('center') | list", ["x"], "center"),
        ("data | tojson(indent=2)", {}, "unexpected keyword"),
        ("data.upper(x=1, x=2)", "a", "keyword argument repeated"),
        ("data | replace('a')", "a", "missing 1 required"),
        ("2.0 ** data", 100_000, "out of range"),
    ],
)
def test_failure_on_an_event_is_permanent_and_says_what_is_wrong(source: str, data: Any, message: str) -> None:
    text = failure(source, data)
    assert text.startswith(f"expression {source!r} ")
    assert message in text


def test_message_of_a_missing_name_is_short_however_large_the_data() -> None:
    assert len(failure("data.x", {f"{number}" * 1000: number for number in range(100)})) < 700


@pytest.mark.parametrize("depth", range(850, 1010, 10))
def test_data_that_is_nested_deeply_is_a_value_or_permanent(depth: int) -> None:
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    with suppress(Permanent):
        assert compile_expression("data | tojson").evaluate(scope(raw=nested)) == nested.decode()


# Definitions that cannot be


@pytest.mark.parametrize(
    ("source", "message", "offset", "length"),
    [
        ("dta.width > 0", "there is no 'dta' here", 0, 3),
        ("data.n > limit", "there is no 'limit' here", 9, 5),
        ("data.limit > limit", "there is no 'limit' here", 13, 5),
        ("result > 1", "there is no 'result' here", 0, 6),
        ("range(5)", "there is no 'range' here", 0, 5),
        ("self", "there is no 'self' here", 0, 4),
        ("data | uper", "there is no filter 'uper'", 7, 4),
        ("data | center(10)", "there is no filter 'center'", 7, 6),
        ("data is evn", "there is no test 'evn'", 8, 3),
        ("data.__class__", "'__class__' is private", 5, 9),
        ("data._id", "'_id' is private", 5, 3),
        ("{{ data.n }}", "an expression is written without braces here", 0, 2),
        ("x > 1 and {% if %}", "an expression is written without braces here", 10, 2),
        ("data.n >", "the expression ends too early", 7, 1),
        ("data.n 5", "`5` is not expected here", 7, 1),
        ("data.a = 5", "`=` is not expected here", 7, 1),
        ("data }}", "`}}` is not expected here", 5, 2),
        ("data.a\n  and (", "this `(` is not closed", 13, 1),
        ("", "the expression is empty", 0, 1),
        ("  \n", "the expression is empty", 0, 1),
        ("(" * 500, "nested too deeply", 0, 1),
        ("not " * 500 + "data", "nested too deeply", 0, 1),
        (" + ".join(["data"] * 500), "nested too deeply", 0, 1),
        ("data" + ".a" * 500, "nested too deeply", 0, 1),
        ("data" + "[data" * 100 + "]" * 100, "nested too deeply", 0, 1),
    ],
)
def test_expression_that_cannot_be_is_refused_with_its_place(
    source: str, message: str, offset: int, length: int
) -> None:
    error = refusal(source)
    assert message in str(error)
    assert (error.offset, error.length) == (offset, length)


def test_refusal_has_a_hint() -> None:
    assert refusal("dta.n").hint == "did you mean 'data'?"
    assert refusal("zzz").hint == "the names are event, data, metadata, env, now"
    assert refusal("data | uper").hint == "did you mean 'upper'?"
    assert refusal("data._id").hint == "for a key of this name, write ['_id']"


@pytest.mark.parametrize(
    ("source", "message", "offset"),
    [
        ("{{ dta.n }}", "there is no 'dta' here", 3),
        ("a\nb {{ data.n", "this `{{` is not closed", 4),
        ("{% for x in data %}{{ x }}{% endfor %}", "`for` is not allowed in a template", 0),
        ("x {% macro m() %}{% endmacro %}", "`macro` is not allowed in a template", 2),
        ("{% include 'x' %}", "`include` is not allowed in a template", 0),
        ("{% import 'x' as y %}", "`import` is not allowed in a template", 0),
        ("{% extends 'x' %}", "`extends` is not allowed in a template", 0),
        ("{% block b %}{% endblock %}", "`block` is not allowed in a template", 0),
        ("{% call data() %}{% endcall %}", "`callblock` is not allowed in a template", 0),
        ("{% filter upper %}x{% endfilter %}", "`filterblock` is not allowed in a template", 0),
        ("{% set x %}a{% endset %}", "`assignblock` is not allowed in a template", 0),
        ("{% with x = 1 %}{% endwith %}", "`with` is not allowed in a template", 0),
        ("{% do data %}", "there is no statement `do` here", 3),
        ("{{ " + "(" * 500 + "1" + ")" * 500 + " }}", "nested too deeply", 0),
        ("{% if 1 %}" * 200 + "{% endif %}" * 200, "nested too deeply", 0),
    ],
)
def test_template_that_cannot_be_is_refused_with_its_place(source: str, message: str, offset: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_template(source)
    assert message in str(caught.value)
    assert caught.value.offset == offset


def test_key_that_looks_private_can_be_read_as_an_item() -> None:
    assert evaluate("data['_id']", {"_id": 5}) == 5


@settings(deadline=None)
@given(st.text(alphabet="dat.e()[]{}%|'\"+*<>=!~0123 \n_,:#-", max_size=30))
def test_any_text_is_compiled_or_refused_and_evaluated_or_permanent(source: str) -> None:
    for compile in (compile_expression, compile_template):
        compiled = compiled_or_refused(compile, source)
        if isinstance(compiled, ExpressionError):
            assert 0 <= compiled.offset <= max(len(source) - 1, 0)
        elif isinstance(compiled, Expression):
            with suppress(Permanent):
                compiled.evaluate(scope({"a": 1}))


def compiled_or_refused(compile: Callable[[str], Expression | str], source: str) -> Expression | str | ExpressionError:
    try:
        return compile(source)
    except ExpressionError as error:
        return error


def test_expression_is_evaluated_anew_for_each_event() -> None:
    expression = compile_expression("data.n + 1")
    values: list[Mapping[str, int]] = [{"n": 1}, {"n": 2}]
    assert [expression.evaluate(scope(value)) for value in values] == [2, 3]
