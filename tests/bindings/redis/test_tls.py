from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bindings.redis.connection import RedisConnection
from bindings.redis.settings import RedisSettings
from bindings.redis.tls import Tls
from engine.errors import DefinitionError, NotReady
from tests.bindings.keys import Keys, make_keys
from tests.bindings.redis.server import RedisServer


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("keys"), "app")


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[RedisServer]:
    """A server that wants a client certificate."""
    server = RedisServer(tmp_path_factory.mktemp("secure"), keys=keys)
    server.start()
    yield server
    server.stop()


def client_pair(keys: Keys) -> dict[str, str]:
    return {"clientCert": keys.certificate.read_text(), "clientKey": keys.key.read_text()}


async def ping(port: int, **more: Any) -> Any:
    fields = {"redisHost": f"127.0.0.1:{port}", "enableTLS": "true", "redisMaxRetries": -1, **more}
    connection = RedisConnection(RedisSettings.model_validate(fields), "orders")
    try:
        await connection.open()
        return await connection.run("PING")
    finally:
        await connection.close()


async def test_server_and_client_show_their_certificates(secure: RedisServer, keys: Keys) -> None:
    assert await ping(secure.tls_port, caCert=keys.authority.read_text(), **client_pair(keys)) == b"PONG"


async def test_server_of_an_unknown_authority_is_refused(secure: RedisServer, keys: Keys) -> None:
    with pytest.raises(NotReady, match="certificate verify failed"):
        await ping(secure.tls_port, **client_pair(keys))


async def test_certificate_is_not_checked_when_that_is_said(secure: RedisServer, keys: Keys) -> None:
    assert await ping(secure.tls_port, insecureSkipTLSVerify="true", **client_pair(keys)) == b"PONG"


async def test_server_that_wants_a_client_certificate_refuses_without(secure: RedisServer, keys: Keys) -> None:
    with pytest.raises(NotReady):
        await ping(secure.tls_port, caCert=keys.authority.read_text())


async def test_files_of_the_client_certificate_are_gone_after_the_close(keys: Keys) -> None:
    settings = RedisSettings.model_validate({"redisHost": "a", "enableTLS": "true", **client_pair(keys)})
    tls = Tls(settings)
    paths = [Path(tls.options[name]) for name in ("ssl_certfile", "ssl_keyfile")]
    assert all(path.exists() and path.parent.stat().st_mode & 0o077 == 0 for path in paths)
    tls.close()
    assert not any(path.exists() for path in paths)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"caCert": "no certificate"}, "caCert has no certificate"),
        ({"clientCert": "no certificate", "clientKey": "no key"}, "clientCert and clientKey cannot be used"),
    ],
)
async def test_what_is_no_certificate_is_refused(fields: dict[str, str], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        await ping(1, **fields)


async def test_key_with_a_password_is_refused_and_nobody_is_asked(keys: Keys) -> None:
    pair = {"clientCert": keys.certificate.read_text(), "clientKey": keys.locked_key.read_text()}
    with pytest.raises(DefinitionError, match="cannot be used"):
        await ping(1, **pair)
