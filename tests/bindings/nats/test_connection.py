from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bindings.contract import Subscription
from engine.errors import DefinitionError, NotReady
from tests.bindings.keys import Keys, make_keys
from tests.bindings.nats.accounts import operator_mode
from tests.bindings.nats.project import add_stream, opened, reading
from tests.bindings.nats.server import Nats
from tests.bindings.topics import publication

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificates")


async def round_trip(url: str, **more: Any) -> None:
    async with opened(url, **more) as pubsub, reading(pubsub, "orders") as binding:
        assert await pubsub.publish("orders", [publication(b"1")]) == [None]
        assert [one.data for one in await binding.read(1)] == [b"1"]


@pytest.mark.parametrize(
    ("rule", "user", "more"),
    [
        ("user: shop, password: s3cret", "shop:s3cret@", {}),
        ("token: s3cret", "", {"token": "s3cret"}),
        ("token: s3cret", "s3cret@", {}),
    ],
)
async def test_login_opens_it_and_a_wrong_one_is_refused_without_showing_it(
    tmp_path: Path, rule: str, user: str, more: dict[str, Any]
) -> None:
    server = Nats(tmp_path, f"authorization {{ {rule} }}")
    server.start()
    address = f"127.0.0.1:{server.port}"
    await add_stream(f"nats://{user or 's3cret@'}{address}", "TOPICS", ["*"])
    await round_trip(f"nats://{user}{address}", **more)
    wrong: dict[str, Any] = {name: "wr0ng" for name in more}
    for refused, its in ((f"nats://{user.replace('s3cret', 'wr0ng')}{address}", wrong), (f"nats://{address}", {})):
        with pytest.raises(DefinitionError, match=rf"NATS at nats://{address} refused the login") as caught:
            async with opened(refused, **its):
                pass
        assert "wr0ng" not in str(caught.value)
    server.kill()


async def test_publisher_without_permission_is_told_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindings.nats.pubsub._CONFIRM", 0.2)
    allow = 'permissions: { publish: { allow: ["$JS.>", "_INBOX.>"] } }'
    server = Nats(tmp_path, f"authorization {{ users: [ {{ user: a, password: b, {allow} }} ] }}")
    server.start()
    async with opened(f"nats://a:b@127.0.0.1:{server.port}") as pubsub:
        [error] = await pubsub.publish("orders", [publication(b"1")])
    assert 'permissions violation for publish to "orders"' in str(error)
    server.kill()


async def test_jwt_and_seed_open_it(tmp_path: Path) -> None:
    accounts = operator_mode(tmp_path)
    server = Nats(tmp_path, accounts.configuration)
    server.start()
    address = f"127.0.0.1:{server.port}"
    login: dict[str, Any] = {"jwt": accounts.jwt, "seedKey": accounts.seed}
    async with opened(f"nats://{address}", **login) as pubsub:
        [error] = await pubsub.publish("orders", [publication(b"1")])
        assert "no stream" in str(error)  # the server has let us in
    with pytest.raises(DefinitionError, match="refused the login"):
        async with opened(f"nats://{address}", jwt=accounts.jwt, seedKey=accounts.other_seed):
            pass
    server.kill()


async def test_seed_that_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(DefinitionError, match="seedKey is not the seed of a key") as caught:
        async with opened("nats://127.0.0.1:1", jwt="x", seedKey="s3cret"):
            pass
    assert "s3cret" not in str(caught.value)


@needs_openssl
async def test_client_certificate_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, server = tls_server(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(keys.authority))
    pem: dict[str, Any] = {"tls_client_cert": keys.certificate.read_text(), "tls_client_key": keys.key.read_text()}
    paths: dict[str, Any] = {"tls_client_cert": str(keys.certificate), "tls_client_key": str(keys.key)}
    for scheme, files in (("tls", pem), ("nats", paths)):
        async with opened(f"{scheme}://127.0.0.1:{server.port}", **files) as pubsub:
            [error] = await pubsub.publish("orders", [publication(b"1")])
            assert "no stream" in str(error)
    with pytest.raises(NotReady):
        async with opened(f"tls://127.0.0.1:{server.port}"):
            pass
    server.kill()


@needs_openssl
async def test_server_of_an_unknown_authority_is_not_trusted(tmp_path: Path) -> None:
    keys, server = tls_server(tmp_path)
    paths: dict[str, Any] = {"tls_client_cert": str(keys.certificate), "tls_client_key": str(keys.key)}
    with pytest.raises(NotReady, match="CERTIFICATE_VERIFY_FAILED"):
        async with opened(f"tls://127.0.0.1:{server.port}", **paths):
            pass
    server.kill()


@pytest.mark.parametrize("scheme", ["tls"])
async def test_server_without_tls_gets_no_login(server: Nats, scheme: str) -> None:
    with pytest.raises(NotReady, match="does not speak TLS"):
        async with opened(f"{scheme}://user:s3cret@127.0.0.1:{server.port}"):
            pass


async def test_server_that_is_not_there_is_not_ready() -> None:
    with pytest.raises(NotReady, match=r"NATS at nats://127.0.0.1:1 does not answer: .*Connect call failed"):
        async with opened("nats://user:s3cret@127.0.0.1:1"):
            pass


async def test_one_of_several_servers_is_enough(server: Nats) -> None:
    async with opened(f"nats://127.0.0.1:1,nats://127.0.0.1:{server.port}") as pubsub:
        assert pubsub


async def test_server_without_jetstream_is_said(tmp_path: Path) -> None:
    server = Nats(tmp_path, jetstream=False)
    server.start()
    async with opened(server.url) as pubsub:
        binding = pubsub.subscribe(Subscription("orders", "shop"))
        with pytest.raises(NotReady, match="has no JetStream; start it with nats-server -js"):
            await binding.open()
    server.kill()


def tls_server(folder: Path) -> tuple[Keys, Nats]:
    keys = make_keys(folder, "shop")
    files = f'cert_file: "{keys.certificate}", key_file: "{keys.key}", ca_file: "{keys.authority}"'
    server = Nats(folder, f"tls {{ {files}, verify: true }}")
    server.start()
    return keys, server
