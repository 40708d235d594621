from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from pydantic import ValidationError

from bindings.smtp.mail import Mail, mail_of
from engine.errors import Permanent
from tests.bindings.fakes import operation
from tests.bindings.smtp.project import metadata
from tests.bindings.smtp.server import text_of


def made(data: bytes = b"x", wanted: dict[str, str] | None = None, type: str = "text/plain", **more: Any) -> Mail:
    return mail_of(operation("create", data, wanted, datacontenttype=type), metadata(587, **more))


def message(mail: Mail) -> EmailMessage:
    found = message_from_bytes(mail.content, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_mail_has_its_headers_and_its_body() -> None:
    one = operation("create", "Grüße\n.\n".encode(), datacontenttype="text/plain", time="2026-11-24T08:00:00Z")
    mail = mail_of(one, metadata(587, emailCC="cc@c.test", emailBCC="bcc@d.test;to@b.test", subject="Grüße"))
    found = message(mail)
    assert (mail.sender, mail.recipients) == ("from@a.test", ["to@b.test", "cc@c.test", "bcc@d.test"])
    assert (found["From"], found["To"], found["Cc"], found["Bcc"]) == ("from@a.test", "to@b.test", "cc@c.test", None)
    assert (found["Subject"], found["X-Priority"]) == ("Grüße", "3")
    assert found["Date"] == "Tue, 24 Nov 2026 08:00:00 +0000"
    assert found["Message-ID"] == f"<{mail.key}@a.test>"
    assert text_of(found) == "Grüße\n."
    assert mail.content.isascii()
    assert mail_of(one, metadata(587)).key != mail.key


@pytest.mark.parametrize(
    ("data", "type", "wanted", "expected", "text"),
    [
        (b"<p>a</p>", "text/html", None, "text/html", "<p>a</p>"),
        (b"a", "text/plain; charset=utf-8", None, "text/plain", "a"),
        (b'"<p>\\u00fc</p>"', "application/json", None, "text/html", "<p>ü</p>"),
        (b'{"a":1}', "application/json", None, "text/plain", '{"a":1}'),
        (b'"a"', "application/json", "text/plain", "text/plain", "a"),
        (b"<p>", "text/plain", "text/html", "text/html", "<p>"),
        (b"<a/>", "application/xml", None, "text/plain", "<a/>"),
        (b"", "text/plain", None, "text/plain", ""),
    ],
)
def test_body_is_the_data(data: bytes, type: str, wanted: str | None, expected: str, text: str) -> None:
    found = message(made(data, {"contentType": wanted} if wanted else None, type))
    assert (found.get_content_type(), text_of(found)) == (expected, text)


def test_operation_counts_before_the_component() -> None:
    wanted = {
        "emailFrom": "Me <other@x.test>",
        "emailTo": ' "Doe, Jane" <jane@b.test> ; john@b.test;',
        "emailCC": "c@c.test",
        "emailBCC": "d@d.test",
        "subject": "Other",
        "priority": "1",
    }
    mail = made(wanted=wanted, emailCC="no@c.test", emailBCC="no@d.test", priority="5")
    found = message(mail)
    assert mail.sender == "other@x.test"
    assert mail.recipients == ["jane@b.test", "john@b.test", "c@c.test", "d@d.test"]
    assert found["To"].addresses[0].display_name == "Doe, Jane"
    assert (found["From"], found["Subject"], found["X-Priority"]) == ("Me <other@x.test>", "Other", "1")


def test_commas_stand_between_addresses_too() -> None:
    assert made(emailTo="a@b.test, c@d.test;e@f.test").recipients == ["a@b.test", "c@d.test", "e@f.test"]


def test_domain_that_is_not_ascii_is_written_as_one_that_is() -> None:
    mail = made(emailTo="a@bücher.test")
    assert (mail.recipients, mail.needs_utf8) == (["a@xn--bcher-kva.test"], False)


def test_name_that_is_not_ascii_needs_a_server_that_takes_it() -> None:
    mail = made(emailTo="jürgen@b.test")
    assert mail.needs_utf8
    assert message(mail)["To"] == "jürgen@b.test"


@pytest.mark.parametrize("field", ["emailFrom", "emailTo", "emailCC", "emailBCC"])
@pytest.mark.parametrize(
    "text",
    [
        "a@b.test\r\nBcc: evil@x.test",
        "a@b.test\nRCPT TO:<evil@x.test>",
        "a@b.test\0",
        "nobody",
        "@b.test",
        "a@",
        "a b@c.test",
        "a@b.test>",
        "<a@b.test> <c@d.test>",
    ],
)
def test_address_that_is_none_is_permanent(field: str, text: str) -> None:
    with pytest.raises(Permanent, match=field):
        made(wanted={field: text})


def test_subject_stays_one_line() -> None:
    found = message(made(wanted={"subject": "Hello\r\nBcc: evil@x.test\r\n\r\nbody"}))
    assert found["Subject"] == "Hello Bcc: evil@x.test body"
    assert found["Bcc"] is None
    long = "ü" * 500
    assert message(made(wanted={"subject": long}))["Subject"] == long


@pytest.mark.parametrize(
    ("wanted", "more", "problem"),
    [
        ({"subject": "a\0b"}, {}, "subject 'a.x00b' has characters"),
        ({"priority": "0"}, {}, "priority '0' is not a number from 1"),
        ({"priority": "high"}, {}, "priority 'high'"),
        ({"emailFrom": "a@b.test;c@d.test"}, {}, "emailFrom is more than one address"),
        ({"contentType": "image/png"}, {}, "contentType 'image/png' is not one of a text"),
        ({}, {"emailFrom": ""}, "emailFrom is neither in the component's metadata nor in the operation's"),
        ({}, {"emailTo": ""}, "emailTo is neither"),
        ({"emailTo": " ; "}, {}, "emailTo is neither"),
        ({}, {"subject": ""}, "subject is neither"),
    ],
)
def test_mail_that_cannot_be_written_is_permanent(wanted: dict[str, str], more: dict[str, Any], problem: str) -> None:
    with pytest.raises(Permanent, match=problem):
        made(wanted=wanted, **more)


def test_data_that_is_no_text_is_permanent() -> None:
    with pytest.raises(Permanent, match="the data is not text"):
        made(b"\xff\xfe", type="application/octet-stream")


@pytest.mark.parametrize("more", [{"user": "a"}, {"password": "b"}, {"priority": "6"}, {"port": "0"}])
def test_metadata_that_cannot_work_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        metadata(**{"port": 587, **more})
