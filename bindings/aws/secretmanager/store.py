from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from bindings.aws.secretmanager import SecretManagerMetadata
from bindings.aws.session import FAILURES, AwsSession, error_code, refusal
from engine.errors import DefinitionError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_THREADS = 8
_GONE = {"ResourceNotFoundException", "InvalidRequestException"}  # the second one: it is marked as deleted
_PAGE = 100  # secrets, the most that there are


class SecretManager:
    """Each secret as it is now (its version `AWSCURRENT`); nothing is kept."""

    def __init__(self, metadata: SecretManagerMetadata) -> None:
        self._several = metadata.multiple_key_values_per_secret
        self._session = AwsSession(metadata, _THREADS)
        self._client: SecretsManagerClient

    async def open(self) -> None:
        """Sends nothing: who may read one secret need not be allowed anything else."""
        self._client = await self._session.client("secretsmanager")

    async def get(self, name: str) -> Mapping[str, str]:
        try:
            answer = await self._session.call(self._client.get_secret_value, SecretId=name)
        except FAILURES as error:
            if error_code(error) in _GONE:
                raise KeyError(f"AWS Secrets Manager has no secret {name}") from error
            raise refusal(error, f"secret {name}") from error
        return self._keys(answer["Name"], answer)

    async def all(self) -> Mapping[str, Mapping[str, str]]:
        names = [name async for name in self._names()]
        found = await asyncio.gather(*(self._get_if_there(name) for name in names))
        return {name: keys for name, keys in zip(names, found, strict=True) if keys is not None}

    async def close(self) -> None:
        self._session.close()

    async def _names(self) -> AsyncIterator[str]:
        more: dict[str, Any] = {}
        while True:
            try:
                answer = await self._session.call(self._client.list_secrets, MaxResults=_PAGE, **more)
            except FAILURES as error:
                raise refusal(error, "the list of secrets") from error
            for secret in answer["SecretList"]:
                yield secret["Name"]
            if not (token := answer.get("NextToken")):
                return
            more = {"NextToken": token}

    async def _get_if_there(self, name: str) -> Mapping[str, str] | None:
        try:
            return await self.get(name)
        except KeyError:  # deleted since it was listed
            return None
        except DefinitionError as error:
            if isinstance(error.__cause__, Exception) and error_code(error.__cause__) == "AccessDeniedException":
                return None  # listed, and not for us
            raise

    def _keys(self, name: str, answer: Mapping[str, Any]) -> Mapping[str, str]:
        text = answer.get("SecretString")
        if text is None:
            text = _text(answer["SecretBinary"])
        if self._several:
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                found = None
            if isinstance(found, dict):
                return {key: value if isinstance(value, str) else json.dumps(value) for key, value in found.items()}
        return {name: text}


def _text(secret: bytes) -> str:
    """A binary secret, of which Dapr gives out nothing: as it is where it is text, else in base64."""
    try:
        return secret.decode()
    except UnicodeDecodeError:
        return base64.b64encode(secret).decode()
