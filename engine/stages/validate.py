"""`validate`: the data must match a JSON Schema (2020-12)."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from engine.errors import Permanent
from engine.passage import Passage
from engine.stages.stage import EachEvent, Verdict


def validate_stage(name: str, schema: dict[str, Any] | bool) -> EachEvent:
    """`schema` has been checked with the definition. The JSON pointer (RFC 6901) of what fails is in the error."""
    validator = Draft202012Validator(schema)

    def judge(passage: Passage) -> Verdict:
        error = best_match(validator.iter_errors(passage.event.value))
        if error is None:
            return passage.event
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in error.absolute_path)
        return Permanent(f"the data does not match its schema at {pointer or '/'!r}: {error.message[:500]}")

    return EachEvent(name, judge)
