"""What `jackfield run` prints: a line for each notable thing, as text for people or as JSON for machines."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol, TextIO

from bindings.contract import Clock
from engine.errors import EventError
from engine.event import rfc3339
from engine.observer import Counts
from engine.passage import Passage

_LINES_A_SECOND = 20  # of one pipeline; what comes beyond is counted and told in one line


class Sink(Protocol):
    """Writes one line. `kind` is what happened, `text` the sentence for a person, `fields` the same for a machine."""

    def write(self, kind: str, pipeline: str, text: str, fields: Mapping[str, object]) -> None: ...


class TextSink:
    _MARKS: Mapping[str, tuple[str, str]] = {  # kind -> mark, ANSI colour
        "delivered": ("✓", "32"),
        "filtered": ("·", "90"),
        "retrying": ("↻", "33"),
        "dead-lettered": ("✗", "31"),
        "paused": ("‖", "33"),
        "resumed": ("▶", "32"),
        "started": ("▶", "36"),
        "swapped": ("⇄", "36"),
        "stopped": ("■", "36"),
        "draining": ("■", "36"),
        "refused": ("!", "31"),
        "waiting": ("…", "33"),
        "error": ("!", "31"),
        "warning": ("!", "33"),
    }

    def __init__(self, out: TextIO, clock: Clock, color: bool) -> None:
        self._out = out
        self._clock = clock
        self._color = color

    def write(self, kind: str, pipeline: str, text: str, fields: Mapping[str, object]) -> None:
        mark, tone = self._MARKS.get(kind, (" ", "0"))
        time = rfc3339(self._clock.now())[11:19]
        head = f"{mark} {pipeline:<14}"
        if self._color:
            time, head = f"\x1b[90m{time}\x1b[0m", f"\x1b[{tone}m{head}\x1b[0m"
        _print(f"{time} {head} {text}", self._out)


class JsonSink:
    def __init__(self, out: TextIO, clock: Clock) -> None:
        self._out = out
        self._clock = clock

    def write(self, kind: str, pipeline: str, text: str, fields: Mapping[str, object]) -> None:
        line = {"time": rfc3339(self._clock.now()), "kind": kind, "pipeline": pipeline, "message": text, **fields}
        _print(json.dumps(line, ensure_ascii=False, default=str), self._out)


def _print(line: str, out: TextIO) -> None:
    # Who reads the lines may go away (`jackfield run | head`); the events go on all the same.
    with contextlib.suppress(OSError, ValueError):
        print(line, file=out, flush=True)


class LineReport:
    """Implements what the engine tells (`engine.engine.Report`) by lines of a sink."""

    def __init__(self, sink: Sink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._second = 0
        self._written: dict[str, int] = {}
        self._unwritten: dict[tuple[str, str], int] = {}

    # Events

    def delivered(self, pipeline: str, batch: Sequence[Passage]) -> None:
        notes = next((passage.notes for passage in batch if passage.notes), [])
        text = f"{_named(batch)}  {' → '.join(notes)}"
        self._event("delivered", pipeline, text, len(batch), {"events": len(batch), "notes": notes, **_ids(batch)})

    def filtered(self, pipeline: str, passage: Passage) -> None:
        self._event("filtered", pipeline, f"{_named([passage])}  filtered", 1, _ids([passage]))

    def retrying(self, pipeline: str, stage: str, batch: Sequence[Passage], error: EventError, wait: float) -> None:
        text = f"{_named(batch)}  {error}; try {batch[0].tries + 1} in {wait:.1f} s"
        fields = {"stage": stage, "error": str(error), "wait": round(wait, 3), **_ids(batch)}
        self._event("retrying", pipeline, text, len(batch), fields)

    def dead_lettered(self, pipeline: str, stage: str, passage: Passage, error: EventError, letter: str) -> None:
        text = f"{_named([passage])}  dead letter {letter} at {stage}: {error}"
        fields = {"stage": stage, "error": str(error), "deadLetter": letter, **_ids([passage])}
        self._event("dead-lettered", pipeline, text, 1, fields)

    def paused(self, pipeline: str, stage: str, reason: str) -> None:
        self._sink.write("paused", pipeline, f"paused, probing: {reason}", {"stage": stage, "reason": reason})

    def resumed(self, pipeline: str, stage: str) -> None:
        self._sink.write("resumed", pipeline, f"resumed: {stage} answers again", {"stage": stage})

    # Pipelines

    def started(self, pipeline: str, revision: str, file: str) -> None:
        self._sink.write("started", pipeline, f"started from {file}", {"revision": revision, "file": file})

    def swapped(self, pipeline: str, revision: str, file: str) -> None:
        self._sink.write("swapped", pipeline, f"changed in {file}: swapped", {"revision": revision, "file": file})

    def stopped(self, pipeline: str) -> None:
        self._sink.write("stopped", pipeline, "drained and stopped", {})

    def refused(self, pipeline: str, reason: str, old_runs: bool) -> None:
        text = f"not started: {reason}{_OLD_RUNS if old_runs else ''}"
        self._sink.write("refused", pipeline, text, {"reason": reason, "oldRuns": old_runs})

    def waiting(self, pipeline: str, reason: str, seconds: float, old_runs: bool) -> None:
        text = f"waits, next try in {seconds:.0f} s: {reason}{_OLD_RUNS if old_runs else ''}"
        self._sink.write("waiting", pipeline, text, {"reason": reason, "wait": seconds, "oldRuns": old_runs})

    def _event(self, kind: str, pipeline: str, text: str, events: int, fields: Mapping[str, object]) -> None:
        second = int(self._clock.now())
        if second != self._second:
            self.flush()
            self._second = second
            self._written.clear()
        written = self._written.get(pipeline, 0)
        if written < _LINES_A_SECOND:
            self._written[pipeline] = written + 1
            self._sink.write(kind, pipeline, _printable(text), fields)
        else:
            self._unwritten[pipeline, kind] = self._unwritten.get((pipeline, kind), 0) + events

    def flush(self) -> None:
        """Tells what was only counted; called once a second, so that a burst is told even when nothing follows it."""
        for (pipeline, kind), events in self._unwritten.items():
            self._sink.write(kind, pipeline, f"and {events:,} more {kind}", {"events": events})
        self._unwritten.clear()


class LogHandler(logging.Handler):
    """Brings what is logged (by bindings, and of bugs) into the same lines."""

    def __init__(self, sink: Sink) -> None:
        super().__init__(logging.WARNING)
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        kind = "error" if record.levelno >= logging.ERROR else "warning"
        try:
            self._sink.write(kind, record.name, self.format(record), {})
        except Exception:  # arguments that do not fit: who logs must not fail by it
            self.handleError(record)


def sink_for(format: str, clock: Clock, color: bool) -> Sink:
    return JsonSink(sys.stdout, clock) if format == "json" else TextSink(sys.stdout, clock, color)


def summary(counts: Mapping[str, Counts]) -> str:
    """One line a pipeline: what was read, and what became of it."""
    columns = ("read", "delivered", "filtered", "retried", "dead-lettered")
    width = max((len(name) for name in counts), default=8) + 2
    lines = ["", f"{'pipeline':<{width}}" + "".join(f"{column:>15}" for column in columns)]
    for name, count in sorted(counts.items()):
        values = (count.read, count.delivered, count.filtered, count.retried, count.dead_lettered)
        lines.append(f"{name:<{width}}" + "".join(f"{value:>15,}" for value in values))
    released = sum(count.released for count in counts.values())
    if released:
        lines.append(f"given back to the inputs: {released:,}; at the next start they come again")
    return "\n".join(lines)


_OLD_RUNS = "; the old revision goes on"


def _named(batch: Sequence[Passage]) -> str:
    return f"{len(batch):,} events" if len(batch) > 1 else batch[0].event.id[:60]


def _printable(text: str) -> str:
    """Ids and errors quote what others sent, and must neither break the line nor steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _ids(batch: Sequence[Passage]) -> Mapping[str, object]:
    return {"id": batch[0].event.id, "source": batch[0].event.source}
