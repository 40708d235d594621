"""`validate`: the data must match a JSON Schema (2020-12)."""

from __future__ import annotations

import re
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY

from engine.errors import Permanent
from engine.passage import Passage
from engine.stages.stage import EachEvent, Verdict


def validate_stage(name: str, schema: dict[str, Any] | bool) -> EachEvent:
    """`schema` has been checked with the definition. The JSON pointer (RFC 6901) of what fails is in the error."""
    # The default registry would fetch what a `$ref` names from the network, in the middle of an event.
    validator = Draft202012Validator(schema, registry=EMPTY_REGISTRY)

    def judge(passage: Passage) -> Verdict:
        try:
            error = best_match(validator.iter_errors(passage.event.value))
        except Unresolvable as missing:
            return Permanent(f"the schema refers to what is not in it: {missing.ref}")
        except (RecursionError, OverflowError, re.error) as failure:
            return Permanent(f"the data cannot be checked by its schema: {failure}")
        if error is None:
            return passage.event
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in error.absolute_path)
        place = f"at {pointer!r}" if pointer else "as a whole"
        return Permanent(f"the data does not match its schema {place}: {error.message[:500]}")

    return EachEvent(name, judge)
