"""How long dead letters are kept; without a limit, for ever. None is dropped that was not announced before."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence

from bindings.contract import Clock
from bindings.metadata import parse_duration
from bindings.store import ALL_LETTERS, DeadLetter, LetterQuery, Store
from engine.errors import DefinitionError, JackfieldError
from engine.event import rfc3339

PERIOD = 3600.0  # seconds between a warning and the drop
_PAGE = 500
_log = logging.getLogger("jackfield.retention")


class Retention:
    """Drops, once a `PERIOD`, the dead letters older than `keep` seconds, and the oldest beyond `most`.

    A letter is dropped a period after a warning that was about it, which has the command that saves it to a file.
    """

    def __init__(self, store: Store, clock: Clock, keep: float | None, most: int | None) -> None:
        self._store = store
        self._clock = clock
        self._keep = keep
        self._most = most
        self._announced: frozenset[str] = frozenset()

    @classmethod
    def of(cls, store: Store, clock: Clock, keep: str | None, most: int | None) -> Retention:
        """From the options of the command line; raises `DefinitionError`."""
        if most is not None and most < 1:
            raise DefinitionError(f"--most-dead-letters: {most} is not 1 or more")
        if keep is not None and keep.strip().replace(".", "").isdigit():
            # Elsewhere a number is seconds; here it would delete what was meant to be kept for days.
            raise DefinitionError(f"--keep-dead-letters: {keep!r} has no unit", hint=f"write {keep}d for days")
        try:
            return cls(store, clock, None if keep is None else parse_duration(keep), most)
        except ValueError as error:
            raise DefinitionError(f"--keep-dead-letters: {error}") from error

    async def run(self) -> None:
        """Until it is cancelled, from now on; the store is open."""
        while self._keep is not None or self._most is not None:
            try:
                await self._look()
            except Exception as error:
                bug = None if isinstance(error, JackfieldError) else error
                _log.warning("dead letters could not be looked through: %s", error, exc_info=bug)
            await self._clock.sleep(PERIOD)

    async def _look(self) -> None:
        beyond = await self._beyond()
        due = [id for id in beyond if id in self._announced]
        new = {id: time for id, time in beyond.items() if id not in self._announced}
        await self._drop(due)
        self._announced = frozenset(new)
        if new:
            until = rfc3339(max(new.values()) + 0.001)  # exclusive, and cut to the millisecond
            command = f"jackfield dead-letters export FILE --until {until}"
            what, when = f"{len(new):,} dead letters are {self._limits()}", f"{PERIOD / 60:.0f} minutes"
            _log.warning("%s, and are dropped in %s; to keep them: %s", what, when, command)

    async def _beyond(self) -> Mapping[str, float]:
        """The ids of those beyond a limit, and their times."""
        found: dict[str, float] = {}
        if self._keep is not None:
            async for page in self._pages(LetterQuery(until=self._clock.now() - self._keep)):
                found.update({letter.id: letter.time for letter in page})
        if self._most is not None:
            left = await self._store.count_dead_letters() - self._most
            async for page in self._pages(ALL_LETTERS):
                if left <= 0:
                    break
                found.update({letter.id: letter.time for letter in page[:left]})
                left -= len(page)
        return found

    async def _pages(self, which: LetterQuery) -> AsyncIterator[Sequence[DeadLetter]]:
        after = ""
        while page := await self._store.dead_letters(which, after=after, limit=_PAGE):
            yield page
            after = page[-1].id

    async def _drop(self, ids: Sequence[str]) -> None:
        pages = [ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE)]
        if dropped := sum([await self._store.remove_dead_letters(page) for page in pages]):
            _log.warning("dropped %s dead letters that were %s", f"{dropped:,}", self._limits())

    def _limits(self) -> str:
        age = f"older than {_span(self._keep)}" if self._keep is not None else ""
        number = f"beyond the newest {self._most:,}" if self._most is not None else ""
        return " or ".join(filter(None, (age, number)))


def _span(seconds: float) -> str:
    return f"{seconds / 86400:g} days" if seconds >= 86400 else f"{seconds / 3600:g} hours"
