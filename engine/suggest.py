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


def slip_of(word: str, known: Iterable[str]) -> str | None:
    """The known word that is surely meant: one letter too many, too few, wrong or swapped, or only written otherwise.

    In words of less than four letters one letter is too much of them to tell.
    """
    by_plain = {_plain(candidate): candidate for candidate in known}
    plain = _plain(word)
    if plain in by_plain:
        return by_plain[plain]
    return next((by_plain[one] for one in by_plain if min(len(one), len(plain)) > 3 and _is_slip(one, plain)), None)


def _plain(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def _is_slip(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    same = next((index for index, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[same:] == long[same + 1 :]
    swapped = short[same : same + 2] == long[same : same + 2][::-1]
    return short[same + 1 :] == long[same + 1 :] or (swapped and short[same + 2 :] == long[same + 2 :])
