from __future__ import annotations

import errno
import os

import pytest

from bindings.localstorage.failure import failure
from engine.errors import EventError, Permanent, Retryable, Unavailable


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, Unavailable),
        (errno.EROFS, Unavailable),
        (errno.EACCES, Permanent),
        (errno.EISDIR, Permanent),
        (errno.ENOENT, Permanent),
        (errno.EMFILE, Retryable),
        (errno.EIO, Retryable),
    ],
)
def test_failure_says_what_to_do(number: int, kind: type[EventError]) -> None:
    error = failure(OSError(number, os.strerror(number), "/srv/a.txt"), "create")
    assert type(error) is kind
    assert str(error).startswith("create: ")
    assert str(error).endswith(": /srv/a.txt")
