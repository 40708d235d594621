"""`jackfield store`: what the engine's store holds, and a copy of it; both while an engine runs or not."""

from __future__ import annotations

import argparse
import asyncio
import json

from engine.cli import add_store

EXAMPLE = """jackfield store stats
  jackfield store backup backups/monday.db"""


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    stats = actions.add_parser("stats", help="how many dead letters, keys, marks and messages; the size of the file")
    stats.add_argument("--format", choices=("text", "json"), default="text", help="for people or for machines")
    backup = actions.add_parser("backup", help="a whole and consistent copy, which is a store itself")
    backup.add_argument("path", metavar="PATH", help="the file to make; nothing is overwritten")
    for action in (stats, backup):
        add_store(action)


def run(arguments: argparse.Namespace) -> int:
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    from engine.tool import opened_store

    async with opened_store(arguments.store) as store:
        if arguments.action == "backup":
            await store.backup(arguments.path)
            print(f"copied to {arguments.path}:")
        held = await store.stats()
    if arguments.action == "stats" and arguments.format == "json":
        print(json.dumps(dict(held)))
    else:
        width = max(map(len, held))
        print("\n".join(f"{name:<{width}}  {number:>15,}" for name, number in held.items()))
    return 0
