"""`jackfield plan`: what a pipeline would do with an event, step by step, without doing it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli import EXIT_ERRORS, EXIT_OK, add_store
from engine.errors import DefinitionError

if TYPE_CHECKING:
    from bindings.contract import Clock, Received
    from bindings.store import Store
    from engine.definitions.check import Definitions
    from engine.plan.answers import Reply
    from engine.plan.plan import Plan

EXAMPLE = """jackfield plan orders --event order.json
  jackfield plan orders --event order.json --answer answer.http
  jackfield plan orders --last 10 --against 3fa9c1d2e4b5"""

_WIDTH = 160  # columns, where there is no terminal


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pipeline", metavar="PIPELINE")
    parser.add_argument("dir", metavar="DIR", nargs="?", default="pipelines", help="the folder (default: pipelines)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--event", metavar="FILE", help="a CloudEvent (or an array of them) in JSON, or any data; - is standard input"
    )
    which.add_argument(
        "--last",
        type=int,
        default=1,
        metavar="N",
        help="the newest N dead letters of the pipeline, as they came in; where there are fewer, also what waits at\n"
        "its input, if that is a local queue or a folder. What went well is not kept. Default: 1",
    )
    which.add_argument("--from-dead-letter", metavar="ID", help="the event of a dead letter, as it came in")
    parser.add_argument(
        "--metadata", action="append", default=[], metavar="KEY=VALUE", help="what the input says of --event"
    )
    parser.add_argument(
        "--answer",
        action="append",
        default=[],
        metavar="FILE",
        help="what the app answers: an HTTP message, or only its body; for several calls, give it several times",
    )
    parser.add_argument("--against", metavar="REVISION", help="beside it, what that earlier revision would do")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_store(parser)


def run(arguments: argparse.Namespace) -> int:
    """1 when an event would become a dead letter, else 0."""
    plans, source = asyncio.run(_plans(arguments))
    print(_as_json(plans, source) if arguments.format == "json" else _as_text(plans, source))
    return EXIT_ERRORS if any(plan.has_dead_letters for plan in plans[-1:]) else EXIT_OK


async def _plans(arguments: argparse.Namespace) -> tuple[list[Plan], str]:
    """The plan, with that of an older revision before it where one is asked for; and where the events are from."""
    from engine.clock import VirtualClock
    from engine.definitions.check import check
    from engine.definitions.folder import Folder
    from engine.plan.plan import make_plan
    from engine.tool import opened_store

    clock, name = VirtualClock(time.time()), arguments.pipeline  # it stands still, so that two plans differ in no time
    definitions = (await check(Folder.load(Path(arguments.dir)), secrets=False)).definitions
    answers = [_answer(file) for file in arguments.answer]
    if arguments.event is not None and arguments.against is None:  # which need no store
        received, source = _of_file(arguments)
        return [await make_plan(name, definitions, received, answers, clock)], source
    async with opened_store(arguments.store) as store:
        received, source = await _received(arguments, definitions, store, clock)
        versions = [definitions]
        if arguments.against is not None:
            versions.insert(0, await _earlier(arguments, definitions, store, clock))
    if not received:
        hint = "give one with --event FILE"
        raise DefinitionError(f"{name} has no dead letters, and nothing is seen to wait at its input", hint=hint)
    return [await make_plan(name, version, received, answers, clock) for version in versions], source


async def _received(
    arguments: argparse.Namespace, definitions: Definitions, store: Store, clock: Clock
) -> tuple[Sequence[Received], str]:
    from engine.plan.events import events_of_letter, last_events

    if arguments.event is not None:
        return _of_file(arguments)
    if arguments.from_dead_letter is not None:
        letter = arguments.from_dead_letter
        return await events_of_letter(store, letter, arguments.pipeline), f"dead letter {letter}"
    if arguments.last < 1:
        raise DefinitionError(f"--last: {arguments.last} is not 1 or more")
    return await last_events(definitions, arguments.pipeline, store, clock, arguments.last)


async def _earlier(arguments: argparse.Namespace, definitions: Definitions, store: Store, clock: Clock) -> Definitions:
    from engine.definitions.check import check
    from engine.history import History, chosen, ran

    revisions = await ran(History(store, clock), arguments.pipeline)
    kept, root = chosen(revisions, arguments.pipeline, arguments.against), definitions.root
    return (await check(kept.folder(root), secrets=False, schemas=kept.schema_sources(root))).definitions


def _of_file(arguments: argparse.Namespace) -> tuple[Sequence[Received], str]:
    from engine.plan.events import events_of_file

    pairs = [pair.partition("=") for pair in arguments.metadata]
    if wrong := next((key for key, equals, _ in pairs if not equals), None):
        raise DefinitionError(f"--metadata: {wrong!r} has no value", hint="write KEY=VALUE")
    name = "standard input" if arguments.event == "-" else arguments.event
    return events_of_file(name, _read(arguments.event), {key: value for key, _, value in pairs}), name


def _answer(file: str) -> Reply:
    from engine.plan.answers import reply_of
    from engine.plan.events import content_type_of

    return reply_of(_read(file), content_type_of(file), file)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise DefinitionError(f"cannot read {file}: {error.strerror}") from error


def _as_json(plans: Sequence[Plan], source: str) -> str:
    from engine.cli.plan_json import json_of

    shown = {"events": source, "plan": json_of(plans[-1])}
    against = {"against": json_of(plans[0])} if len(plans) > 1 else {}
    return json.dumps({**shown, **against}, indent=2, ensure_ascii=False)


def _as_text(plans: Sequence[Plan], source: str) -> str:
    from engine.cli.columns import columns
    from engine.cli.plan_text import PlanText

    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    if len(plans) == 1:
        return "\n".join(PlanText(color).lines(plans[0], source))
    width = shutil.get_terminal_size((_WIDTH, 24)).columns
    old, new = (PlanText(color=False, places=False).lines(plan, source) for plan in plans)
    return "\n".join(columns(old, new, width, color))
