"""`did you mean`: the nearest of the words that would have been right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def close_match(word: str, known: Iterable[str]) -> str:
    """The hint for a misspelt word, or an empty text where nothing is near."""
    found = nearest(word, known)
    return f"did you mean {found!r}?" if found else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    by_lower = {candidate.lower(): candidate for candidate in known}
    # Letters that changed places are the commonest slip, and difflib rates them low in short words.
    found = [candidate for candidate in by_lower if sorted(candidate) == sorted(word.lower())]
    found = found or difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None
