"""`jackfield revisions`: which definitions of a pipeline ran, and what changed between them."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.cli import add_store
from engine.counted import counted

if TYPE_CHECKING:
    from bindings.store import Store
    from engine.history import Part, Revision

EXAMPLE = """jackfield revisions orders
  jackfield revisions orders --diff 3fa9c1d2e4b5"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pipeline", metavar="PIPELINE")
    parser.add_argument(
        "--diff",
        nargs="+",
        metavar="REVISION",
        help="what changed from that revision to the last one, or to a second one that is named",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: one object a line")
    add_store(parser)


def run(arguments: argparse.Namespace) -> int:
    asyncio.run(_run(arguments))
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    from engine.clock import SystemClock
    from engine.errors import DefinitionError
    from engine.history import History, chosen, ran
    from engine.tool import opened_store

    async with opened_store(arguments.store) as store:
        revisions = await ran(History(store, SystemClock()), arguments.pipeline)
        if arguments.diff is None:
            await _list(store, arguments.pipeline, revisions, arguments.format)
            return
    if len(arguments.diff) > 2:
        raise DefinitionError("--diff compares one revision with the last one, or two with each other")
    named = [chosen(revisions, arguments.pipeline, id) for id in arguments.diff]
    print("\n".join(_diff(named[0], named[1] if len(named) > 1 else revisions[0])) or "there is no difference")


async def _list(store: Store, pipeline: str, revisions: Sequence[Revision], format: str) -> None:
    from engine.event import rfc3339

    letters = await _letters(store, pipeline)
    for revision in revisions:
        last, first = (rfc3339(time)[:19] + "Z" for time in (revision.last, revision.first))
        is_last, count = revision is revisions[0], letters[revision.id]
        if format == "json":
            shown = {"revision": revision.id, "last": last, "first": first, "isLast": is_last}
            print(json.dumps({**shown, "files": revision.files, "deadLetters": count}))
        else:
            fields = [revision.id, last, ", ".join(revision.files)]
            fields += [counted(count, "dead letter")] if count else []
            fields += [f"first at {first}"] if first != last else []
            print("  ".join([*fields, *(["(runs, or ran last)"] if is_last else [])]))


async def _letters(store: Store, pipeline: str) -> Counter[str]:
    """How many dead letters each revision has."""
    import time

    from bindings.store import LetterQuery
    from engine.letter_choice import LetterChoice

    pages = LetterChoice(store, time.time(), which=LetterQuery(pipeline)).pages()
    return Counter([letter.revision async for page in pages for letter in page])


def _diff(old: Revision, new: Revision) -> list[str]:
    from engine.diff import unified

    texts = [{_label(part): part.text for part in (*one.documents, *one.schemas)} for one in (old, new)]
    labels = dict.fromkeys([*texts[0], *texts[1]])
    return [line for label in labels for line in unified(texts[0].get(label, ""), texts[1].get(label, ""), label)]


def _label(part: Part) -> str:
    return f"{part.file} ({part.kind} {part.name})" if part.kind else part.file
