"""`jackfield dead-letters`: what could not be delivered, and the way back."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING

from engine.cli import add_store, letter_files, letter_options
from engine.counted import counted
from engine.errors import DefinitionError

if TYPE_CHECKING:
    from bindings.store import Store
    from engine.letter_choice import LetterChoice

EXAMPLE = """jackfield dead-letters list --pipeline orders --since 2h
  jackfield dead-letters replay --error 'answered 422' --where 'data.amount > 0' --rate 50/s"""


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="one line for each, the oldest first")
    listing.add_argument("--format", choices=("text", "json"), default="text", help="json: one object a line")
    show = actions.add_parser("show", help="one of them whole: the event, the error, the answer")
    show.add_argument("id", metavar="ID")
    edit = actions.add_parser("edit", help="change the data of one of them")
    _configure_edit(edit)
    replay = actions.add_parser("replay", help="send them on their way again, from the stage that failed")
    replay.add_argument("--from-start", action="store_true", help="the whole way, as they came in")
    replay.add_argument(
        "--revision",
        choices=("current", "failed"),
        default="current",
        help="current: by the definitions that run (default). failed: by those with which they failed",
    )
    replay.add_argument("--dry-run", action="store_true", help="only say which, and from where")
    replay.add_argument("--rate", type=letter_options.rate, metavar="N/s", help="at most so many a second (50/s)")
    discard = actions.add_parser("discard", help="delete them for good")
    export = actions.add_parser("export", help="write them to a file of JSON lines, without loss")
    export.add_argument("file", metavar="FILE", help="the file to make; - is the standard output")
    load = actions.add_parser("import", help="add those of an exported file that are not there")
    load.add_argument("file", metavar="FILE", help="what `export` wrote; - is the standard input")
    for action in (listing, replay, discard, export):
        letter_options.configure(action)
    for action in (listing, show, edit, replay, discard, export, load):
        add_store(action)


def _configure_edit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--data", metavar="TEXT", help="the new data")
    data.add_argument("--file", metavar="FILE", help="a file with the new data; - is the standard input")
    parser.add_argument("--origin", action="store_true", help="the data as it came in, for a replay from the start")


def run(arguments: argparse.Namespace) -> int:
    asyncio.run(_run(arguments))
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    from engine.tool import opened_store

    async with opened_store(arguments.store) as store:
        match arguments.action:
            case "show":
                await _show(store, arguments.id)
            case "edit":
                await _edit(store, arguments)
            case "import":
                added, there = await letter_files.load(store, arguments.file)
                print(f"imported {_number(added)}; {there:,} were there already")
            case _:
                await _of_many(store, arguments)


async def _of_many(store: Store, arguments: argparse.Namespace) -> None:
    choice = letter_options.chosen(store, arguments)
    match arguments.action:
        case "list":
            await _list(choice, arguments.format)
        case "replay" if arguments.dry_run:
            await _would_replay(choice, arguments.from_start, arguments.revision == "failed")
        case "replay":
            await _replay(store, choice, arguments)
        case "discard":
            removed = [await store.remove_dead_letters([one.id for one in page]) async for page in choice.pages()]
            print(f"discarded {_number(sum(removed))}")
        case "export":
            print(f"exported {_number(await letter_files.export(choice, arguments.file))}", file=sys.stderr)
    if choice.failures:
        id, error = choice.failures[0]
        print(f"note: left out {_number(len(choice.failures))} on which --where failed: {id}: {error}", file=sys.stderr)


async def _list(choice: LetterChoice, format: str) -> None:
    from engine.letter_lines import shown, when

    count = 0
    async for page in choice.pages():
        count += len(page)
        for letter in page:
            if format == "json":
                print(json.dumps(shown(letter), ensure_ascii=False))
            else:
                fields = (letter.id, when(letter), f"{letter.pipeline}:{letter.stage}", letter.event.id)
                attempts = "1 attempt" if letter.attempts == 1 else f"{letter.attempts} attempts"
                print("  ".join(fields), f"({attempts})", letter.error, sep="  ")
    if format == "text":
        print(_number(count))


async def _show(store: Store, id: str) -> None:
    from engine.letter_choice import found
    from engine.letter_lines import shown

    print(json.dumps(shown(await found(store, id)), ensure_ascii=False, indent=2))


async def _edit(store: Store, arguments: argparse.Namespace) -> None:
    from engine.dead_letters import edited
    from engine.letter_choice import found

    before = await found(store, arguments.id)
    after = edited(before, _new_data(arguments), arguments.origin)
    if not await store.change_dead_letter(after):
        raise DefinitionError(f"the dead letter {before.id} was replayed or discarded in the meantime")
    if after.event == before.event:
        print(f"changed the data as it came in; `jackfield dead-letters replay {before.id} --from-start` uses it")
    elif after.origin == before.origin:
        print(
            f"changed the data at {before.stage}, where a replay goes on\n"
            "note: a replay from the start (--from-start, or when the pipeline has changed since) uses the data as it "
            "came in, which a step had made into this; change that with --origin"
        )
    else:
        print(f"changed the data; a replay uses it, from {before.stage} and from the start")


def _new_data(arguments: argparse.Namespace) -> bytes:
    if arguments.data is not None:
        return os.fsencode(arguments.data)
    with letter_files.opened(arguments.file) as file:
        return file.read()


async def _would_replay(choice: LetterChoice, from_start: bool, as_failed: bool) -> None:
    count = 0
    async for page in choice.pages():
        count += len(page)
        for letter in page:
            stage = "the start" if from_start else letter.stage
            by = [f"by revision {letter.revision}"] if as_failed else []
            print(letter.id, letter.pipeline, letter.event.id, f"from {stage}", *by, sep="  ")
    hint = "" if from_start or as_failed else "; one whose pipeline has changed since goes the whole way"
    print(f"would replay {_number(count)}{hint}")


async def _replay(store: Store, choice: LetterChoice, arguments: argparse.Namespace) -> None:
    from engine.clock import SystemClock
    from engine.replay import Replays, paced

    replays = Replays(store, arguments.from_start, arguments.revision == "failed")
    pages = choice.pages()
    try:
        async for page in paced(pages, arguments.rate, SystemClock()) if arguments.rate else pages:
            await replays.add(page)
    except asyncio.CancelledError:
        print(f"stopped: replayed {_number(replays.count)}, the others stay what they are")
        raise
    print(f"replayed {_number(replays.count)}: the engine that runs takes them up now, otherwise the next one")


def _number(count: int) -> str:
    return counted(count, "dead letter")
