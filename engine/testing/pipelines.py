"""The tests of pipelines from Python: for what a test in YAML cannot say."""

from __future__ import annotations

import asyncio
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.definitions.pipeline_test import Case
from engine.errors import DefinitionError
from engine.suggest import close_match
from engine.testing.bench import Bench
from engine.testing.record import Record
from engine.testing.suite import errors_of, load


class Pipelines:
    """The pipelines of a folder, ready to be run in virtual time.

    Raises `DefinitionError` when there is no such folder, or an error in it.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        suite, report = asyncio.run(load(Path(folder)))
        if errors := errors_of(report):
            raise DefinitionError("\n".join(diagnostic.as_text() for diagnostic in errors))
        self._bench = Bench(suite.definitions, Path(folder))

    def run(self, pipeline: str, **test: Any) -> Record:
        """Runs a pipeline with what a test of a PipelineTest may say but for `expect`: `events`, `apps`, `outputs`,
        `time`, `env`, `secrets`. Files are relative to the folder.

        It has an event loop of its own: from a coroutine, call it in a thread. Raises `DefinitionError` when the
        pipeline cannot be built, or the test is not one.
        """
        known = self._bench.definitions.pipelines
        if pipeline not in known:
            raise DefinitionError(f"there is no pipeline {pipeline!r}", hint=close_match(pipeline, known))
        try:
            case = Case.model_validate({"name": pipeline, "expect": {}, **test})
        except ValidationError as error:
            raise DefinitionError(f"this is no test: {error}") from error
        return self._bench.run(pipeline, case)
