"""The clients of one component, the threads that their calls run in, and what their errors mean.

session = AwsSession(metadata, threads=16)
client: S3Client = await session.client("s3")
try:
    answer = await session.call(client.head_object, Bucket="b", Key="k")
except FAILURES as error:
    raise failure(error, "head k") from error
...
session.close()
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

import boto3
import urllib3
from botocore import exceptions as aws
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.loaders import create_loader
from botocore.session import Session, get_session
from botocore.utils import parse_timestamp
from urllib3.exceptions import InsecureRequestWarning

from bindings.aws.metadata import AwsMetadata
from engine.errors import DefinitionError, EventError, NotReady, Permanent, Retryable, TimedOut, Unavailable, of_status

P = ParamSpec("P")
T = TypeVar("T")

FAILURES = (aws.BotoCoreError, aws.ClientError)
"""All that a call can raise."""

_MODELS = create_loader()  # reads what a service is from large files: once for all components
_CONNECT_TIMEOUT = 5  # seconds
_READ_TIMEOUT = 40  # seconds: longer than the longest long poll, which is 20

# https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, and those of the services.
_THROTTLED = {
    *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"),
    *(
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "SlowDown",
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
    ),
    *("ProvisionedThroughputExceededException", "LimitExceededException", "TransactionInProgressException"),
    *("KMSThrottlingException", "KmsThrottled", "EC2ThrottledException"),
}
_AGAIN = {"RequestTimeout", "RequestTimeoutException", "ConditionalRequestConflict", "OperationAborted"}
_LOGIN = {
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "UnrecognizedClientException"),
    *("AuthFailure", "IncompleteSignature", "IncompleteSignatureException", "MissingAuthenticationToken"),
    *("InvalidSignatureException", "ExpiredToken", "ExpiredTokenException", "InvalidToken", "MissingSecurityHeader"),
}
_FORBIDDEN = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "403"}
_NO_CREDENTIALS = (aws.NoCredentialsError, aws.PartialCredentialsError, aws.ProfileNotFound, aws.ConfigParseError)
_NO_CONNECTION = (aws.EndpointConnectionError, aws.ConnectTimeoutError, aws.ProxyConnectionError, aws.SSLError)
_LASTING = (aws.ParamValidationError, aws.ValidationError, aws.NoRegionError, aws.InvalidRegionError)


class AwsSession:
    """One component's. `threads`: how many calls may be under way at once; each has a connection of its own."""

    def __init__(self, metadata: AwsMetadata, threads: int) -> None:
        self._metadata = metadata
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._session: boto3.Session | None = None
        self._clients: list[Any] = []

    async def client(
        self, service: str, *, verify: bool | None = None, endpoint: str | None = None, **config: Any
    ) -> Any:
        """A client of boto3, with `config` for its `Config`. `endpoint` is in place of the one of the metadata.

        No request is sent. Raises `DefinitionError` for what a person must change.
        """
        try:
            return await self.call(self._client, service, verify, endpoint or self._metadata.endpoint, config)
        except aws.NoRegionError as error:
            raise DefinitionError("there is no region", hint="set `region`, or AWS_REGION") from error
        except (*FAILURES, ValueError) as error:  # a ValueError is for an endpoint that is none
            raise DefinitionError(f"there can be no client of {service}: {error}", hint="look at `endpoint`") from error

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls it in a thread. A call that is cancelled goes on there, and what it gives is lost."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "jackfield-aws")
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Does not wait for calls that are under way. The session may be used again afterwards."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        for client in self._clients:
            client.close()
        self._clients.clear()
        self._session = None

    def _client(self, service: str, verify: bool | None, endpoint: str | None, config: dict[str, Any]) -> Any:
        if self._session is None:
            self._session = _session(self._metadata)
        if verify is False:
            urllib3.disable_warnings(InsecureRequestWarning)  # it is wanted so, and would be said of every request
        client = self._session.client(  # type: ignore[call-overload] # which knows the services by their literal names
            service,
            endpoint_url=endpoint,
            verify=verify,
            config=Config(
                connect_timeout=_CONNECT_TIMEOUT,
                read_timeout=_READ_TIMEOUT,
                max_pool_connections=self._threads,
                # Once more, for a connection that the server closed while it was idle. The rest is the engine's.
                retries={"mode": "standard", "total_max_attempts": 2},
                user_agent_extra="jackfield",
            ).merge(Config(**config)),
        )
        self._clients.append(client)
        return client


