from __future__ import annotations

import asyncio
import shutil
import ssl

import pytest

from bindings.contract import Result
from bindings.smtp.server import _is_here
from engine.errors import DefinitionError, NotReady, TimedOut
from tests.bindings.fakes import operation
from tests.bindings.keys import Keys, make_keys
from tests.bindings.smtp.project import make_output, sending
from tests.bindings.smtp.server import PASSWORD, USER, serving

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificates")
LOGIN = {"user": USER, "password": PASSWORD}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("keys"), "mail")


@pytest.fixture
def tls(keys: Keys) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys.certificate, keys.key)
    return context


@needs_openssl
@pytest.mark.parametrize("implicit", [False, True])
async def test_tls_and_login_are_used(
    tls: ssl.SSLContext, keys: Keys, monkeypatch: pytest.MonkeyPatch, implicit: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(keys.authority))
    async with serving(tls=tls, implicit=implicit, login=True) as server:
        if implicit:
            monkeypatch.setattr("bindings.smtp.server._TLS_PORT", server.port)
        async with sending(server.port, **LOGIN) as output:
            [result] = await output.invoke([operation("create")])
            assert isinstance(result, Result)
    assert [(taken.user, taken.is_encrypted) for taken in server.taken] == [(USER, not implicit)]


@needs_openssl
async def test_certificate_must_be_trusted_unless_it_is_not_looked_at(tls: ssl.SSLContext) -> None:
    async with serving(tls=tls) as server:
        with pytest.raises(NotReady, match="CERTIFICATE_VERIFY_FAILED"):
            await make_output(server.port).open()
        async with sending(server.port, skipTLSVerify="true") as output:
            [result] = await output.invoke([operation("create")])
            assert isinstance(result, Result)


async def test_wrong_password_is_refused_without_showing_it() -> None:
    async with serving(login=True) as server:
        with pytest.raises(DefinitionError, match=f"127.0.0.1:{server.port} refused the login") as caught:
            await make_output(server.port, user=USER, password="wr0ng").open()
    assert "wr0ng" not in str(caught.value)


async def test_login_to_this_machine_needs_no_tls() -> None:
    async with serving(login=True) as server, sending(server.port, **LOGIN) as output:
        [result] = await output.invoke([operation("create")])
        assert isinstance(result, Result)


async def test_password_is_not_sent_where_it_could_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindings.smtp.server._is_here", lambda host: False)
    async with serving(login=True) as server:
        with pytest.raises(DefinitionError, match="offers no TLS: the password could be read"):
            await make_output(server.port, **LOGIN).open()


async def test_server_without_login_is_said() -> None:
    async with serving() as server:
        with pytest.raises(DefinitionError, match="takes no user and password"):
            await make_output(server.port, **LOGIN).open()


async def test_server_that_is_not_there_is_not_ready() -> None:
    with pytest.raises(NotReady, match=r"the mail server 127.0.0.1:1 does not answer: .*Connect call failed"):
        await make_output(1).open()


async def test_server_that_does_not_answer_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as server:
        output = make_output(server.port)
        await output.open()
        blocked = asyncio.Event()

        async def never(*arguments: object) -> str:
            await blocked.wait()
            return "250 OK"

        monkeypatch.setattr(server, "handle_DATA", never)
        monkeypatch.setattr("bindings.smtp.server._TIMEOUT", 0.05)
        await output.close()
        [error] = await output.invoke([operation("create")])
        assert type(error) is TimedOut
        blocked.set()
        await output.close()


@pytest.mark.parametrize(("host", "here"), [("localhost", True), ("127.0.0.1", True), ("::1", True), ("a.test", False)])
def test_this_machine_is_known_by_its_names(host: str, here: bool) -> None:
    assert _is_here(host) is here
