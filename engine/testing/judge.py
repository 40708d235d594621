"""Compares what happened with what a test expects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from bindings.contract import Outcome
from engine.definitions.pipeline_test import Expectation, ExpectedCall, ExpectedLetter, ExpectedOutput
from engine.testing.match import CONTAINS, Difference, differences, shown
from engine.testing.record import Record

Path: TypeAlias = tuple[str | int, ...]
Expected: TypeAlias = ExpectedCall | ExpectedOutput | ExpectedLetter
_NOT_SETTLED = "not settled"


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is not as expected. `path` leads to the expectation, below `expect`."""

    path: Path
    message: str
    details: Sequence[str] = ()


def judge(expect: Expectation, record: Record) -> list[Failure]:
    """All that is wrong; nothing when the test has passed."""
    calls = [call.fields for call in record.calls]
    outputs = [sent.fields for sent in record.outputs]
    letters = [letter.fields for letter in record.dead_letters]
    return [
        *(Failure((), problem) for problem in dict.fromkeys(record.problems)),
        *_List("calls", "call", expect, calls).judge(expect.calls),
        *_List("outputs", "output", expect, outputs).judge(expect.outputs),
        *_List("deadLetters", "dead letter", expect, letters, complete=True).judge(expect.dead_letters),
        *_judge_outcomes(expect, record),
    ]


class _List:
    """One list of expectations against all that happened of that sort; `complete`: nothing else may have happened."""

    def __init__(
        self, field: str, noun: str, expect: Expectation, happened: list[dict[str, Any]], *, complete: bool = False
    ) -> None:
        self._field = field
        self._noun = noun
        self._expect = expect
        self._happened = happened
        self._complete = complete or expect.whole
        self._free = list(range(len(happened)))
        self._from = 0  # where the search begins, when the order counts

    def judge(self, expected: Sequence[Expected] | None) -> Iterator[Failure]:
        wanted = [_written(one) for one in expected or ()]
        order = list(range(len(wanted)))
        if not self._expect.in_order:
            # The most particular first, so that `{app: demo}` takes no call that another expectation means.
            order.sort(key=lambda index: -len(str(wanted[index])))
        for index in order:
            yield from self._find(index, wanted[index], (expected or ())[index].times)
        if self._complete or (wanted == [] and expected is not None):
            yield from map(self._unexpected, self._free)

    def _find(self, index: int, wanted: Mapping[str, Any], times: int | None) -> Iterator[Failure]:
        fitting = [at for at in self._candidates if not self._differences(wanted, at)]
        taken = fitting[:1] if times is None else fitting
        if not taken:
            yield self._missing((self._field, index), wanted)
        elif times is not None and len(taken) != times:
            yield Failure((self._field, index), f"expected {times} times, and it is there {_times(len(taken))}")
        for at in taken:
            self._free.remove(at)
        if taken and self._expect.in_order:
            self._from = taken[-1] + 1

    @property
    def _candidates(self) -> list[int]:
        return [at for at in self._free if at >= self._from]

    def _differences(self, wanted: Mapping[str, Any], at: int) -> list[Difference]:
        found: list[Difference] = []
        happened = self._happened[at]
        for field, value in wanted.items():
            whole = self._expect.whole and field in ("data", "metadata")
            if field in happened:
                found += differences(value, happened[field], whole=whole, path=(field,))
            else:  # what is published has no `binding`, and what goes to a binding no `topic`
                found.append(Difference((field,), shown(value), "nothing"))
        return found

    def _missing(self, path: Path, wanted: Mapping[str, Any]) -> Failure:
        if not self._candidates:
            after = " after those before it in the list" if self._expect.in_order and self._free else ""
            return Failure(path, f"there is no{' other' if self._happened and not after else ''} {self._noun}{after}")
        closest = min(self._candidates, key=lambda at: len(self._differences(wanted, at)))
        wrong = self._differences(wanted, closest)
        message = f"there is no such {self._noun}; the closest is {self._noun} {closest + 1} of {len(self._happened)}"
        return Failure((*path, *wrong[0].path), message, [line for one in wrong for line in _lines(one)])

    def _unexpected(self, at: int) -> Failure:
        happened = self._happened[at]
        told = {key: value for key, value in happened.items() if key not in ("headers", "event") and value is not None}
        message = f"{self._noun} {at + 1} is not expected, of the event {happened['event']['id']}"
        return Failure((self._field,), message, [f"+ {shown(told)}"])


def _written(expected: Expected) -> dict[str, Any]:
    named = [name for name in type(expected).model_fields if name in expected.model_fields_set and name != "times"]
    wanted = {name: getattr(expected, name) for name in named}
    if "headers" in wanted:
        wanted["headers"] = {name.lower(): value for name, value in wanted["headers"].items()}
    if isinstance(wanted.get("error"), str):
        wanted["error"] = {CONTAINS: wanted["error"]}
    return wanted


def _lines(difference: Difference) -> list[str]:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in difference.path)
    return [f"  {where.removeprefix('.')}", f"- {difference.expected}", f"+ {difference.got}"]


def _judge_outcomes(expect: Expectation, record: Record) -> Iterator[Failure]:
    got = [outcome.value if outcome else _NOT_SETTLED for outcome in record.outcomes]
    counts = Counter(got)
    if isinstance(expect.outcomes, list):
        if expect.outcomes != got:
            yield Failure(("outcomes",), "the outcomes are others", [f"- {shown(expect.outcomes)}", f"+ {shown(got)}"])
    elif expect.outcomes is not None:
        for outcome, count in expect.outcomes.items():
            if counts[outcome] != count:
                yield Failure(
                    ("outcomes", outcome), f"expected {_times(count)}, and it is there {_times(counts[outcome])}"
                )
        if expect.whole and counts.keys() - expect.outcomes.keys():
            yield Failure(("outcomes",), "there are other outcomes", [f"+ {shown(counts)}"])
    lost = [came.id for came in record.came if came.outcome in (None, Outcome.RELEASED)]
    if lost and "released" not in (expect.outcomes or ()):
        more = f", nor were {len(lost) - 1} more" if len(lost) > 1 else ""
        hint = "what is still tried again at the end of the time is `released`: expect that, or give it more time"
        yield Failure(("outcomes",), f"the event {lost[0]} was not finished when the test ended{more}", [f"  {hint}"])


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
