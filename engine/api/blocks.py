"""All building blocks together: what each protocol serves."""

from __future__ import annotations

import asyncio

from bindings.contract import Clock
from engine.api.bindings import Bindings
from engine.api.configuration import Configuration
from engine.api.health import Health
from engine.api.invoke import Invoke
from engine.api.locks import Locks
from engine.api.metadata import Metadata
from engine.api.parts import Parts
from engine.api.publish import Publish
from engine.api.secrets import Secrets
from engine.api.state import State
from engine.api.subscribe import Subscribe

LARGEST_BODY = 4 * 2**20  # bytes; Dapr's default of --max-body-size


class Blocks:
    """`app_id` stands before the keys of state, and is the source of published events.

    `token`: what a caller must send as `dapr-api-token`; None: anyone who reaches the port may call. `max_body`: the
    largest body of a request, in bytes.
    """

    def __init__(
        self, parts: Parts, clock: Clock, app_id: str, token: str | None = None, max_body: int = LARGEST_BODY
    ) -> None:
        self.token = token
        self.max_body = max_body
        self.state = State(parts, app_id)
        self.publish = Publish(parts, app_id, clock)
        self.subscribe = Subscribe(parts, app_id)
        self.bindings = Bindings(parts, app_id, clock)
        self.secrets = Secrets(parts)
        self.locks = Locks(parts, app_id)
        self.configuration = Configuration(parts, app_id, clock)
        self.invoke = Invoke(parts)
        self.metadata = Metadata(parts, app_id)
        self.health = Health(parts, app_id)
        self.shut_down = parts.shut_down

    async def close(self) -> None:
        """Ends what would go on without a call."""
        await asyncio.gather(self.configuration.close(), self.subscribe.close())
