from __future__ import annotations

import errno

from engine.errors import EventError, Permanent, Retryable, Unavailable

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE}  # no file can be written, whatever the event
_LASTING = {
    *(errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EISDIR, errno.ENOTDIR, errno.EEXIST),
}


def failure(error: OSError, operation: str) -> EventError:
    """What an error of the file system means for the event whose operation it ended."""
    if isinstance(error, FileNotFoundError):
        return Permanent(f"{operation}: file not found: {error.filename}")
    message = f"{operation}: {error.strerror}: {error.filename}"
    if error.errno in _DISK:
        return Unavailable(message)
    return Permanent(message) if error.errno in _LASTING else Retryable(message)
