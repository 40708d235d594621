"""The options that say which dead letters a command is about."""

from __future__ import annotations

import argparse
import re
import time
from typing import TYPE_CHECKING

from engine.errors import DefinitionError

if TYPE_CHECKING:
    from bindings.store import Store
    from engine.letter_choice import LetterChoice

_CONDITIONS = ("pipeline", "since", "until", "error", "where")
_ALL_BY_DEFAULT = ("list", "export")
_RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "ids", nargs="*", metavar="ID", help="which ones, if not by the conditions below, of which all must hold"
    )
    parser.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument("--pipeline", metavar="NAME", help="only those of this pipeline")
    parser.add_argument("--since", type=_instant, metavar="TIME", help="2h (ago) or 2026-11-24T08:00:00Z, or later")
    parser.add_argument("--until", type=_instant, metavar="TIME", help="before that time")
    parser.add_argument("--error", metavar="TEXT", help="only those with this text in their error")
    parser.add_argument("--where", metavar="EXPRESSION", help="over event, data and metadata: data.amount > 100")


def rate(text: str) -> float:
    """Letters a second, of `50/s`, `10/m` or `1/h`."""
    match = _RATE.fullmatch(text)
    if match is None or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate; write it like 50/s, 10/m or 1/h")
    return float(match[1]) / _SECONDS[match[2]]


def chosen(store: Store, arguments: argparse.Namespace) -> LetterChoice:
    """Raises `DefinitionError` for ids beside conditions, and when nothing is said that must be."""
    from bindings.store import LetterQuery
    from engine.letter_choice import LetterChoice

    conditions = arguments.all or any(getattr(arguments, name) is not None for name in _CONDITIONS)
    if arguments.ids and conditions:
        raise DefinitionError("dead letters are named by their ids or by conditions, not by both")
    if not (arguments.ids or conditions or arguments.action in _ALL_BY_DEFAULT):
        raise DefinitionError(
            "name dead letters by their ids, by conditions, or all of them",
            hint="ids from `list`, conditions like --pipeline, or --all",
        )
    now, until = time.time(), arguments.until
    if arguments.action == "replay" and until is None:
        until = now  # or it would take up, again and again, what fails again
    which = LetterQuery(arguments.pipeline, arguments.since, until, arguments.error)
    return LetterChoice(store, now, arguments.ids, which, arguments.where)


def _instant(text: str) -> float:
    from engine.letter_choice import instant

    try:
        return instant(text, time.time())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
