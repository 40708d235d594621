"""What a reader says of its messages. Each has a subject of its own for that, which any connection may publish to.

Source: https://docs.nats.io/reference/reference-protocols/nats_api_reference (acknowledging messages).
"""

from __future__ import annotations

from collections.abc import Sequence

from nats.aio.msg import Msg
from nats.errors import Error

from bindings.nats.connection import Link
from bindings.nats.replies import Request
from engine.errors import EventError, Unavailable

_ACK, _NAK, IN_PROGRESS = b"+ACK", b"-NAK", b"+WPI"
_CONFIRM = 5.0  # seconds


async def acknowledge(link: Link, done: Sequence[str], back: Sequence[str]) -> None:
    """Returns when the server has taken all of them: it takes them in their order, so only the last one is asked.

    Raises `EventError` when it does not say so.
    """
    words = [(reply, _NAK) for reply in back] + [(reply, _ACK) for reply in done]
    if not words:
        return
    *first, (reply, word) = words
    try:
        for other, its_word in first:
            await link.client.publish(other, its_word)
    except Error as error:
        raise Unavailable(f"NATS: {error}") from error
    [answer] = await link.replies.ask([Request(reply, word)], _CONFIRM)
    if isinstance(answer, EventError):
        raise answer
    if status_of(answer):
        raise Unavailable("the consumer that gave the messages out is not there")


def status_of(message: Msg) -> str:
    """Of a message that the server itself has written; empty for one of a publisher, which is to be answered."""
    return "" if message.data or message.reply else (message.headers or {}).get("Status", "")
