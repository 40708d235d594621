from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from azure.core import exceptions as azure

from bindings.azure.failure import error_code, failure, refusal, said
from engine.errors import DefinitionError, NotReady, Permanent, Retryable, TimedOut, Unavailable


def answer(status: int, code: str, kind: type[azure.HttpResponseError] = azure.HttpResponseError) -> Exception:
    response: Any = SimpleNamespace(status_code=status, reason="", headers={}, text=lambda: "", body=lambda: b"")
    error = kind(message=f"Why not.\nRequestId:1\nErrorCode:{code}", response=response)
    error.error_code = code  # type: ignore[attr-defined] # as the storage clients set it
    return error


REFUSED = answer(403, "AuthenticationFailed", azure.ClientAuthenticationError)
NOT_ALLOWED = answer(403, "AuthorizationPermissionMismatch")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answer(404, "BlobNotFound", azure.ResourceNotFoundError), Permanent),
        (answer(413, "RequestBodyTooLarge"), Permanent),
        (answer(409, "ContainerBeingDeleted", azure.ResourceExistsError), Retryable),
        (answer(500, "InternalError"), Retryable),
        (answer(503, "ServerBusy"), Unavailable),
        (REFUSED, Unavailable),
        (NOT_ALLOWED, Permanent),
        (azure.ServiceRequestError("no connection"), Unavailable),
        (azure.ServiceResponseTimeoutError("too slow"), TimedOut),
        (azure.ServiceResponseError("cut"), Retryable),
        (azure.IncompleteReadError("cut"), Retryable),
        (azure.ClientAuthenticationError("no token"), Unavailable),
    ],
)
def test_meaning_for_one_operation(error: Exception, kind: type[Exception]) -> None:
    meaning = failure(error, "get a")
    assert type(meaning) is kind
    assert str(meaning).startswith("get a: ")


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (REFUSED, DefinitionError, "Azure refused the login: AuthenticationFailed: Why not."),
        (NOT_ALLOWED, DefinitionError, "AuthorizationPermissionMismatch: Why not."),
        (answer(404, "ContainerNotFound"), DefinitionError, "ContainerNotFound: Why not."),
        (answer(503, "ServerBusy"), NotReady, "ServerBusy: Why not."),
        (azure.ServiceRequestError("no connection"), NotReady, "no connection"),
    ],
)
def test_meaning_for_a_whole_component(error: Exception, kind: type[Exception], text: str) -> None:
    meaning = refusal(error, "container b")
    assert type(meaning) is kind
    assert str(meaning).startswith(f"container b: {text}")


def test_reason_is_one_line_with_its_code() -> None:
    assert said(answer(404, "BlobNotFound")) == "BlobNotFound: Why not."
    assert said(azure.ServiceRequestError("")) == "ServiceRequestError"
    assert error_code(azure.ServiceRequestError("")) == ""
