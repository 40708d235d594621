"""`jackfield rollback`: writes the definitions of an earlier revision back into their files; the engine follows."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli import EXIT_ERRORS, EXIT_OK, add_store

if TYPE_CHECKING:
    from engine.history import Revision
    from engine.rollback import Plan

EXAMPLE = """jackfield rollback orders --dry-run
  jackfield rollback orders 3fa9c1d2e4b5 pipelines"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pipeline", metavar="PIPELINE")
    parser.add_argument(
        "revision",
        metavar="REVISION",
        nargs="?",
        help="one of `jackfield revisions` (default: the one before the last)",
    )
    parser.add_argument("dir", metavar="DIR", nargs="?", help="the folder (default: pipelines)")
    parser.add_argument("--dry-run", action="store_true", help="only print what would change")
    add_store(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when the folder has that revision, 1 when it would not pass the check with it, and nothing was written."""
    id, root = arguments.revision, arguments.dir
    if id is not None and root is None and Path(id).is_dir():
        id, root = None, id
    return asyncio.run(_run(arguments, id, Path(root or "pipelines")))


async def _run(arguments: argparse.Namespace, id: str | None, root: Path) -> int:
    from engine.clock import SystemClock
    from engine.definitions.folder import Folder
    from engine.history import History, chosen, ran
    from engine.rollback import plan
    from engine.tool import opened_store

    async with opened_store(arguments.store) as store:
        revisions = await ran(History(store, SystemClock()), arguments.pipeline)
    revision = (
        chosen(revisions, arguments.pipeline, id) if id is not None else _one_before(revisions, arguments.pipeline)
    )
    planned = await plan(Folder.load(root), arguments.pipeline, revision)
    if planned.errors:
        return _refuse(planned)
    _show(planned)
    if not arguments.dry_run:
        for change in planned.changes:
            change.write()
    print(_told(planned, arguments.pipeline, revision.id, arguments.dry_run))
    return EXIT_OK


def _one_before(revisions: list[Revision], pipeline: str) -> Revision:
    from engine.errors import DefinitionError

    if len(revisions) == 1:
        raise DefinitionError(f"only one revision of {pipeline!r} has run", hint="there is none to go back to")
    return revisions[1]


def _refuse(planned: Plan) -> int:
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for error in planned.errors:
        print(f"{error.as_text(color)}\n")
    print("nothing was written: with that revision the folder would have errors, and the engine would not follow")
    return EXIT_ERRORS


def _show(planned: Plan) -> None:
    from engine.definitions.source import shown_path
    from engine.diff import unified

    for change in planned.changes:
        print("\n".join(unified(change.before, change.after, shown_path(change.path))))
    for name, used in planned.shared.items():
        print(f"note: the pipeline {name} uses {', '.join(used)}, too, and changes with it")


def _told(planned: Plan, pipeline: str, revision: str, dry_run: bool) -> str:
    if not planned.changes:
        return f"{pipeline} is as it was in revision {revision} already"
    if dry_run:
        return f"would roll {pipeline} back to revision {revision}"
    return (
        f"rolled {pipeline} back to revision {revision}: the engine that runs follows, otherwise the next one starts it"
    )
