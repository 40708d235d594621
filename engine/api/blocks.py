"""All building blocks together: what each protocol serves."""

from __future__ import annotations

from bindings.contract import Clock
from engine.api.bindings import Bindings
from engine.api.health import Health
from engine.api.invoke import Invoke
from engine.api.metadata import Metadata
from engine.api.parts import Parts
from engine.api.publish import Publish
from engine.api.secrets import Secrets
from engine.api.state import State


class Blocks:
    """`app_id` stands before the keys of state, and is the source of published events.

    `token`: what a caller must send as `dapr-api-token`; None: anyone who reaches the port may call.
    """

    def __init__(self, parts: Parts, clock: Clock, app_id: str, token: str | None = None) -> None:
        self.token = token
        self.state = State(parts, app_id)
        self.publish = Publish(parts, app_id, clock)
        self.bindings = Bindings(parts, app_id, clock)
        self.secrets = Secrets(parts)
        self.invoke = Invoke(parts)
        self.metadata = Metadata(parts, app_id)
        self.health = Health(parts, app_id)
        self.shut_down = parts.shut_down
