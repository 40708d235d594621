"""The command `jackfield`: one module a command, imported only when it is called."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from engine.errors import JackfieldError
from engine.suggest import close_match
from engine.version import VERSION

COMMANDS = {
    "run": "run the definitions of a folder",
    "status": "what runs in an engine, what waits and why",
    "check": "find every mistake in the definitions of a folder",
    "plan": "what a pipeline would do with an event, step by step, without doing it",
    "graph": "the components, pipelines and apps of a folder, and what flows between them, as a picture",
    "lsp": "a language server for editors, over the standard input and output",
    "test": "run the tests of pipelines, with no network and no waiting",
    "send": "put events into a queue",
    "dead-letters": "list, show, edit, replay, discard, export or import what could not be delivered",
    "parked": "list or release the keys whose events wait behind a dead letter",
    "revisions": "which definitions of a pipeline ran, and what changed between them",
    "rollback": "write the definitions of an earlier revision back into their files",
    "store": "what the engine's store holds, and a copy of it while it is in use",
    "explain": "a readable page of a component type, the pipeline language or an error code",
    "schema": "print the JSON Schema of a kind or of a component type",
    "init": "make a new project that runs",
}

DEFAULT_STORE = "sqlite:.jackfield/store.db"
EXIT_OK, EXIT_ERRORS, EXIT_COULD_NOT_RUN = 0, 1, 2


class Command(Protocol):
    """What the module of a command has; the module imports what it needs within `run`."""

    EXAMPLE: str

    def configure(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, arguments: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status is 0 (fine), 1 (errors in definitions or events) or 2 (could not run)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="jackfield",
        description="Drop YAML files into a folder, and events flow.",
        epilog="Start with: jackfield init my-project",
    )
    parser.add_argument("--version", action="version", version=f"jackfield {VERSION}")
    chosen = None
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, help in COMMANDS.items():
        subparser = subparsers.add_parser(
            name, help=help, description=f"{help[0].upper()}{help[1:]}.", formatter_class=argparse.RawTextHelpFormatter
        )
        if arguments[:1] == [name]:
            command = _load(name)
            subparser.epilog = f"example:\n  {command.EXAMPLE}"
            command.configure(subparser)
            chosen = subparser
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        hint = close_match(arguments[0], COMMANDS) or "`jackfield --help` lists them"
        parser.error(f"there is no command {arguments[0]!r} ({hint})")
    try:
        parsed = _parsed(parser, chosen, *_split(arguments))
        _arm()
        return _load(parsed.command).run(parsed)
    except JackfieldError as error:
        print(f"jackfield: error: {error}", file=sys.stderr)
        return EXIT_COULD_NOT_RUN
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: `jackfield … | head`
        return EXIT_OK


def add_store(parser: argparse.ArgumentParser) -> None:
    """The option of all commands that look into the store of an engine."""
    parser.add_argument("--store", default=DEFAULT_STORE, metavar="URL", help="the engine's store")


def _arm() -> None:
    if os.environ.get("JACKFIELD_FAULT"):
        from engine.faults import arm

        arm()


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Those of `jackfield run`, and what stands after `--`: the command that starts the app."""
    if arguments[:1] != ["run"] or "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _parsed(
    parser: argparse.ArgumentParser, chosen: argparse.ArgumentParser | None, arguments: Sequence[str], app: list[str]
) -> argparse.Namespace:
    """Options may stand between the other arguments of a command, as argparse has it from Python 3.12.7 on."""
    if chosen is None or chosen._subparsers is not None:
        return parser.parse_args(arguments)
    return chosen.parse_intermixed_args(arguments[1:], argparse.Namespace(command=arguments[0], app_command=app))


def _load(name: str) -> Command:
    return cast(Command, importlib.import_module(f"engine.cli.{name.replace('-', '_')}"))
