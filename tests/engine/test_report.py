"""The lines of `jackfield run`: at most twenty a second of one pipeline, and no event uncounted."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping

import pytest

from bindings.contract import Outcome, Received
from engine.clock import VirtualClock
from engine.errors import Permanent, Retryable
from engine.event import Event
from engine.observer import Counts
from engine.passage import Arrival, Passage
from engine.report import JsonSink, LineReport, LogHandler, TextSink, summary
from engine.settler import Settler
from tests.engine.rig import Source


class Lines:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, str, Mapping[str, object]]] = []

    def write(self, kind: str, pipeline: str, text: str, fields: Mapping[str, object]) -> None:
        self.written.append((kind, pipeline, text, fields))

    @property
    def texts(self) -> list[str]:
        return [text for _, _, text, _ in self.written]


def passage(id: str = "a", *notes: str) -> Passage:
    event = Event({"specversion": "1.0", "id": id, "source": "/tests", "type": "test"})
    settler = Settler(Source(), VirtualClock(), lambda settled: None)
    return Passage(Arrival(Received(id, None), event, settler), event, notes=list(notes))


async def test_event_has_a_line_with_its_id_and_what_happened_to_it() -> None:
    lines = Lines()
    LineReport(lines, VirtualClock()).delivered("orders", [passage("a", "app / 200 in 3 ms", "queue b")])
    [(kind, pipeline, text, fields)] = lines.written
    assert (kind, pipeline, text) == ("delivered", "orders", "a  app / 200 in 3 ms → queue b")
    assert (fields["id"], fields["source"], fields["events"]) == ("a", "/tests", 1)


async def test_what_others_sent_neither_breaks_the_line_nor_steers_the_terminal() -> None:
    lines = Lines()
    LineReport(lines, VirtualClock()).dead_lettered("orders", "event", passage("a\x1b[2J"), Permanent("1\n2"), "id")
    assert lines.texts == [r"a\x1b[2J  dead letter id at event: 1\n2"]


async def test_lines_beyond_twenty_a_second_are_counted_and_told_in_one() -> None:
    lines = Lines()
    report = LineReport(lines, VirtualClock())
    for _ in range(25):
        report.delivered("orders", [passage(), passage()])
    assert len(lines.written) == 20
    report.flush()
    assert lines.texts[20:] == ["and 10 more delivered"]


async def test_flush_in_the_middle_of_a_second_gives_no_lines_beyond_twenty() -> None:
    lines = Lines()
    report = LineReport(lines, VirtualClock())
    for _ in range(2):
        for _ in range(20):
            report.filtered("orders", passage())
        report.flush()
    assert lines.texts == [*["a  filtered"] * 20, "and 20 more filtered"]


async def test_next_second_has_lines_again_after_the_rest_of_the_last_one() -> None:
    lines, clock = Lines(), VirtualClock()
    report = LineReport(lines, clock)
    for _ in range(21):
        report.filtered("orders", passage("old"))
    await clock.advance(1)
    report.filtered("orders", passage("new"))
    assert lines.texts[20:] == ["and 1 more filtered", "new  filtered"]


async def test_busy_pipeline_takes_no_lines_from_another() -> None:
    lines = Lines()
    report = LineReport(lines, VirtualClock())
    for _ in range(21):
        report.filtered("busy", passage())
    report.dead_lettered("quiet", "outputs[0]", passage("b"), Permanent("no"), "letter-1")
    assert lines.texts[-1] == "b  dead letter letter-1 at outputs[0]: no"


async def test_what_is_told_of_a_pipeline_itself_is_never_only_counted() -> None:
    lines = Lines()
    report = LineReport(lines, VirtualClock())
    for _ in range(21):
        report.retrying("orders", "steps[0].call", [passage()], Retryable("away"), 1.5)
    report.paused("orders", "steps[0].call", "away")
    report.waiting("orders", "away", 30.0, old_runs=True)
    assert lines.texts[19:] == [
        "a  away; try 1 in 1.5 s",
        "paused, probing: away",
        "waits, next try in 30 s: away; the old revision goes on",
    ]


async def test_sinks_write_one_line_for_people_and_one_for_machines() -> None:
    text, lines, clock = io.StringIO(), io.StringIO(), VirtualClock()
    TextSink(text, clock, color=False).write("delivered", "orders", "a", {"id": "a"})
    JsonSink(lines, clock).write("delivered", "orders", "a", {"id": "a"})
    assert text.getvalue() == "22:13:20 ✓ orders         a\n"
    assert json.loads(lines.getvalue()) == {
        "time": "2023-11-14T22:13:20.000Z",
        "kind": "delivered",
        "pipeline": "orders",
        "message": "a",
        "id": "a",
    }


async def test_reader_of_the_lines_that_went_away_stops_nothing() -> None:
    out = io.StringIO()
    out.close()
    TextSink(out, VirtualClock(), color=True).write("delivered", "orders", "a", {})


def test_warnings_and_errors_of_the_log_become_lines() -> None:
    lines = Lines()
    log = logging.Logger("jackfield.test")
    log.addHandler(LogHandler(lines))
    log.info("not shown")
    log.warning("disk %s", "full")
    log.error("a bug")
    assert [(kind, text) for kind, _, text, _ in lines.written] == [("warning", "disk full"), ("error", "a bug")]


def test_log_whose_arguments_do_not_fit_fails_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    log = logging.Logger("somebody.else")
    log.addHandler(LogHandler(lines))
    log.warning("%d events", "many")
    assert lines.written == []
    assert "many" in capsys.readouterr().err


def test_summary_has_a_line_for_each_pipeline_by_name() -> None:
    orders, bills = Counts(read=1234, retried=5), Counts()
    orders.add(Outcome.DONE, 1200)
    orders.add(Outcome.FILTERED, 30)
    orders.add(Outcome.DEAD_LETTERED, 4)
    rows = [line.split() for line in summary({"orders": orders, "bills": bills}).splitlines() if line]
    assert rows == [
        ["pipeline", "read", "delivered", "filtered", "retried", "dead-lettered"],
        ["bills", "0", "0", "0", "0", "0"],
        ["orders", "1,234", "1,200", "30", "5", "4"],
    ]
