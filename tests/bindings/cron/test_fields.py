from __future__ import annotations

import pytest

from bindings.cron.fields import expand, hour_is_wildcard


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("* * * * *", "0 * * * * *"),
        ("? ? ? ? ? ?", "* * * * * *"),
        ("5 4 3 2 1 0", "5 4 3 2 1 0"),
        ("*/15 8-10 1,15 */6 *", "0 0,15,30,45 8,9,10 1,15 1,7 *"),
        ("50/5 10-20/5 * * *", "0 50,55 10,15,20 * * *"),
        ("0 0 */1 * 1", "0 0 0 * * 1"),
        ("0 0 L * *", "0 0 0 L * *"),
        ("0 0 1 jan,FEB-apr *", "0 0 0 1 1,2,3,4 *"),
        ("0 0 * * sun", "0 0 0 * * 0"),
        ("0 0 * * 7", "0 0 0 * * 0"),
        ("0 0 * * 5-7", "0 0 0 * * 0,5,6"),
        ("0 0 * * 1/2", "0 0 0 * * 1,3,5"),
        ("0 0 * * mon-fri/2,sat", "0 0 0 * * 1,3,5,6"),
    ],
)
def test_fields_become_plain(text: str, plain: str) -> None:
    assert expand(text) == plain


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 25 * * *", "hour field: 25 is not in 0-23"),
        ("60 * * * *", "minute field: 60 is not in 0-59"),
        ("60 * * * * *", "second field: 60 is not in 0-59"),
        ("* * 0 * *", "day-of-month field: 0 is not in 1-31"),
        ("* * * 13 *", "month field: 13 is not in 1-12 or jan-dec"),
        ("* * * * 8", "day-of-week field: 8 is not in 0-7 or sun-sat"),
        ("* * * * payday", "day-of-week field: payday is not in 0-7 or sun-sat"),
        ("1-70 * * * *", "minute field: 70 is not in 0-59"),
        ("-1 * * * *", "minute field: an empty value is not in 0-59"),
        ("1,,2 * * * *", "minute field: an empty value is not in 0-59"),
        ("²  * * * *", "minute field: ² is not in 0-59"),
        ("*-5 * * * *", "minute field: * is not in 0-59"),
        ("* L * * *", "hour field: L is not in 0-23"),
        ("30-10 * * * *", "minute field: the range 30-10 runs backwards"),
        ("* * * * fri-mon", "day-of-week field: the range fri-mon runs backwards"),
        ("*/0 * * * *", "minute field: the step in */0 is not a number from 1 on"),
        ("*/ * * * *", "minute field: the step in */ is not a number from 1 on"),
        ("1/2/3 * * * *", "minute field: the step in 1/2/3 is not a number from 1 on"),
        ("", "0 fields in ''"),
        ("* * * *", "4 fields in '* * * *'"),
        ("* * * * * * *", "7 fields in '* * * * * * *'"),
    ],
)
def test_wrong_field_is_named_with_what_it_may_hold(text: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        expand(text)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "wildcard"),
    [
        ("0 * * * *", True),
        ("0 */2 * * *", True),
        ("0 ? * * *", True),
        ("0 0 *,5 * * *", True),
        ("* 5 * * *", False),
        ("* * 0-23 * * *", False),
        ("*/5 0/2 * * *", False),
    ],
)
def test_hour_is_a_wildcard_when_it_begins_with_a_star(text: str, wildcard: bool) -> None:
    assert hour_is_wildcard(text) is wildcard
