"""Whether a value is as expected, and where it is not.

What a mapping names must match, and the rest may be there too, unless the match is `whole`. Three matchers stand in
place of a value: `{$any: true}` is anything that is there, `{$contains: TEXT}` a text with that part in it,
`{$matches: REGEX}` a text in which the expression is found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.definitions.cases import MATCHERS

ANY, CONTAINS, MATCHES = MATCHERS
_LONGEST = 200  # characters of a value that are shown


@dataclass(frozen=True, slots=True)
class Difference:
    """`path` leads to the place in the expected value, or to where something is that is not expected."""

    path: tuple[str | int, ...]
    expected: str
    got: str


def differences(
    expected: Any, got: Any, *, whole: bool = False, path: tuple[str | int, ...] = ()
) -> Iterator[Difference]:
    """All places at which a value is not as expected."""
    if isinstance(expected, Mapping) and expected.keys() & set(MATCHERS):
        yield from _unmatched(expected, got, path)
    elif isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key, value in expected.items():
            if key in got:
                yield from differences(value, got[key], whole=whole, path=(*path, key))
            else:
                yield Difference((*path, key), shown(value), "nothing")
        for key in sorted(got.keys() - expected.keys()) if whole else ():
            yield Difference((*path, key), "nothing", shown(got[key]))
    elif _is_list(expected) and _is_list(got):
        for index, value in enumerate(expected[: len(got)]):
            yield from differences(value, got[index], whole=whole, path=(*path, index))
        if len(expected) != len(got):
            yield Difference(path, f"{len(expected)} items", f"{len(got)}: {shown(got)}")
    elif not _same(expected, got):
        yield Difference(path, shown(expected), shown(got))


def shown(value: Any) -> str:
    """A value for a person, on one line."""
    if isinstance(value, bytes):
        return f"{len(value):,} bytes {value[:20]!r}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _unmatched(matcher: Mapping[str, Any], got: Any, path: tuple[str | int, ...]) -> Iterator[Difference]:
    if MATCHES in matcher and not (isinstance(got, str) and re.search(matcher[MATCHES], got)):
        yield Difference(path, f"a text that matches {matcher[MATCHES]}", shown(got))
    elif CONTAINS in matcher and not (isinstance(got, str) and str(matcher[CONTAINS]) in got):
        yield Difference(path, f"a text with {shown(matcher[CONTAINS])} in it", shown(got))
    elif ANY in matcher and got is None:
        yield Difference(path, "anything", "nothing")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _same(expected: Any, got: Any) -> bool:
    """1 is 1.0, and is not true; bytes are the text that they hold."""
    if isinstance(got, bytes) and isinstance(expected, str):
        return got == expected.encode()
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    return bool(expected == got)
