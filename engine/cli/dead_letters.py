"""`jackfield dead-letters`: what could not be delivered, and the way back."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from engine.errors import DefinitionError

if TYPE_CHECKING:
    from bindings.store import DeadLetter, Store

EXAMPLE = """jackfield dead-letters list --pipeline orders
  jackfield dead-letters replay --all"""

_PAGE = 500


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="one line for each, the oldest first")
    listing.add_argument("--format", choices=("text", "json"), default="text", help="json: one object a line")
    show = actions.add_parser("show", help="one of them whole: the event, the error, the answer")
    show.add_argument("id", metavar="ID")
    replay = actions.add_parser("replay", help="send them on their way again, from the stage that failed")
    replay.add_argument("--from-start", action="store_true", help="the whole way, as they came in")
    discard = actions.add_parser("discard", help="delete them for good")
    for action in (replay, discard):
        action.add_argument("ids", nargs="*", metavar="ID", help="which ones")
        action.add_argument("--all", action="store_true", help="all of them, or all of --pipeline")
    for action in (listing, replay, discard):
        action.add_argument("--pipeline", metavar="NAME", help="only those of this pipeline")
    for action in (listing, show, replay, discard):
        action.add_argument("--store", default="sqlite:.jackfield/store.db", metavar="URL", help="the engine's store")


def run(arguments: argparse.Namespace) -> int:
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    from engine.tool import opened_store

    async with opened_store(arguments.store) as store:
        if arguments.action == "list":
            return await _list(store, arguments)
        if arguments.action == "show":
            print(json.dumps(_whole(await _found(store, arguments.id)), ensure_ascii=False, indent=2))
            return 0
        letters = await _chosen(store, arguments)
        if arguments.action == "replay":
            return await _replay(store, letters, arguments.from_start)
        removed = await store.remove_dead_letters([letter.id for letter in letters])
        print(f"discarded {_number(removed)}")
        return 0


async def _list(store: Store, arguments: argparse.Namespace) -> int:
    count = 0
    async for letter in _all(store, arguments.pipeline):
        count += 1
        if arguments.format == "json":
            print(json.dumps(_whole(letter), ensure_ascii=False))
        else:
            fields = (letter.id, _when(letter), f"{letter.pipeline}:{letter.stage}", letter.event.id)
            print("  ".join(fields), f"({letter.attempts} attempts)", letter.error, sep="  ")
    if arguments.format == "text":
        print(_number(count))
    return 0


async def _replay(store: Store, letters: list[DeadLetter], from_start: bool) -> int:
    from engine.replay import replay

    await replay(store, letters, from_start)
    print(f"replayed {_number(len(letters))}: the engine that runs takes them up now, otherwise the next one")
    return 0


async def _chosen(store: Store, arguments: argparse.Namespace) -> list[DeadLetter]:
    if arguments.all == bool(arguments.ids):
        raise DefinitionError("name dead letters by their ids, or all of them", hint="`--all`, or ids from `list`")
    if arguments.all:
        return [letter async for letter in _all(store, arguments.pipeline)]
    return [await _found(store, id) for id in arguments.ids]


async def _all(store: Store, pipeline: str | None) -> AsyncIterator[DeadLetter]:
    after = ""
    while page := await store.dead_letters(pipeline=pipeline, after=after, limit=_PAGE):
        for letter in page:
            yield letter
        after = page[-1].id


async def _found(store: Store, id: str) -> DeadLetter:
    letter = await store.dead_letter(id)
    if letter is None:
        raise DefinitionError(f"there is no dead letter {id!r}", hint="`jackfield dead-letters list` lists them")
    return letter


def _number(count: int) -> str:
    return f"{count:,} dead letter{'' if count == 1 else 's'}"


def _when(letter: DeadLetter) -> str:
    from engine.envelope import rfc3339

    return rfc3339(letter.time)[:19] + "Z"


def _whole(letter: DeadLetter) -> dict[str, Any]:
    from engine.cloudevents import encode_one
    from engine.errors import Permanent
    from engine.event import Event

    def event(event: Event) -> Any:
        try:
            return json.loads(encode_one(event))
        except Permanent:  # its data is not what its content type says: shown as bytes
            return json.loads(encode_one(event.replace(datacontenttype="application/octet-stream")))

    return {
        "id": letter.id,
        "time": _when(letter),
        "pipeline": letter.pipeline,
        "revision": letter.revision,
        "stage": letter.stage,
        "attempts": letter.attempts,
        "error": letter.error,
        "status": letter.status,
        "body": letter.body.decode(errors="replace") if letter.body is not None else None,
        "metadata": dict(letter.metadata),
        "event": event(letter.event),
        "origin": event(letter.origin),
    }