def failure(error: Exception, doing: str) -> EventError:
    """What an error of boto3 means for one operation; `doing` names the operation in the message."""
    if isinstance(error, aws.ClientError):
        return answered(_code(error), f"{doing}: {_said(error)}", _status(error))
    message = f"{doing}: {error}"
    if isinstance(error, aws.ReadTimeoutError):
        return TimedOut(message)
    if isinstance(error, (*_NO_CONNECTION, *_NO_CREDENTIALS, aws.CredentialRetrievalError, aws.MetadataRetrievalError)):
        return Unavailable(message)  # credentials of a machine come and go
    return Permanent(message) if isinstance(error, _LASTING) else Retryable(message)


def answered(code: str, message: str, status: int) -> EventError:
    """What an error code means: of a whole answer, or of one entry of a batch, whose status is 400 if none is said."""
    if code in _THROTTLED or code in _LOGIN:  # a login says nothing about the event
        return Unavailable(message, status=status)
    if code in _AGAIN:
        return Retryable(message, status=status)
    return of_status(status, message)


def refusal(error: Exception, what: str) -> NotReady | DefinitionError:
    """What an error of boto3 means for `open` or `read` of a whole component; `what` names the thing: `bucket b`."""
    if isinstance(error, aws.ClientError):
        code = _code(error)
        if code in _LOGIN:
            hint = "look at `accessKey`, `secretKey`, `sessionToken` and `region`, or at the credentials of the machine"
            return DefinitionError(f"{what}: AWS refused the login: {_said(error)}", hint=hint)
        if code in _FORBIDDEN:
            return DefinitionError(f"{what}: not allowed: {_said(error)}", hint="look at the policies of the user")
        lasting = isinstance(answered(code, "", _status(error)), Permanent)
        return DefinitionError(f"{what}: {_said(error)}") if lasting else NotReady(f"{what}: {_said(error)}")
    if isinstance(error, _NO_CREDENTIALS):
        hint = "set `accessKey` and `secretKey`, or give the machine credentials"
        return DefinitionError(f"{what}: {error}", hint=hint)
    if isinstance(error, _LASTING):
        return DefinitionError(f"{what}: {error}")
    return NotReady(f"{what}: {error}")


def error_code(error: Exception) -> str:
    """`NoSuchKey` and the like; empty for an error that is no answer."""
    return _code(error) if isinstance(error, aws.ClientError) else ""


def _code(error: aws.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _said(error: aws.ClientError) -> str:
    said = error.response.get("Error", {})
    return f"{said.get('Code', 'error')}: {said.get('Message', '')}".rstrip(": ")


def _status(error: aws.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))


def _session(metadata: AwsMetadata) -> boto3.Session:
    core = get_session()
    core.register_component("data_loader", _MODELS)
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_instant)
    if metadata.access_key and metadata.secret_key:
        token = metadata.session_token.get_secret_value() if metadata.session_token else None
        core.set_credentials(metadata.access_key, metadata.secret_key.get_secret_value(), token)
    elif metadata.assume_role_arn:
        role = _AssumedRole(core, metadata, metadata.assume_role_arn)
        core.register_component("credential_provider", CredentialResolver([role]))
    return boto3.Session(botocore_session=core, region_name=metadata.region_name)


def _instant(value: Any) -> datetime:
    """Most are as in RFC 3339, for which botocore needs as long as for all the rest of a listing."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return parse_timestamp(value)


class _AssumedRole(CredentialProvider):
    """Credentials of a role, asked for anew before they expire."""

    METHOD = "assume-role"
    CANONICAL_NAME = None

    def __init__(self, session: Session, metadata: AwsMetadata, arn: str) -> None:
        super().__init__(session)
        self._fetcher = AssumeRoleCredentialFetcher(
            client_creator=lambda service, **options: session.create_client(
                service, metadata.region_name, endpoint_url=metadata.endpoint, **options
            ),
            source_credentials=session.get_component("credential_provider").load_credentials(),
            role_arn=arn,
            extra_args={"RoleSessionName": metadata.role_session_name},
        )

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(refresh_using=self._fetcher.fetch_credentials, method=self.METHOD)
