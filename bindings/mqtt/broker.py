"""Connecting to the broker of a component."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bindings.mqtt.metadata import BrokerMetadata
from bindings.mqtt.packets import Delivery
from bindings.mqtt.wire import Login, Refused, Wire
from engine.errors import DefinitionError, NotReady

_UNAVAILABLE = 3  # the codes of CONNACK (MQTT 3.1.1, 3.2.2.3)
_REFUSALS = {
    1: ("does not speak MQTT 3.1.1", ""),
    2: ("does not take the client id", "another `consumerID`"),
    4: ("refused the login", "the user and the password in `url`"),
    5: ("refused the login", "the user and the password in `url`"),
}


async def connect(
    metadata: BrokerMetadata,
    client_id: str,
    *,
    clean_session: bool,
    on_message: Callable[[Wire, Delivery], None],
    on_lost: Callable[[Wire], None],
) -> Wire:
    """Raises `DefinitionError` for what a person must change, `NotReady` when the broker does not answer."""
    tls = await asyncio.to_thread(metadata.tls)
    login = Login(client_id, clean_session, metadata.user, metadata.password)
    wire = Wire(on_message, on_lost)
    try:
        await wire.connect(metadata.host, metadata.port, tls, login)
    except Refused as error:
        if error.code in _REFUSALS:
            what, hint = _REFUSALS[error.code]
            raise DefinitionError(f"the MQTT broker at {metadata.shown} {what}", hint=hint) from error
        reason = "it is not ready" if error.code == _UNAVAILABLE else f"code {error.code}"
        raise NotReady(f"the MQTT broker at {metadata.shown} does not take the connection: {reason}") from error
    except (OSError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise NotReady(f"the MQTT broker at {metadata.shown} does not answer: {reason}") from error
    return wire
