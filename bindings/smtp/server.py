"""The connection to a mail server, kept from one mail to the next."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import Mapping, Sequence

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from bindings.smtp.mail import Mail
from bindings.smtp.metadata import SmtpMetadata
from engine.errors import (
    DefinitionError,
    EventError,
    JackfieldError,
    NotReady,
    Permanent,
    Retryable,
    TimedOut,
    Unavailable,
)

_TIMEOUT = 30.0  # seconds for each answer of the server
_TLS_PORT = 465  # RFC 8314
_CLOSING = 421  # the server ends the connection (RFC 5321, 4.2.1)


class _Ended(Exception):
    """The server has ended the connection."""


class MailServer:
    """One mail at a time."""

    def __init__(self, metadata: SmtpMetadata) -> None:
        self._metadata = metadata
        self._client: SMTP | None = None
        self._busy = asyncio.Lock()

    async def open(self) -> None:
        """Raises `DefinitionError` for what a person must change, `NotReady` when the server does not answer."""
        async with self._busy:
            await self._connected()

    async def send(self, mail: Mail, recipients: Sequence[str]) -> Mapping[str, EventError]:
        """Which of the recipients were refused, and why; raises `EventError` when the mail went to nobody."""
        async with self._busy:
            if self._client is not None:
                # A server ends a connection that is idle or has sent enough, and says so only to the next mail.
                with contextlib.suppress(_Ended):
                    return await self._send(mail, recipients)
            try:
                return await self._send(mail, recipients)
            except _Ended as error:
                raise Unavailable(f"{self._shown} has ended the connection: {error}") from error

    async def close(self) -> None:
        async with self._busy:
            client, self._client = self._client, None
            if client is not None:
                with contextlib.suppress(SMTPException, OSError):
                    await client.quit(timeout=1.0)
                client.close()

    async def _send(self, mail: Mail, recipients: Sequence[str]) -> Mapping[str, EventError]:
        try:
            client = await self._connected()
        except (NotReady, DefinitionError) as error:
            raise Unavailable(str(error)) from error
        options = ["SMTPUTF8"] if mail.needs_utf8 else []
        try:
            replies, _ = await client.sendmail(mail.sender, recipients, mail.content, mail_options=options)
            return {recipient: _error_of(reply.code, reply.message) for recipient, reply in replies.items()}
        except SMTPRecipientsRefused as error:
            if any(one.code == _CLOSING for one in error.recipients):
                self._drop()
                raise _Ended(error.recipients[0].message) from error
            return {one.recipient: _error_of(one.code, one.message) for one in error.recipients}
        except SMTPResponseException as error:
            if error.code == _CLOSING:
                self._drop()
                raise _Ended(error.message) from error
            raise _error_of(error.code, error.message) from error
        except SMTPTimeoutError as error:
            self._drop()
            raise TimedOut(f"{self._shown} has not answered within {_TIMEOUT:.0f} s") from error
        except (SMTPServerDisconnected, OSError) as error:
            self._drop()
            raise _Ended(str(error)) from error
        except (SMTPNotSupported, ValueError) as error:
            raise Permanent(f"{self._shown} cannot take the mail: {error}") from error
        except BaseException:  # in the middle of a conversation
            self._drop()
            raise

    async def _connected(self) -> SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        self._drop()
        metadata = self._metadata
        starts_with_tls = metadata.port == _TLS_PORT
        client = SMTP(
            hostname=metadata.host,
            port=metadata.port,
            timeout=_TIMEOUT,
            use_tls=starts_with_tls,
            start_tls=False if starts_with_tls else None,  # None: when the server offers it
            tls_context=await asyncio.to_thread(self._tls),
        )
        try:
            await client.connect()
            await self._log_in(client)
        except BaseException as error:
            client.close()
            if isinstance(error, SMTPException | OSError):
                raise self._refused(error) from error
            raise
        self._client = client
        return client

    async def _log_in(self, client: SMTP) -> None:
        user, password = self._metadata.user, self._metadata.password
        if user is None or password is None:
            return
        if client.get_transport_info("sslcontext") is None and not _is_here(self._metadata.host):
            hint = "use a port with TLS, or leave out user and password"
            raise DefinitionError(f"{self._shown} offers no TLS: the password could be read on the way", hint=hint)
        if client.is_ehlo_or_helo_needed:  # TLS makes the server forget what it has said
            await client.ehlo()
        if not client.supported_auth_methods:
            hint = "leave out user and password"
            raise DefinitionError(f"{self._shown} takes no user and password", hint=hint)
        await client.login(user, password.get_secret_value())

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._metadata.skip_tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _refused(self, error: Exception) -> JackfieldError:
        if isinstance(error, SMTPAuthenticationError) and error.code >= 500:
            return DefinitionError(f"{self._shown} refused the login", hint="user and password")
        return NotReady(f"{self._shown} does not answer: {error or type(error).__name__}")

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def _shown(self) -> str:
        return f"the mail server {self._metadata.host}:{self._metadata.port}"


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _error_of(code: int, message: str) -> EventError:
    """4yz may pass later, 5yz will not (RFC 5321, 4.2.1)."""
    kind = Retryable if code < 500 else Permanent
    return kind(f"{code} {message}", status=code)
