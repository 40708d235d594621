"""Which references to data (CloudEvents `dataref`) are followed: those into folders that inputs of this process watch.

A reference is text that anybody who can send an event can write. So one to any other file is refused.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

from engine.errors import Permanent

_watched: Counter[Path] = Counter()


def watch(root: Path) -> None:
    """From now on files below this folder may be read by their reference."""
    _watched[root] += 1


def unwatch(root: Path) -> None:
    _watched[root] -= 1


def file_of(reference: str) -> Path:
    """The file of a `file:` URI; raises `Permanent` for one that must not be followed."""
    parts = urlsplit(reference)
    path = Path(unquote(parts.path)).resolve()
    roots = [root for root, watchers in _watched.items() if watchers > 0]
    if parts.scheme != "file" or parts.netloc or not any(path.is_relative_to(root) for root in roots):
        raise Permanent(
            f"the event has no data, and its reference (dataref) {reference!r} is not followed: it is to no file of a "
            "folder that an input watches"
        )
    return path
