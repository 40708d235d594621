from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from bindings.contract import Result
from engine.errors import DefinitionError, NotReady
from tests.bindings.fakes import operation
from tests.bindings.keys import Keys, make_keys
from tests.bindings.rabbitmq.server import RabbitMq
from tests.bindings.rabbitmq.test_input import make_output, reading

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificates")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    folder.chmod(0o755)  # the server is another user
    return make_keys(folder, "guest")


@pytest.fixture(scope="module")
def address(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = RabbitMq(tmp_path_factory.mktemp("rabbitmq"), keys)
    server.start()
    yield f"127.0.0.1:{server.tls_port}/"
    server.stop()


def client(keys: Keys) -> dict[str, Any]:
    files = {"caCert": keys.authority, "clientCert": keys.certificate, "clientKey": keys.key}
    return {name: path.read_text() for name, path in files.items()}


@pytest.mark.parametrize(
    ("user", "more"),
    [("guest:guest@", {}), ("", {"externalSasl": "true"}), ("", {"saslExternal": "true"})],
)
async def test_client_certificate_opens_it(
    address: str, keys: Keys, queue: str, user: str, more: dict[str, Any]
) -> None:
    url = f"amqps://{user}{address}"
    output = make_output(url, queue, **client(keys), **more)
    await output.open()
    [result] = await output.invoke([operation("create", b"hello")])
    await output.close()
    assert isinstance(result, Result)
    async with reading(url, queue, **client(keys), **more) as binding:
        [message] = await binding.read(1)
    assert message.data == b"hello"


async def test_server_of_an_unknown_authority_is_not_trusted(address: str, queue: str) -> None:
    with pytest.raises(NotReady, match="CERTIFICATE_VERIFY_FAILED"):
        await make_output(f"amqps://guest:guest@{address}", queue).open()


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"caCert": "no certificate"}, "caCert has no certificate"),
        ({"clientKey": "no key"}, "clientCert and clientKey cannot be used"),
    ],
)
async def test_certificate_that_is_none_is_refused(
    address: str, keys: Keys, queue: str, wrong: dict[str, str], problem: str
) -> None:
    with pytest.raises(DefinitionError, match=problem):
        await make_output(f"amqps://guest:guest@{address}", queue, **{**client(keys), **wrong}).open()
