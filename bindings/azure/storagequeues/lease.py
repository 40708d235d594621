from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from azure.storage.queue import QueueMessage

from bindings.azure.failure import FAILURES, error_code, said
from bindings.azure.storagequeues.queue import MOST, Queue
from bindings.contract import Clock

_log = logging.getLogger("jackfield.storagequeues")
_NOT_OURS = {"MessageNotFound", "PopReceiptMismatch"}
_GOODBYE = 5.0  # seconds for giving messages back at the end


class Lease:
    """A message that is under way: it is hidden from others as long as it is renewed.

    Each renewal changes its receipt, without which it can be neither deleted nor given back.
    """

    def __init__(self, message: QueueMessage, now: float) -> None:
        self.id = str(message.id)
        self.since = now  # when it was taken or renewed
        self.receipt = str(message.pop_receipt)
        self.lock = asyncio.Lock()


class Leases:
    """Those of one input, renewed when half of their time is over."""

    def __init__(self, queue: Queue, clock: Clock, timeout: float) -> None:
        self._queue = queue
        self._clock = clock
        self._timeout = max(1, round(timeout))
        self._held: dict[str, Lease] = {}
        self._free = asyncio.Semaphore(MOST)
        self._free_to_renew = asyncio.Semaphore(MOST // 2)  # so that what is done need not wait for it
        self._renewing: asyncio.Task[None] | None = None

    @property
    def timeout(self) -> int:
        """Seconds."""
        return self._timeout

    def take(self, message: QueueMessage) -> Lease:
        lease = self._held[str(message.id)] = Lease(message, self._clock.now())
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())
        return lease

    async def delete(self, leases: Iterable[Lease]) -> None:
        """Raises one of `FAILURES`; said again, it is harmless."""
        await asyncio.gather(*(self._end(lease, delete=True) for lease in leases))

    async def release(self, leases: Iterable[Lease]) -> None:
        """Makes them visible again, at once."""
        await asyncio.gather(*(self._end(lease, delete=False) for lease in leases))

    async def close(self) -> None:
        """Gives back what is held, as far as the service answers; the rest comes when its time is over."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
            self._renewing = None
        giving_back = [self._end(lease, delete=False) for lease in self._held.values()]
        if giving_back:
            tasks = [asyncio.ensure_future(one) for one in giving_back]
            _, late = await asyncio.wait(tasks, timeout=_GOODBYE)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._held.clear()

    async def _end(self, lease: Lease, *, delete: bool) -> None:
        client = self._queue.client
        async with lease.lock, self._free:
            try:
                if delete:
                    await client.delete_message(lease.id, lease.receipt)
                else:
                    await client.update_message(lease.id, lease.receipt, visibility_timeout=0)
            except FAILURES as error:
                if error_code(error) not in _NOT_OURS:  # else it is gone, or somebody else's by now
                    raise
            if self._held.get(lease.id) is lease:
                del self._held[lease.id]

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(self._timeout / 4)
            old = self._clock.now() - self._timeout / 2
            await asyncio.gather(*(self._renew_one(lease) for lease in list(self._held.values()) if lease.since <= old))

    async def _renew_one(self, lease: Lease) -> None:
        async with self._free_to_renew, lease.lock:
            if self._held.get(lease.id) is not lease:
                return
            now = self._clock.now()
            try:
                renewed = await self._queue.client.update_message(
                    lease.id, lease.receipt, visibility_timeout=self._timeout
                )
            except FAILURES as error:
                _log.warning("message %s of queue %s is not held any more: %s", lease.id, self._queue.name, said(error))
                if error_code(error) in _NOT_OURS:
                    del self._held[lease.id]
                return
            lease.receipt, lease.since = str(renewed.pop_receipt), now
