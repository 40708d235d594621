"""The bytes that a test writes in place, in a file or in base64."""

from __future__ import annotations

import base64
from pathlib import Path

from engine.definitions.pipeline_test import Payload
from engine.event import encode


def bytes_of(payload: Payload, folder: Path) -> bytes | None:
    """`folder` is that of the definition; what is written there has been checked."""
    if payload.file is not None:
        return (folder / payload.file).read_bytes()
    if payload.base64 is not None:
        return base64.b64decode(payload.base64)
    return encode(payload.data)[0]
