from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bindings.contract import Result
from engine.errors import DefinitionError, NotReady
from tests.bindings.fakes import operation
from tests.bindings.keys import Keys, make_keys
from tests.bindings.mqtt.project import make_output, metadata, reading, writing
from tests.bindings.mqtt.scripted import ACCEPTED, broker, packet
from tests.bindings.mqtt.server import Mosquitto

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificates")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """It wants a login."""
    folder = tmp_path_factory.mktemp("strict")
    passwords = folder / "passwords"
    passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "sh@p", "s3c/ret"], check=True, capture_output=True)
    server = Mosquitto(folder, f"allow_anonymous false\npassword_file {passwords}")
    server.start()
    yield server
    server.stop()


async def test_login_opens_it(strict: Mosquitto) -> None:
    url = f"tcp://sh%40p:s3c%2Fret@127.0.0.1:{strict.port}"
    async with writing(url, "open/1") as output, reading(url, "open/1") as reader:
        [result] = await output.invoke([operation("create", b"hello")])
        assert isinstance(result, Result)
        assert [one.data for one in await reader.read(1)] == [b"hello"]


@pytest.mark.parametrize("user", ["", "sh%40p:wr0ng@", "other:s3c%2Fret@", "sh%40p@"])
async def test_wrong_login_is_refused_without_showing_it(strict: Mosquitto, user: str) -> None:
    with pytest.raises(DefinitionError, match=rf"at tcp://127.0.0.1:{strict.port} refused the login") as caught:
        await make_output(f"tcp://{user}127.0.0.1:{strict.port}", "open/1").open()
    assert "wr0ng" not in str(caught.value)


async def test_topic_that_may_not_be_read_is_refused() -> None:
    """Mosquitto allows it, and sends nothing."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet(reader)
        writer.write(ACCEPTED)
        _, subscription = await packet(reader)
        writer.write(b"\x90\x03" + subscription[:2] + b"\x80")
        await reader.read()

    async with broker(script) as port:
        with pytest.raises(DefinitionError, match="does not let us read closed/1"):
            async with reading(f"tcp://127.0.0.1:{port}", "closed/1"):
                pass


async def test_broker_that_is_not_there_is_not_ready() -> None:
    with pytest.raises(NotReady, match=r"at tcp://127.0.0.1:1 does not answer: .*Connect call failed"):
        await make_output("tcp://user:s3cret@127.0.0.1:1", "t").open()


@pytest.mark.parametrize(
    ("code", "error", "problem"),
    [
        (1, DefinitionError, "does not speak MQTT 3.1.1"),
        (2, DefinitionError, "does not take the client id"),
        (3, NotReady, "it is not ready"),
        (9, NotReady, "code 9"),
    ],
)
async def test_broker_that_says_no_says_why(code: int, error: type[Exception], problem: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet(reader)
        writer.write(bytes([0x20, 2, 0, code]))

    async with broker(script) as port:
        with pytest.raises(error, match=problem):
            await make_output(f"tcp://127.0.0.1:{port}", "t").open()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("keys"), "guest")


@pytest.fixture(scope="module")
def tls_url(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Mosquitto(tmp_path_factory.mktemp("mosquitto"), keys=keys)
    server.start()
    yield f"ssl://127.0.0.1:{server.tls_port}"
    server.stop()


def client(keys: Keys) -> dict[str, Any]:
    files = {"caCert": keys.authority, "clientCert": keys.certificate, "clientKey": keys.key}
    return {name: path.read_text() for name, path in files.items()}


@needs_openssl
async def test_client_certificate_opens_it(tls_url: str, keys: Keys, topic: str) -> None:
    big = bytes(range(256)) * 4000
    async with writing(tls_url, topic, **client(keys)) as output, reading(tls_url, topic, **client(keys)) as reader:
        await output.invoke([operation("create", big)])
        [message] = await reader.read(1)
    assert message.data == big


@needs_openssl
async def test_broker_wants_a_client_certificate(tls_url: str, keys: Keys, topic: str) -> None:
    with pytest.raises(NotReady):
        await make_output(tls_url, topic, caCert=keys.authority.read_text()).open()


@needs_openssl
async def test_broker_of_an_unknown_authority_is_not_trusted(tls_url: str, topic: str) -> None:
    with pytest.raises(NotReady, match="CERTIFICATE_VERIFY_FAILED"):
        await make_output(tls_url, topic).open()


@needs_openssl
@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"caCert": "-----BEGIN CERTIFICATE-----\nno\n"}, "caCert has no certificate"),
        ({"caCert": "no such file"}, "caCert is neither PEM nor a file"),
        ({"clientKey": "-----BEGIN PRIVATE KEY-----\nno\n"}, "clientCert and clientKey cannot be used"),
    ],
)
async def test_certificate_that_is_none_is_refused(
    tls_url: str, keys: Keys, topic: str, wrong: dict[str, str], problem: str
) -> None:
    with pytest.raises(DefinitionError, match=problem):
        await make_output(tls_url, topic, **{**client(keys), **wrong}).open()


@needs_openssl
async def test_key_that_needs_a_password_is_refused(tls_url: str, keys: Keys, topic: str) -> None:
    locked = {**client(keys), "clientKey": keys.locked_key.read_text()}
    with pytest.raises(DefinitionError, match="clientCert and clientKey cannot be used"):
        await make_output(tls_url, topic, **locked).open()


def test_paths_of_files_are_as_good_as_pem(keys: Keys, tmp_path: Path) -> None:
    files = {"caCert": str(keys.authority), "clientCert": str(keys.certificate), "clientKey": str(keys.key)}
    assert metadata("ssl://localhost", "t", **files).tls() is not None
