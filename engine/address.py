"""The address of an app, as it may be shown."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def without_password(url: str) -> str:
    """A URL as it may stand in a message."""
    try:
        parts = urlsplit(url)
    except ValueError:  # it cannot be taken apart
        return url.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
