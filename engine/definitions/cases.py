"""What is wrong with the tests of a pipeline beyond their shape: names, events, files, expressions, matchers."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from engine.address import without_password
from engine.definitions import language
from engine.definitions.definition import Definition
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document, Step
from engine.definitions.pipeline_test import AppAnswer, Case, Expectation, Payload, PipelineTest
from engine.suggest import close_match

Place: TypeAlias = tuple[Step, ...]

MATCHERS = ("$any", "$contains", "$matches")
_EXPECTS = {"calls", "outputs", "dead_letters", "outcomes", "snapshot"}
_WAYS = ("data", "file", "base64", "body")


def check_tests(
    test: Definition, pipeline: Definition, runs_on_clock: bool, components: Iterable[str]
) -> Iterator[Diagnostic]:
    """Of a document whose shape is right. `runs_on_clock`: whether the input makes its events itself. `components`:
    those that an app may name as outputs in its answers.
    """
    if not isinstance(test.model, PipelineTest):
        return
    checker = _Checker(test.document, pipeline, runs_on_clock, components)
    spec = test.model.spec
    yield from checker.check_answers(spec.apps, ("spec", "apps"))
    seen: set[str] = set()
    for index, case in enumerate(spec.tests):
        place = ("spec", "tests", index)
        if case.name in seen:
            yield test.document.error("E604", f"there are two tests of the name {case.name!r}", (*place, "name"))
        seen.add(case.name)
        yield from checker.check(case, place)


class _Checker:
    def __init__(
        self, document: Document, pipeline: Definition, runs_on_clock: bool, components: Iterable[str]
    ) -> None:
        self._document = document
        self._apps = set(_apps(pipeline))
        self._outputs = {*_outputs(pipeline), *components}
        self._runs_on_clock = runs_on_clock

    def check(self, case: Case, place: Place) -> Iterator[Diagnostic]:
        yield from self._check_events(case, place)
        yield from self.check_answers(case.apps, (*place, "apps"))
        for name, answers in case.outputs.items():
            at = (*place, "outputs", name)
            yield from self._check_name(name, self._outputs, "output", at, key=True)
            for index, answer in enumerate(answers):
                if not isinstance(answer, str):
                    yield from self._check_texts(answer.when, None, (*at, index))
        yield from self._check_expectation(case.expect, (*place, "expect"))

    def _check_events(self, case: Case, place: Place) -> Iterator[Diagnostic]:
        if self._runs_on_clock and case.time.until is None:
            hint = "write `time: {from: 2026-01-01T00:00:00Z, until: 2026-02-01T00:00:00Z}`"
            yield self._document.error("E603", "a schedule runs until an instant, and none is given", place, hint)
        if case.time.until is not None and case.time.until <= case.time.start:
            yield self._document.error("E603", "the test ends before it begins", (*place, "time", "until"))
        if self._runs_on_clock and case.events:
            message = "the input is a schedule, which makes its events itself"
            yield self._document.error("E603", message, (*place, "events"), "remove them", key=True)
        if not self._runs_on_clock and not case.events:
            yield self._document.error("E603", "nothing comes in: the test has no events", place, "write `events`")
        for index, event in enumerate(case.events):
            yield from self._check_payload(event, (*place, "events", index))

    def check_answers(self, apps: Mapping[str, Any], place: Place) -> Iterator[Diagnostic]:
        for app, paths in apps.items():
            yield from self._check_name(app, self._apps, "app", (*place, app), key=True)
            for path, answers in paths.items():
                for index, answer in enumerate(answers):
                    if isinstance(answer, AppAnswer):
                        at = (*place, app, path, index)
                        yield from self._check_payload(answer, at)
                        yield from self._check_texts(answer.when, answer.data, at)

    def _check_texts(self, when: str | None, data: Any, place: Place) -> Iterator[Diagnostic]:
        if when is not None:
            yield from language.check_text(self._document, (*place, "when"), when, True)
        for at, text in _texts(data, (*place, "data")):
            yield from language.check_text(self._document, at, text, False)

    def _check_payload(self, payload: Payload, place: Place) -> Iterator[Diagnostic]:
        written = [way for way in _WAYS if way in payload.model_fields_set]
        if len(written) > 1:
            message = f"the data are written twice: as `{written[0]}` and as `{written[1]}`"
            yield self._document.error("E605", message, (*place, written[1]), "leave out one of them", key=True)
        if payload.file is not None and not (self._document.path.parent / payload.file).is_file():
            hint = _files_near(self._document.path.parent / payload.file)
            yield self._document.error("E605", f"there is no file {payload.file!r}", (*place, "file"), hint)
        if payload.base64 is not None:
            try:
                base64.b64decode(payload.base64, validate=True)
            except ValueError as error:
                yield self._document.error("E605", f"this is no base64: {error}", (*place, "base64"))

    def _check_expectation(self, expect: Expectation, place: Place) -> Iterator[Diagnostic]:
        if not any(getattr(expect, name) not in (None, False) for name in _EXPECTS):
            hint = "write `outcomes`, `outputs`, `calls`, `deadLetters` or `snapshot`"
            yield self._document.error("E601", "this test expects nothing", place, hint, key=True)
        for index, call in enumerate(expect.calls or ()):
            if call.app is not None:
                yield from self._check_name(call.app, self._apps, "app", (*place, "calls", index, "app"))
        for index, output in enumerate(expect.outputs or ()):
            for field, name in (("binding", output.binding), ("pubsub", output.pubsub)):
                if name is not None:
                    at = (*place, "outputs", index, field)
                    yield from self._check_name(name, self._outputs, "output", at)
        for field in ("calls", "outputs", "deadLetters"):
            yield from self._check_matchers(self._document.get((*place, field)), (*place, field))

    def _check_name(
        self, name: str, known: set[str], noun: str, place: Place, *, key: bool = False
    ) -> Iterator[Diagnostic]:
        if name not in known:
            there = f"it has {', '.join(sorted(known))}" if known else f"it has no {noun}"
            hint = close_match(name, known) or there
            yield self._document.error("E602", f"the pipeline has no {noun} {name!r}", place, hint, key=key)

    def _check_matchers(self, value: Any, place: Place) -> Iterator[Diagnostic]:
        if isinstance(value, dict):
            for key, item in value.items():
                if key.startswith("$"):
                    yield from self._check_matcher(key, item, len(value), (*place, key))
                else:
                    yield from self._check_matchers(item, (*place, key))
        for index, item in enumerate(value if isinstance(value, list) else ()):
            yield from self._check_matchers(item, (*place, index))

    def _check_matcher(self, name: str, argument: Any, fields: int, place: Place) -> Iterator[Diagnostic]:
        if name not in MATCHERS:
            hint = close_match(name, MATCHERS) or f"the matchers are {', '.join(MATCHERS)}"
            yield self._document.error("E606", f"there is no matcher {name!r}", place, hint, key=True)
        elif fields > 1:
            yield self._document.error("E606", "a matcher stands alone in its mapping", place, key=True)
        elif name == "$matches":
            try:
                re.compile(argument)
            except (re.error, TypeError) as error:
                yield self._document.error("E606", f"this is no regular expression: {error}", place)
        elif (name == "$any" and argument is not True) or (name == "$contains" and not isinstance(argument, str)):
            right = "`$any: true`" if name == "$any" else "a text"
            yield self._document.error("E606", f"{name} takes {right}", place)


def _apps(pipeline: Definition) -> Iterator[str]:
    for step in _mappings(pipeline.spec.get("steps")):
        call = step.get("call")
        app = call.get("app") if isinstance(call, dict) else None
        name = app.get("url") if isinstance(app, dict) else app
        if isinstance(name, str):
            yield without_password(name)


def _outputs(pipeline: Definition) -> Iterator[str]:
    for index, output in enumerate(_mappings(pipeline.spec.get("outputs"))):
        binding = output.get("binding", output.get("pubsub"))
        yield binding if isinstance(binding, str) else f"outputs[{index}]"
    delivery = pipeline.spec.get("delivery")
    if isinstance(delivery, dict) and isinstance(delivery.get("deadLetter"), dict):
        yield "deadLetter"


def _mappings(value: Any) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _texts(item, (*place, key))


def _files_near(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"there is no folder {path.parent}; a relative path begins at the folder of this file"
    return close_match(path.name, names) or f"it was looked for in {path.parent}"
