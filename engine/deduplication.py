"""Deduplication that cannot lose: a key counts as seen only once all effects of its event are confirmed.

The ledger of the store has two phases (bindings/store.py). A crash between the outputs' confirmation and the commit
repeats an event; it never drops one, as a ledger does that is written before the effects.
"""

from __future__ import annotations

from collections.abc import Sequence

from bindings.contract import Outcome, Settled
from bindings.store import Store
from engine.definitions.pipeline import Deduplicate
from engine.errors import Unavailable
from engine.expressions import compile_expression, text_of
from engine.passage import Passage
from engine.stages.stage import Surroundings, Verdict

_SWEEPS_A_WINDOW = 20


class Deduplication:
    """A stage that ends events which were done before, and what commits those that are done.

    The key is the event's source and id (CloudEvents 1.0, 3.1: together they are unique), or what the definition says.
    A replay is no duplicate of the dead letter that it was.
    """

    name = "deduplicate"
    limit = None
    waits = False

    def __init__(self, pipeline: str, settings: Deduplicate, store: Store, surroundings: Surroundings) -> None:
        self._scope = f"deduplicate/{pipeline}"
        self._settings = settings
        self._key = compile_expression(settings.key) if settings.key is not None else None
        self._store = store
        self._surroundings = surroundings
        self._claimed: dict[int, str] = {}  # of a message on its way, by its identity
        self._on_their_way: set[str] = set()
        self._swept = 0.0

    def key_of(self, passage: Passage) -> str:
        """Raises `Permanent` when the definition's expression fails on the event."""
        if self._key is None:
            return f"{passage.event.source} {passage.event.id}"
        return text_of(self._key.evaluate(self._surroundings.scope(passage)))

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        now = self._surroundings.clock.now()
        keys = [self.key_of(passage) for passage in batch]
        done_before = await self._store.claim(self._scope, keys, now, now - self._settings.window)
        verdicts: list[Verdict] = []
        for passage, key, is_done in zip(batch, keys, done_before, strict=True):
            if is_done and passage.arrival.replay is None:
                verdicts.append(Outcome.FILTERED)
            elif key in self._on_their_way:
                # Without `orderBy` the intake holds it back; with it, one key of the order may have two of these.
                verdicts.append(Unavailable("another event of the same deduplication key is on its way"))
            else:
                self._claimed[id(passage.arrival.received)] = key
                self._on_their_way.add(key)
                verdicts.append(passage.event)
        return verdicts

    async def commit(self, settled: Sequence[Settled]) -> None:
        """Must be durable before the messages are settled with the input."""
        claimed = [(one, key) for one in settled if (key := self._claimed.get(id(one.received))) is not None]
        done = [key for one, key in claimed if one.outcome is not Outcome.RELEASED]
        if done:
            now = self._surroundings.clock.now()
            await self._store.commit(self._scope, done, now)
            await self._sweep(now)
        for one, key in claimed:
            del self._claimed[id(one.received)]
            self._on_their_way.discard(key)

    def clear(self) -> None:
        """Nothing is on its way any more: what was claimed and is not committed comes again."""
        self._claimed.clear()
        self._on_their_way.clear()

    async def _sweep(self, now: float) -> None:
        if now - self._swept >= self._settings.window / _SWEEPS_A_WINDOW:
            self._swept = now
            await self._store.sweep(self._scope, now - self._settings.window, self._settings.most)
