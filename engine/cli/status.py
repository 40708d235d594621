"""`jackfield status`: what runs in an engine, what waits and why."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from engine.cli import EXIT_ERRORS, EXIT_OK
from engine.errors import DefinitionError

EXAMPLE = "jackfield status --url http://127.0.0.1:3500"
_TONES = {"running": "32", "paused": "33", "waiting": "33", "refused": "31"}
_PATIENCE = 5.0  # seconds


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url", default="http://127.0.0.1:3500", metavar="URL", help="of the engine (default: http://127.0.0.1:3500)"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: what the engine answers")


def run(arguments: argparse.Namespace) -> int:
    """The exit status is 1 when a pipeline does not run."""
    status = _asked(arguments.url)
    if arguments.format == "json":
        print(json.dumps(status, indent=2, ensure_ascii=False))
    else:
        for line in _lines(status, sys.stdout.isatty()):
            print(line)
    pipelines = status.get("pipelines", {})
    is_well = all(one["state"] == "running" for one in pipelines.values()) and not _of_the_engine(status)
    return EXIT_OK if is_well else EXIT_ERRORS


def _asked(url: str) -> dict[str, Any]:
    import urllib.error
    import urllib.request

    if not url.startswith(("http://", "https://")):
        raise DefinitionError(f"{url!r} is no address of an engine", hint="write it like http://127.0.0.1:3500")
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/status", timeout=_PATIENCE) as answer:  # noqa: S310
            status = json.load(answer)
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        hint = "`jackfield run` says where it listens; name that with --url"
        raise DefinitionError(f"no engine answers at {url}: {reason}", hint=hint) from error
    if not isinstance(status, dict) or not isinstance(status.get("pipelines"), dict):
        raise DefinitionError(f"what answers at {url} is no engine")
    return status


def _of_the_engine(status: Mapping[str, Any]) -> dict[str, str]:
    """What it waits for itself: its store, its definitions."""
    return {name: status[name] for name in ("store", "definitions") if name in status}


def _lines(status: Mapping[str, Any], color: bool) -> Iterator[str]:
    for name, problem in _of_the_engine(status).items():
        yield f"{_painted('waiting', color)}  the engine's {name}: {problem}"
    pipelines: Mapping[str, Any] = status["pipelines"]
    width = max(map(len, pipelines), default=0)
    for name, one in pipelines.items():
        counts = one["counts"]
        parts = [f"{counts['delivered']:,} done", f"{counts['filtered']:,} filtered"]
        parts += [f"{counts['deadLettered']:,} dead letters"] if counts["deadLettered"] else []
        parts += [f"{one['underWay']:,} under way"] if one.get("underWay") else []
        yield f"{_painted(one['state'], color)}  {name:<{width}}  {', '.join(parts)}  <- {one.get('input', '')}"
        if one.get("problem"):
            yield f"{'':9}{one['problem']}"
        for stage, why in one.get("paused", {}).items():
            yield f"{'':9}{stage} is waited for: {why}"
    if not pipelines:
        yield "no pipeline is defined"


def _painted(state: str, color: bool) -> str:
    text = f"{state:<7}"
    return f"\x1b[{_TONES[state]}m{text}\x1b[0m" if color else text
