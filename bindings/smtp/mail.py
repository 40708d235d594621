"""An operation as a mail: its headers, its body, and who gets it.

Sources: RFC 5322; RFC 6531 for addresses that are not ASCII.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.errors import NonASCIILocalPartDefect
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from bindings.contract import Operation
from bindings.smtp.metadata import SmtpMetadata
from engine.errors import Permanent
from engine.event import Event, is_json, is_text

# Seven bits: not every server takes more.
_POLICY = policy.SMTP.clone(cte_type="7bit")
_POLICY_UTF8 = policy.SMTPUTF8.clone(cte_type="7bit")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LINES = re.compile(r"\s*[\r\n]+\s*")


@dataclass(frozen=True, slots=True)
class Mail:
    """`key` is the same when the operation comes again."""

    key: str
    sender: str
    recipients: Sequence[str]
    content: bytes
    needs_utf8: bool


def mail_of(operation: Operation, metadata: SmtpMetadata) -> Mail:
    """Raises `Permanent` when it cannot be written."""
    if operation.name != "create":
        raise Permanent(f"bindings.smtp has no operation {operation.name!r}; it has create")
    wanted = operation.metadata
    [sender, *others] = _addresses("emailFrom", wanted.get("emailFrom") or metadata.email_from)
    to = _addresses("emailTo", wanted.get("emailTo") or metadata.email_to)
    if others:
        raise Permanent("emailFrom is more than one address")
    copies = _optional("emailCC", wanted.get("emailCC") or metadata.email_cc)
    unseen = _optional("emailBCC", wanted.get("emailBCC") or metadata.email_bcc)
    subject = wanted.get("subject") or metadata.subject
    if not subject:
        raise Permanent("subject is neither in the component's metadata nor in the operation's")
    recipients = list(dict.fromkeys(address.addr_spec for address in (*to, *copies, *unseen)))
    needs_utf8 = not all(spec.isascii() for spec in (sender.addr_spec, *recipients))
    key = hashlib.sha256(f"{operation.event.source}\0{operation.event.id}\0{recipients}".encode()).hexdigest()[:32]
    message = EmailMessage(_POLICY_UTF8 if needs_utf8 else _POLICY)
    message["From"] = sender
    message["To"] = to
    if copies:
        message["Cc"] = copies
    message["Subject"] = _one_line(subject)
    message["Date"] = format_datetime(_time(operation.event))
    message["Message-ID"] = f"<{key}@{sender.domain}>"  # the same when it is sent again: readers see it once
    message["X-Priority"] = str(_priority(wanted, metadata.priority))
    text, subtype = _body(operation.event, wanted.get("contentType"))
    message.set_content(text, subtype=subtype)
    return Mail(key, sender.addr_spec, recipients, message.as_bytes(), needs_utf8)


def _optional(name: str, text: str | None) -> Sequence[Address]:
    return _addresses(name, text) if text else ()


def _addresses(name: str, text: str | None) -> Sequence[Address]:
    """At least one. Nothing in them can become another header, or another command of SMTP."""
    found: list[Address] = []
    for part in (text or "").split(";"):
        if not part.strip():
            continue
        if _CONTROL.search(part):
            raise Permanent(f"{name}: {part!r} has characters that no address has")
        found += _parsed(name, part.strip())
    if not found:
        raise Permanent(f"{name} is neither in the component's metadata nor in the operation's")
    return found


def _parsed(name: str, text: str) -> Sequence[Address]:
    try:
        header = policy.default.header_factory("To", text)
        addresses = [_ascii_domain(address) for address in header.addresses]
    except Permanent:
        raise
    except Exception as error:  # the parser of the standard library breaks in many ways
        raise Permanent(f"{name}: {text!r} is not an address") from error
    defects = [defect for defect in header.defects if not isinstance(defect, NonASCIILocalPartDefect)]
    if defects or not addresses or not all(one.username and one.domain for one in addresses):
        raise Permanent(f"{name}: {text!r} is not an address")
    return addresses


def _ascii_domain(address: Address) -> Address:
    if address.domain.isascii():
        return address
    try:
        domain = address.domain.encode("idna").decode()
    except UnicodeError as error:
        raise Permanent(f"{address.domain!r} is not a domain: {error}") from error
    return Address(address.display_name, address.username, domain)


def _one_line(subject: str) -> str:
    line = _LINES.sub(" ", subject).strip()
    if _CONTROL.search(line.replace("\t", " ")):
        raise Permanent(f"subject {subject!r} has characters that no subject has")
    return line


def _priority(wanted: Mapping[str, str], default: int) -> int:
    text = wanted.get("priority")
    if not text:
        return default
    if text not in ("1", "2", "3", "4", "5"):
        raise Permanent(f"priority {text!r} is not a number from 1 (the highest) to 5")
    return int(text)


def _body(event: Event, content_type: str | None) -> tuple[str, str]:
    """The text of the body, and which kind of text it is."""
    media_type = (content_type or event.content_type).partition(";")[0].strip().lower()
    try:
        text = (event.data or b"").decode()
    except UnicodeDecodeError as error:
        raise Permanent("the data is not text, and cannot be the body of a mail") from error
    if content_type is not None and not is_text(content_type):
        raise Permanent(f"contentType {content_type!r} is not one of a text")
    if is_json(event.content_type):
        value = json.loads(text) if text[:1] == '"' else None
        kind = "html" if isinstance(value, str) else "plain"
        text = value if isinstance(value, str) else text
        return text, media_type.removeprefix("text/") if content_type else kind
    return text, media_type.removeprefix("text/") if media_type.startswith("text/") else "plain"


def _time(event: Event) -> datetime:
    time = event.attributes.get("time")
    try:
        found = datetime.fromisoformat(str(time))
    except ValueError:
        return datetime.now(UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
