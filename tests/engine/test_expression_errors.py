from __future__ import annotations

import pytest

from engine.expression_errors import ExpressionError
from engine.expressions import compile_expression, compile_template

BARE = [
    ("data.x ›>", "the expression ends too early"),
    ("data.x ›= 1", "`=` is not expected here (compare with `==`)"),
    ("data.x ›&& data.y", "`&` has no meaning in an expression (write `and`)"),
    ("data.x |›| data.y", "`|` is not expected here (write `or`)"),
    ("›!data.x", "`!` has no meaning in an expression (write `not`)"),
    ("data.x ›? 1 : 2", "`?` has no meaning in an expression (write `a if condition else b`)"),
    ("›$data", "`$` has no meaning in an expression (write the name alone)"),
    ("data.x == ›'a", "this quote is not closed (close it at the end of the text)"),
    ("data.x == ›\"it's", "this quote is not closed (close it at the end of the text)"),
    ("data.b ›b c b", "`b` is not expected here"),
    ("›(data.x", "this `(` is not closed"),
    ("data[0] + data›[1", "this `[` is not closed"),
    ("data.x›)", "`)` closes nothing here"),
    ("data.›.x", "`.` is not expected here"),
    ("[x ›for x in data]", "`for` is not expected here (here `,` is expected)"),
    ("data.x\n  and ›dat.y", "there is no 'dat' here (did you mean 'data'?)"),
    ("'dat' == ›dat.x and data.dat", "there is no 'dat' here (did you mean 'data'?)"),
    ("data.lst | ›lst", "there is no filter 'lst' (did you mean 'list'?)"),
    ("data.nmber is ›nmber", "there is no test 'nmber' (did you mean 'number'?)"),
    ("data is not ›nmber", "there is no test 'nmber' (did you mean 'number'?)"),
    ("›", "the expression is empty"),
]
TEMPLATES = [
    ("x ›{{ data.x ", "this `{{` is not closed"),
    ("{{ data.x ›}", "`}` closes nothing here (a template is written {{ … }})"),
    ("a\nb {{ data.x ›y }} {{ data.z y }}", "`y` is not expected here (here `}}` is expected)"),
    ("{{- data.x ›y }}", "`y` is not expected here (here `}}` is expected)"),
    ("{{ ›}}", "something is missing before this `}}` (write an expression)"),
    ("{{ data.x | ›}}", "something is missing before this `}}` (write an expression)"),
    ("dat {{ 'dat' }} {{ ›dat }}", "there is no 'dat' here (did you mean 'data'?)"),
    ("›{% if data.x %}a", "this statement is not closed (close it with {% endif %})"),
    ("{% ›iff data.x %}", "there is no statement `iff` here (a template has if, elif, else, endif, set)"),
    ("a ›{# b", "this comment is not closed (close it with `#}`)"),
    ("a {{ data.x }} ›{%", "`{%` is not expected here"),
]


@pytest.mark.parametrize(
    ("bare", "marked", "expected"), [*((True, *case) for case in BARE), *((False, *case) for case in TEMPLATES)]
)
def test_refused_gives_the_character_and_what_to_do(bare: bool, marked: str, expected: str) -> None:
    text = marked.replace("›", "")
    with pytest.raises(ExpressionError) as refused:
        (compile_expression if bare else compile_template)(text)

    error = refused.value
    assert f"{error} ({error.hint})".removesuffix(" ()") == expected
    assert error.offset == marked.index("›")
    assert error.length >= 1
