from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path

import pytest

from bindings.contract import Result
from engine.errors import DefinitionError, NotReady
from tests.bindings.aws.s3.bucket import Bucket
from tests.bindings.aws.server import Moto
from tests.bindings.fakes import operation
from tests.bindings.keys import make_keys
from tests.proxy import Proxy


class TlsProxy(Proxy):
    """What speaks TLS before a server that does not."""

    def __init__(self, target: int, context: ssl.SSLContext) -> None:
        super().__init__(target)
        self._context = context

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]


async def test_certificate_that_nobody_vouches_for_is_accepted_only_when_told_so(
    bucket: Bucket, tmp_path: Path
) -> None:
    keys = make_keys(tmp_path, "s3")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys.certificate, keys.key)
    proxy = TlsProxy(bucket.moto.port, context)
    await proxy.start()
    address = f"127.0.0.1:{proxy.port}"
    strict = bucket.input(endpoint=address)
    with pytest.raises(NotReady, match="certificate verify failed"):
        await strict.open()
    await strict.close()
    bucket.put("a")
    async with bucket.reading(endpoint=address, insecureSSL="true") as binding:
        assert len(await binding.read(10)) == 1
    await proxy.stop()


async def test_endpoint_without_a_scheme_is_called_without_tls_when_told_so(bucket: Bucket) -> None:
    bucket.put("a")
    endpoint = bucket.moto.url.removeprefix("http://")
    async with bucket.reading(endpoint=endpoint, disableSSL="true", forcePathStyle="true") as binding:
        assert len(await binding.read(10)) == 1


class Guarded:
    """A server that asks who one is, and what one may do."""

    def __init__(self, moto: Moto) -> None:
        self.bucket = Bucket(moto, "uploads")
        self._users = moto.client("iam")

    def user(self, name: str, *actions: str) -> dict[str, str]:
        """The credentials of a new user who may do this."""
        self._users.create_user(UserName=name)
        key = self._users.create_access_key(UserName=name)["AccessKey"]
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._users.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=policy)
        return {"accessKey": key["AccessKeyId"], "secretKey": key["SecretAccessKey"]}


async def test_login_and_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INITIAL_NO_AUTH_ACTION_COUNT", "7")  # the bucket, and three calls for each user
    moto = Moto(tmp_path)
    moto.start()
    try:
        guarded = Guarded(moto)
        reader = guarded.user("reader", "s3:ListBucket", "s3:GetObject")
        writer = guarded.user("writer", "s3:PutObject")
        bucket = guarded.bucket

        for wrong, said in [
            ({"accessKey": "AKIANOBODY", "secretKey": "s3cr3t"}, "refused the login: InvalidAccessKeyId"),
            ({**reader, "secretKey": "s3cr3t"}, "refused the login: SignatureDoesNotMatch"),
            (writer, "not allowed: AccessDenied"),
        ]:
            binding = bucket.input(**wrong)
            with pytest.raises(DefinitionError, match=said) as raised:
                await binding.open()
            await binding.close()
            assert "s3cr3t" not in str(raised.value)
        async with bucket.reading(**reader):
            pass

        # Who may only write sees no keys, and needs none.
        created, got = await bucket.invoke(
            operation("create", b"1", {"key": "a"}), operation("get", metadata={"key": "a"}), **writer
        )
        assert isinstance(created, Result)
        assert "AccessDenied" in str(got)
        with pytest.raises(DefinitionError, match="refused the login"):
            await bucket.invoke(operation("create"), accessKey="AKIANOBODY", secretKey="s3cr3t")
    finally:
        moto.stop()
