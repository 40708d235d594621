"""`jackfield run`: runs the definitions of a folder, and follows its changes."""

from __future__ import annotations

import argparse
import asyncio

from engine.cli import DEFAULT_STORE

EXAMPLE = """\
jackfield run pipelines/
  jackfield run components/ --app-id shop --app-port 8000 -- python app.py"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", nargs="?", default="pipelines", metavar="DIR", help="the folder (default: pipelines)")
    parser.add_argument(
        "--http-port", "--port", type=int, default=3500, metavar="N", help="port of the server (default: 3500)"
    )
    parser.add_argument(
        "--grpc-port",
        type=int,
        metavar="N",
        help="port of Dapr's gRPC API (default: 50001, if the extra `dapr` is installed and the port is free)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address of the servers (default: 127.0.0.1)")
    parser.add_argument(
        "--app-id",
        default="jackfield",
        metavar="NAME",
        help="the app id of Dapr's API: stands before keys of state, and is the source of published events "
        "(default: jackfield)",
    )
    parser.add_argument(
        "--app-port",
        type=int,
        metavar="N",
        help="where the app of that id listens on this machine, in place of an App document",
    )
    parser.add_argument(
        "--app-protocol", choices=("http",), default="http", help="what the app of that id speaks (default: http)"
    )
    parser.add_argument(
        "--max-body-size",
        default="4Mi",
        metavar="SIZE",
        help="the largest body of a request to Dapr's API, and of an answer over gRPC (default: 4Mi)",
    )
    parser.add_argument(
        "--store",
        default=DEFAULT_STORE,
        metavar="URL",
        help=f"where dead letters and checkpoints are kept (default: {DEFAULT_STORE})",
    )
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="for people or for machines")
    parser.add_argument(
        "--drain",
        default="20s",
        metavar="DURATION",
        help="how long SIGTERM waits for what is under way (default: 20s); a second SIGTERM does not wait",
    )
    parser.add_argument(
        "--keep-dead-letters",
        metavar="DURATION",
        help="drop dead letters older than that, like 30d, an hour after a warning (default: keep them)",
    )
    parser.add_argument(
        "--most-dead-letters",
        type=int,
        metavar="N",
        help="drop the oldest beyond so many, an hour after a warning (default: keep them)",
    )


def run(arguments: argparse.Namespace) -> int:
    from engine.running import run_folder

    return asyncio.run(run_folder(arguments))
