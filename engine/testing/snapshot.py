"""All that happened in a test, written down to be compared with the next time."""

from __future__ import annotations

import base64
import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.testing.judge import Failure
from engine.testing.record import Record

_FEW = 40  # lines of a difference


def snapshot_path(file: Path, name: str, written: str | bool) -> Path:
    """Where the snapshot of the test `name` of a file is: as it is written there, or below `snapshots/`."""
    if isinstance(written, str):
        return file.parent / written
    words = "-".join(re.findall(r"\w+", name.lower()))
    return file.parent / "snapshots" / file.name.partition(".")[0] / f"{words}.json"


def text_of_record(record: Record) -> str:
    """JSON, in the order in which it happened."""
    happened = {
        "calls": [{**call.fields, "answer": call.answer} for call in record.calls],
        "outputs": [sent.fields for sent in record.outputs],
        "deadLetters": [letter.fields for letter in record.dead_letters],
        "outcomes": [[came.id, came.outcome.value if came.outcome else None] for came in record.came],
    }
    return json.dumps(happened, indent=2, ensure_ascii=False, default=_in_base64) + "\n"


def compare(record: Record, path: Path, *, update: bool) -> Sequence[Failure]:
    """What differs from the snapshot; with `update` it is written, and nothing does."""
    text = text_of_record(record)
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return ()
    if not path.is_file():
        return [Failure(("snapshot",), f"there is no snapshot {path.name} yet: `jackfield test --update` writes it")]
    known = path.read_text(encoding="utf-8")
    if known == text:
        return ()
    lines = difflib.unified_diff(known.splitlines(), text.splitlines(), "snapshot", "now", n=2, lineterm="")
    changed = list(lines)[2:]
    details = [*changed[:_FEW], *(["  …"] if len(changed) > _FEW else [])]
    message = f"it is not as in {path.name}; `jackfield test --update` writes what is now"
    return [Failure(("snapshot",), message, details)]


def _in_base64(value: Any) -> Any:
    return {"base64": base64.b64encode(bytes(value)).decode()}
