"""The fields of a cron schedule, in the grammar of robfig/cron that Dapr uses: https://pkg.go.dev/github.com/robfig/cron/v3.

Beyond it: 7 is Sunday too, and `L` is the last day of the month.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_WHOLE = {"*": "*", "*/1": "*", "?": "*"}


@dataclass(frozen=True)
class Field:
    name: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)
    last: int | None = None  # where `*/2` and `5/2` end, if not at `high`
    words: Mapping[str, str] = field(default_factory=lambda: _WHOLE)  # what may be the whole field

    def expand(self, text: str) -> str:
        """The field in the plainest form: `*`, `L` or a list of numbers.

        Raises `ValueError` with the field's name and what it may hold.
        """
        if text.upper() in self.words:
            return self.words[text.upper()]
        values = {value for part in text.split(",") for value in self._part(part)}
        if self.last is not None:
            values = {value % (self.last + 1) for value in values}
        return ",".join(str(value) for value in sorted(values))

    def _part(self, part: str) -> range:
        """`*`, `5` or `5-10`, each with or without a `/step`."""
        span, slash, step = part.partition("/")
        start, dash, end = span.partition("-")
        last = self.high if self.last is None else self.last
        if start in ("*", "?") and not dash:
            first = self.low
        else:
            first = self._number(start)
            if dash:
                last = self._number(end)
            elif not slash:
                last = first
        if first > last:
            raise ValueError(f"{self.name} field: the range {span} runs backwards")
        return range(first, last + 1, self._step(part, step) if slash else 1)

    def _number(self, text: str) -> int:
        number = self.names.get(text.lower())
        if number is None and text.isascii() and text.isdigit():
            number = int(text)
        if number is None or not self.low <= number <= self.high:
            raise ValueError(f"{self.name} field: {text or 'an empty value'} is not in {self._allowed()}")
        return number

    def _allowed(self) -> str:
        names = list(self.names)
        return f"{self.low}-{self.high}" + (f" or {names[0]}-{names[-1]}" if names else "")

    def _step(self, part: str, step: str) -> int:
        if not (step.isascii() and step.isdigit() and int(step)):
            raise ValueError(f"{self.name} field: the step in {part} is not a number from 1 on")
        return int(step)


FIELDS = (
    Field("second", 0, 59),
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day-of-month", 1, 31, words={**_WHOLE, "L": "L"}),
    Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    Field("day-of-week", 0, 7, {name: number for number, name in enumerate(_DAYS)}, last=6),
)


def expand(text: str) -> str:
    """Five fields, or six with the seconds first, as six plain ones; raises `ValueError` for a person."""
    fields = text.split()
    if len(fields) not in (5, 6):
        names = " ".join(each.name for each in FIELDS[1:])
        raise ValueError(f"{len(fields)} fields in {text!r}: write 5 ({names}), or 6 with the second first")
    seconds = [] if len(fields) == 6 else ["0"]
    return " ".join(each.expand(part) for each, part in zip(FIELDS, seconds + fields, strict=True))


def hour_is_wildcard(text: str) -> bool:
    """Whether the hour field begins with `*` (`HR_STAR` of Vixie cron); `?` means the same."""
    return text.split()[-4].startswith(("*", "?"))
