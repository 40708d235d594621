"""One connection to NATS for all topics of a component; whoever finds it broken makes it anew."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable
from typing import Any, Protocol

import nkeys
from nats.aio.client import Client
from nats.errors import Error, NoServersError
from nats.js.client import JetStreamContext

from bindings.nats.metadata import JetStreamMetadata
from bindings.nats.replies import Replies
from bindings.tls import ClientTls
from engine.errors import DefinitionError, NotReady

_CONNECT_TIMEOUT = 10.0  # seconds, for all of the servers
_API_TIMEOUT = 5.0  # seconds
_CLOSE_TIMEOUT = 0.5  # seconds
_PING_EVERY = 10  # seconds: a server that is silent for three of them is gone


class Lane(Protocol):
    """Whoever waits for something that comes over a connection."""

    def broken(self, reason: str) -> None: ...  # nothing comes any more


class Link:
    """A connection while it lasts. `problem` says why it does not any more."""

    def __init__(self, client: Client, api: str) -> None:
        self.problem = ""
        self.client = client
        self.api = api
        self.replies = Replies(client)
        self.jetstream: JetStreamContext = client.jetstream(prefix=api, timeout=_API_TIMEOUT)
        self._lanes: set[Lane] = {self.replies}

    def attach(self, lane: Lane) -> None:
        self._lanes.add(lane)

    def detach(self, lane: Lane) -> None:
        self._lanes.discard(lane)

    async def failed(self, error: Exception) -> None:
        self.replies.complaint = str(error).removeprefix("nats: ")

    def lost(self) -> None:
        error = self.client.last_error
        self.problem = self.problem or f"the connection to NATS was lost{f': {_reason(error)}' if error else ''}"
        for lane in list(self._lanes):
            lane.broken(self.problem)

    async def close(self) -> None:
        # nats-py waits for the end of a connection whose TLS has failed, which it never hears of.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self.client.close()


class _StrictClient(Client):
    """nats-py uses TLS when the server says so; this one also refuses a server that does not. And it always tells of
    the end of a connection, which nats-py does not when it has something left to write.
    """

    lost: Callable[[], None]

    def __init__(self, wants_tls: bool) -> None:
        super().__init__()
        self._wants_tls = wants_tls

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and self._wants_tls and not info.get("tls_required"):
            raise Error("nats: the server does not speak TLS")  # before any secret was sent
        await super()._process_info(info, initial_connection)

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        self.lost()
        self._pending.clear()  # nobody waits for it any more, and to write it would fail
        self._pending_data_size = 0
        await super()._close(status, do_cbs)


class NatsConnection:
    def __init__(self, metadata: JetStreamMetadata) -> None:
        self._metadata = metadata
        self._link: Link | None = None
        self._connecting = asyncio.Lock()

    async def link(self) -> Link:
        """The connection, made anew when it is broken. Raises `DefinitionError` for what a person must change,
        `NotReady` when the server does not answer.
        """
        async with self._connecting:
            if self._link is None or self._link.problem:
                await self._drop()
                self._link = await self._connect()
            return self._link

    async def close(self) -> None:
        async with self._connecting:
            await self._drop()

    async def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _connect(self) -> Link:
        metadata = self._metadata
        options = await asyncio.to_thread(self._credentials)
        client = _StrictClient(metadata.wants_tls)
        link = Link(client, metadata.api)
        client.lost = link.lost
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await client.connect(
                    metadata.servers,
                    name=metadata.name,
                    error_cb=link.failed,
                    allow_reconnect=False,  # the engine opens again, and shows meanwhile what is the matter
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    ping_interval=_PING_EVERY,
                    pending_size=0,  # else it waits for ever with what a broken connection cannot take
                    **options,
                )
                await link.replies.start()
        except BaseException as error:
            await link.close()
            if isinstance(error, Error | OSError | TimeoutError):
                raise self._refused(error, link.replies.complaint) from error
            raise
        return link

    def _credentials(self) -> dict[str, Any]:
        """Dapr's order: a JWT, else a client certificate, else a token; a user and password are in the address."""
        metadata = self._metadata
        options: dict[str, Any] = {}
        if metadata.wants_tls:
            key = metadata.tls_client_key
            names = ("", "tls_client_cert", "tls_client_key")
            options["tls"] = ClientTls(
                None, metadata.tls_client_cert, key.get_secret_value() if key else None, names
            ).context()
        if metadata.jwt is not None and metadata.seed_key is not None:
            jwt = metadata.jwt.get_secret_value().encode()
            options["user_jwt_cb"] = lambda: bytearray(jwt)
            options["signature_cb"] = _signer(metadata.seed_key.get_secret_value())
        elif metadata.token is not None and metadata.tls_client_cert is None:
            options["token"] = metadata.token.get_secret_value()
        return options

    def _refused(self, error: BaseException, complaint: str) -> NotReady | DefinitionError:
        reason = complaint if isinstance(error, NoServersError) and complaint else _reason(error)
        if "authorization violation" in reason.lower():
            hint = "the user and the password in `natsURL`, `token`, or `jwt` with `seedKey`"
            return DefinitionError(f"NATS at {self._metadata.shown} refused the login", hint=hint)
        return NotReady(f"NATS at {self._metadata.shown} does not answer: {reason}")


def _signer(seed: str) -> Callable[[str], bytes]:
    try:
        pair = nkeys.from_seed(bytearray(seed.strip().encode()))
    except Exception as error:  # nkeys raises what its parts raise
        raise DefinitionError("seedKey is not the seed of a key of NATS", hint="it begins with SU") from error
    return lambda nonce: base64.b64encode(pair.sign(nonce.encode()))


def _reason(error: BaseException) -> str:
    return str(error).removeprefix("nats: ") or type(error).__name__
