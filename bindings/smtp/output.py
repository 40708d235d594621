from __future__ import annotations

from collections.abc import Mapping, Sequence

from bindings.contract import Operation, Result
from bindings.smtp.mail import Mail, mail_of
from bindings.smtp.metadata import SmtpMetadata
from bindings.smtp.server import MailServer
from engine.errors import EventError, Permanent, Retryable, Unavailable

_REMEMBERED = 1000  # mails that some of their recipients have


class SmtpOutput:
    """Sends one mail after the other. A recipient who has a mail does not get it again when it is tried again for the
    others.
    """

    def __init__(self, metadata: SmtpMetadata) -> None:
        self._metadata = metadata
        self._server = MailServer(metadata)
        self._have: dict[str, set[str]] = {}  # by the key of a mail that not all of its recipients have

    async def open(self) -> None:
        await self._server.open()

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        results: list[Result | EventError] = []
        for operation in operations:
            try:
                mail = mail_of(operation, self._metadata)
            except Permanent as error:
                results.append(error)
                continue
            results.append(await self._sent(mail))
            if isinstance(results[-1], Unavailable):  # for the others as well
                return results + [results[-1]] * (len(operations) - len(results))
        return results

    async def close(self) -> None:
        await self._server.close()

    async def _sent(self, mail: Mail) -> Result | EventError:
        have = self._have.get(mail.key, set())
        missing = [recipient for recipient in mail.recipients if recipient not in have]
        try:
            refused = await self._server.send(mail, missing)
        except EventError as error:
            return error
        accepted = have.union(missing) - refused.keys()
        if not refused:
            self._have.pop(mail.key, None)
            return Result(landed=f"mail to {', '.join(mail.recipients)}")
        if accepted:
            self._have[mail.key] = accepted
            if len(self._have) > _REMEMBERED:
                del self._have[next(iter(self._have))]
        return _worst(refused, accepted)


def _worst(refused: Mapping[str, EventError], accepted: set[str]) -> EventError:
    """One who may get it later is a reason to try again; only then is what will never work said."""
    passing = {recipient: error for recipient, error in refused.items() if isinstance(error, Retryable)}
    shown = passing or refused
    text = "; ".join(f"{recipient}: {error}" for recipient, error in shown.items())
    if accepted:
        text += f"; sent to {', '.join(sorted(accepted))}"
    status = next(iter(shown.values())).status
    return (Retryable if passing else Permanent)(text, status=status)
