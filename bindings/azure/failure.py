"""What the errors of Azure's clients mean."""

from __future__ import annotations

import logging

from azure.core import exceptions as azure

from engine.errors import DefinitionError, EventError, NotReady, Permanent, Retryable, TimedOut, Unavailable, of_status

FAILURES = (azure.AzureError,)
"""All that a call can raise."""

_LOGINS = {"AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation"}
_PERMISSIONS = {"AuthorizationPermissionMismatch", "AuthorizationFailure", "InsufficientAccountPermissions"}
_PASSING = {"ContainerBeingDeleted", "QueueBeingDeleted", "AccountBeingCreated"}

# It tells every request with its headers.
logging.getLogger("azure").setLevel(logging.WARNING)


def error_code(error: Exception) -> str:
    """`BlobNotFound` and the like; empty for an error that is no answer."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def said(error: Exception) -> str:
    """The reason in one line: what Azure writes goes on with ids and times."""
    message = str(getattr(error, "message", "") or error) or type(error).__name__
    first, code = message.strip().splitlines()[0], error_code(error)
    return f"{code}: {first}" if code and code not in first else first


def failure(error: Exception, doing: str) -> EventError:
    """What it means for one operation; `doing` names the operation in the message."""
    message = f"{doing}: {said(error)}"
    if isinstance(error, azure.HttpResponseError) and error.status_code is not None:
        if is_login(error):  # says nothing about the event
            return Unavailable(message, status=error.status_code)
        passing = error_code(error) in _PASSING
        return Retryable(message, status=409) if passing else of_status(error.status_code, message)
    match error:
        case azure.ServiceRequestError() | azure.ClientAuthenticationError():
            return Unavailable(message)
        case azure.ServiceResponseTimeoutError():
            return TimedOut(message)
    return Retryable(message)


def refusal(error: Exception, what: str) -> NotReady | DefinitionError:
    """What it means for `open` or `read` of a whole component; `what` names the thing: `container uploads`."""
    message = f"{what}: {said(error)}"
    if is_login(error):
        hint = "look at `accountName` and `accountKey`, or at the fields of Entra ID"
        return DefinitionError(f"{what}: Azure refused the login: {said(error)}", hint=hint)
    if isinstance(failure(error, what), Permanent):
        return DefinitionError(message)
    return NotReady(message)


def is_login(error: Exception) -> bool:
    if isinstance(error, azure.ClientAuthenticationError):
        return error_code(error) not in _PERMISSIONS
    return isinstance(error, azure.HttpResponseError) and error_code(error) in _LOGINS
