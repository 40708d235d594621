"""Which dead letters a command is about: those with these ids, or all that meet some conditions."""

from __future__ import annotations

import reprlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from bindings.metadata import parse_duration
from bindings.store import ALL_LETTERS, DeadLetter, LetterQuery, Store
from engine.errors import DefinitionError, Permanent
from engine.expression_errors import ExpressionError
from engine.expressions import Expression, Scope, compile_expression

_PAGE = 500
_NAMES = frozenset({"event", "data", "metadata", "now"})


def instant(text: str, now: float) -> float:
    """Seconds since the epoch of an RFC 3339 time, or of so long ago (`2h`); raises `ValueError`."""
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise ValueError(f"{text!r} is not a time; write it like 2h (ago) or 2026-11-24T08:00:00Z")
    return time.timestamp()


async def found(store: Store, id: str) -> DeadLetter:
    letter = await store.dead_letter(id)
    if letter is None:
        raise DefinitionError(f"there is no dead letter {id!r}", hint="`jackfield dead-letters list` lists them")
    return letter


class LetterChoice:
    """`where`: an expression over the event as it was when it failed; a letter on which it fails is not chosen."""

    def __init__(
        self,
        store: Store,
        now: float,
        ids: Sequence[str] = (),
        which: LetterQuery = ALL_LETTERS,
        where: str | None = None,
    ) -> None:
        """Raises `DefinitionError` when `where` is no expression."""
        self._store = store
        self._now = now
        self._ids = ids
        self._which = which
        self._where = _compiled(where) if where is not None else None
        self.failures: list[tuple[str, Permanent]] = []  # the ids on which `where` failed, and why

    async def pages(self) -> AsyncIterator[Sequence[DeadLetter]]:
        """The oldest first; raises `DefinitionError`, and gives none, when one of the ids does not exist."""
        if self._ids:
            yield [await found(self._store, id) for id in dict.fromkeys(self._ids)]
            return
        after = ""
        while page := await self._store.dead_letters(self._which, after=after, limit=_PAGE):
            if chosen := [letter for letter in page if self._holds(letter)]:
                yield chosen
            after = page[-1].id

    def _holds(self, letter: DeadLetter) -> bool:
        if self._where is None:
            return True
        try:
            value = self._where.evaluate(Scope(letter.event, letter.metadata, {}, self._now))
            if not isinstance(value, bool):
                raise Permanent(f"{self._where.source!r} must be true or false, and is {reprlib.repr(value)}")
        except Permanent as error:
            self.failures.append((letter.id, error))
            return False
        return value


def _compiled(source: str) -> Expression:
    try:
        expression = compile_expression(source)
    except ExpressionError as error:
        raise DefinitionError(f"--where, column {error.offset + 1}: {error}", hint=error.hint) from error
    for name in expression.names - _NAMES:
        raise DefinitionError(f"--where: there is no {name!r} here", hint="there are event, data, metadata and now")
    return expression
