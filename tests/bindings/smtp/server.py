"""A mail server in the event loop of the test: aiosmtpd, which keeps what it gets."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "alerts", "s3cret"


@dataclass
class Taken:
    sender: str
    recipients: list[str]
    message: EmailMessage
    user: str | None
    is_encrypted: bool

    @property
    def text(self) -> str:
        return text_of(self.message)


def text_of(message: EmailMessage) -> str:
    return str(message.get_content()).replace("\r\n", "\n").removesuffix("\n")


@dataclass
class Server:
    """What it says to a recipient, or to the data of a mail; `replies` are said once each, then it takes mails."""

    refused: dict[str, str] = field(default_factory=dict)
    replies: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    connections: list[SMTP] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.replies:
            return self.replies.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        user = session.auth_data.login.decode() if isinstance(session.auth_data, LoginPassword) else None
        self.taken.append(
            Taken(str(envelope.mail_from), list(envelope.rcpt_tos), message, user, session.ssl is not None)
        )
        return "250 OK"

    def end_connections(self) -> None:
        """As a server ends what is idle."""
        for connection in self.connections:
            if connection.transport is not None:
                connection.transport.close()


def _authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False, auth_data=data)


@asynccontextmanager
async def serving(
    *, tls: ssl.SSLContext | None = None, implicit: bool = False, login: bool = False, utf8: bool = True
) -> AsyncIterator[Server]:
    """`tls`: by STARTTLS, or from the start with `implicit`. `login`: it wants the user and the password."""
    server = Server()
    loop = asyncio.get_running_loop()

    def connected() -> SMTP:
        more: dict[str, Any] = {"authenticator": _authenticate, "auth_required": True} if login else {}
        start_tls = None if implicit else tls
        with warnings.catch_warnings(action="ignore"):  # a login without TLS
            connection = SMTP(
                server,
                hostname="test",
                enable_SMTPUTF8=utf8,
                tls_context=start_tls,
                auth_require_tls=not login or start_tls is not None,
                loop=loop,
                **more,
            )
        server.connections.append(connection)
        return connection

    listener = await loop.create_server(connected, "127.0.0.1", 0, ssl=tls if implicit else None)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        server.end_connections()
        await listener.wait_closed()
