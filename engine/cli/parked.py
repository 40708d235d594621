"""`jackfield parked`: the keys whose events wait behind a dead letter, and how they go on."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import TYPE_CHECKING

from engine.cli import add_store
from engine.counted import counted
from engine.errors import DefinitionError

if TYPE_CHECKING:
    from bindings.store import Store

EXAMPLE = """jackfield parked list
  jackfield parked release orders customer-17"""


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="one line for each key, the oldest first")
    listing.add_argument("--pipeline", metavar="NAME", help="only those of this pipeline")
    listing.add_argument("--format", choices=("text", "json"), default="text", help="json: one object a line")
    release = actions.add_parser("release", help="send the events of a key on their way, in their order")
    release.add_argument("pipeline", metavar="PIPELINE")
    release.add_argument("key", metavar="KEY", nargs="?")
    release.add_argument("--all", action="store_true", help="all keys of the pipeline")
    for action in (listing, release):
        add_store(action)


def run(arguments: argparse.Namespace) -> int:
    asyncio.run(_run(arguments))
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    from engine.tool import opened_store

    async with opened_store(arguments.store) as store:
        if arguments.action == "list":
            await _list(store, arguments.pipeline, arguments.format)
        else:
            await _release(store, arguments.pipeline, arguments.key, arguments.all)


async def _list(store: Store, only: str | None, format: str) -> None:
    from bindings.store import LetterQuery
    from engine.event import rfc3339
    from engine.parking import parked_keys

    count = 0
    for (pipeline, key), parked in (await parked_keys(store)).items():
        if only not in (None, pipeline):
            continue
        count += 1
        waiting = await store.count_dead_letters(LetterQuery(pipeline, key=key))
        since = rfc3339(parked.time)[:19] + "Z"
        if format == "json":
            fields = {"pipeline": pipeline, "key": key, "since": since, "deadLetter": parked.letter, "waiting": waiting}
            print(json.dumps(fields, ensure_ascii=False))
        else:
            letters = counted(waiting, "dead letter")
            print(f"{pipeline}  {key}  since {since} by {parked.letter}  ({letters})")
    if format == "text":
        print(counted(count, "parked key"))


async def _release(store: Store, pipeline: str, key: str | None, everything: bool) -> None:
    from engine.parking import parked_keys, release

    if (key is None) != everything:
        raise DefinitionError("say which key to release", hint="a KEY of `jackfield parked list`, or --all")
    keys = [key] if key is not None else [one for name, one in await parked_keys(store) if name == pipeline]
    for one in keys:
        letters = counted(await release(store, pipeline, one), "dead letter")
        print(f"released {one}: {letters} on their way, the engine that runs takes them up now, otherwise the next one")
    if not keys:
        print(f"no key of pipeline {pipeline} is parked")
