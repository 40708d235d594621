"""`jackfield explain`: a page on a component type, the pipeline language, another kind, a field, or a code."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import DefinitionError

if TYPE_CHECKING:
    from engine.cli.page import Page

EXAMPLE = "jackfield explain bindings.cron"

_WIDEST = 100  # columns; longer lines are hard to read


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="a component type, `pipeline`, another kind, a field or a code; none: list",
    )
    parser.add_argument("--all", action="store_true", help="every page, one after the other")
    parser.add_argument("--write", metavar="DIR", help="write every page as Markdown below this folder")
    parser.add_argument("--format", choices=("text", "markdown"), default="text", help="default: text")


def run(arguments: argparse.Namespace) -> int:
    from engine.cli.page import Markdown, Page, Terminal
    from engine.cli.topics import contents, topics

    if arguments.write:
        from engine.cli.reference import write_reference

        write_reference(Path(arguments.write))
        return 0
    if arguments.all:
        pages = [Page("Reference", []), *(page() for page in topics().values())]
    else:
        pages = [_page(arguments.name) if arguments.name else contents()]
    if arguments.format == "markdown":
        texts = [Markdown(level=2 if number else 1).render(page) for number, page in enumerate(pages)]
    else:
        color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        terminal = Terminal(min(shutil.get_terminal_size().columns, _WIDEST), color)
        texts = [terminal.render(page) for page in pages]
    print("\n".join(texts), end="")
    return 0


def _page(name: str) -> Page:
    from engine.cli.topics import fields, topics
    from engine.suggest import close_match

    every = {**fields(), **topics()}
    known = {topic.lower(): make for topic, make in every.items()}
    if name.lower() not in known:
        longer = next((f"did you mean {topic!r}?" for topic in topics() if topic.endswith(f".{name.lower()}")), "")
        hint = close_match(name, topics()) or longer or close_match(name, every)
        hint = hint or "`jackfield explain` lists what can be explained"
        raise DefinitionError(f"there is nothing to explain of the name {name!r}", hint=hint)
    return known[name.lower()]()
