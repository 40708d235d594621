from __future__ import annotations

import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bindings.contract import Result
from bindings.http.metadata import HttpMetadata
from bindings.http.output import HttpOutput
from bindings.http.tls import make_tls
from engine.clock import VirtualClock
from engine.errors import DefinitionError, EventError, Unavailable
from tests.bindings.fakes import operation
from tests.bindings.keys import Keys, make_keys

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificates")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("keys"), "test")


@asynccontextmanager
async def serving(keys: Keys) -> AsyncIterator[str]:
    """A server that wants a client certificate."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_post("/", answer)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(keys.authority))
    tls.load_cert_chain(keys.certificate, keys.key)
    tls.verify_mode = ssl.CERT_REQUIRED
    server = TestServer(app)
    await server.start_server(ssl=tls)
    yield str(server.make_url("/"))
    await server.close()


async def post(url: str, **metadata: Any) -> Result | EventError:
    output = HttpOutput(HttpMetadata.model_validate({"url": url, **metadata}), VirtualClock())
    await output.open()
    [result] = await output.invoke([operation("post")])
    await output.close()
    return result


@pytest.mark.parametrize("as_pem", [False, True])
async def test_certificates_are_files_or_pem(keys: Keys, as_pem: bool) -> None:
    paths = (keys.authority, keys.certificate, keys.key)
    authority, certificate, key = (path.read_text() if as_pem else str(path) for path in paths)
    async with serving(keys) as url:
        result = await post(url, MTLSRootCA=authority, MTLSClientCert=certificate, MTLSClientKey=key)
    assert isinstance(result, Result)
    assert result.data == b"hello"


async def test_server_that_is_not_trusted_is_unavailable(keys: Keys) -> None:
    async with serving(keys) as url:
        result = await post(url)
    assert type(result) is Unavailable
    assert "certificate" in str(result)


async def test_client_without_a_certificate_gets_nothing(keys: Keys) -> None:
    async with serving(keys) as url:
        assert isinstance(await post(url, MTLSRootCA=str(keys.authority)), EventError)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"MTLSRootCA": "/nowhere/ca.pem"}, "MTLSRootCA is neither PEM nor a file that can be read: No such file"),
        ({"MTLSRootCA": "KEY"}, "MTLSRootCA has no certificate that can be used"),
        ({"MTLSRootCA": "-----BEGIN nonsense"}, "MTLSRootCA has no certificate that can be used"),
        ({"MTLSClientCert": "KEY", "MTLSClientKey": "KEY"}, "MTLSClientCert and MTLSClientKey cannot be used"),
        (
            {"MTLSClientCert": "CERTIFICATE", "MTLSClientKey": "LOCKED"},
            "MTLSClientCert and MTLSClientKey cannot be used",
        ),
    ],
)
def test_certificate_that_cannot_be_used_is_refused(keys: Keys, metadata: dict[str, str], message: str) -> None:
    paths = {"KEY": keys.key, "LOCKED": keys.locked_key, "CERTIFICATE": keys.certificate}
    metadata = {name: str(paths.get(value, value)) for name, value in metadata.items()}
    with pytest.raises(DefinitionError, match=message):
        make_tls(HttpMetadata.model_validate(metadata))


def test_renegotiation_is_off_unless_told_otherwise() -> None:
    assert make_tls(HttpMetadata()).options & ssl.OP_NO_RENEGOTIATION
    freely = HttpMetadata.model_validate({"MTLSRenegotiation": "RenegotiateFreelyAsClient"})
    assert not make_tls(freely).options & ssl.OP_NO_RENEGOTIATION
