"""`jackfield lsp`: a language server for editors, over the standard input and output."""

from __future__ import annotations

import argparse

from engine.errors import DefinitionError

EXAMPLE = "jackfield lsp    # an editor starts it; docs/editor.md has the lines for some"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dir",
        metavar="DIR",
        nargs="?",
        default="pipelines",
        help="the definitions folder, from the editor's workspace (default: pipelines); a file elsewhere is checked\n"
        "with what is beside it, if its apiVersion is one of Jackfield's or Dapr's",
    )
    parser.add_argument("--stdio", action="store_true", help=argparse.SUPPRESS)  # some editors say it; it is so anyway
    parser.add_argument(
        "--secrets", action="store_true", help="look whether secrets and environment variables are there, as `run` will"
    )


def run(arguments: argparse.Namespace) -> int:
    """Until the editor ends it; raises `DefinitionError` when the library is missing."""
    try:
        from engine.lsp.server import Server
    except ImportError as error:
        hint = "pip install 'jackfield[lsp]'"
        raise DefinitionError(f"the language server needs the package {error.name!r}", hint=hint) from error
    Server(arguments.dir, arguments.secrets).start_io()
    return 0
