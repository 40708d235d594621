"""Which input bindings the app itself takes, as with Dapr: those that no pipeline uses (Dapr, Bindings API, "Invoking
Service Code Through Input Bindings").

Each becomes a pipeline from the component to the app's route, in a definitions file that is nowhere on the disk.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bindings.contract import Clock
from engine.app import AppClient
from engine.definitions.check import Definitions
from engine.definitions.component import Component
from engine.definitions.folder import File, Located
from engine.definitions.pipeline import Outside, Pipeline, Retry
from engine.definitions.source import Source
from engine.definitions.subscriptions import name_of
from engine.definitions.written import written
from engine.errors import EventError, JackfieldError
from engine.registry import installed_type
from engine.retry import backoff

_RETRY = Retry(initial=0.2, max=5.0)
_TIMEOUT = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A component that the app may take; it `must` where its `direction` says input."""

    name: str
    route: str
    must: bool
    app: str  # its definition: at another address another answer may come


class AppInputs:
    """Asks the app `OPTIONS ROUTE` for each component that it could take: 2xx and 405 mean yes.

    `name`: the app of the engine's `--app-id`. `found` is called when there is something new in `files`.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        app: Callable[[str], Awaitable[AppClient]],
        clock: Clock,
        found: Callable[[], None],
    ) -> None:
        self.files: dict[str, File] = {}  # by the component
        self._root = root
        self._name = name
        self._app = app
        self._clock = clock
        self._found = found
        self._asking: dict[_Candidate, asyncio.Task[None]] = {}

    def follow(self, definitions: Definitions) -> None:
        """Asks for what is new, and takes back what is not the app's any more."""
        has_app = self._name in definitions.apps
        wanted = set(self._candidates(definitions)) if has_app else set()
        for candidate in [one for one in self._asking if one not in wanted]:
            self._asking.pop(candidate).cancel()
            if self.files.pop(candidate.name, None) is not None:
                self._found()
        for candidate in wanted - self._asking.keys():
            self._asking[candidate] = asyncio.get_running_loop().create_task(self._ask(candidate))

    async def close(self) -> None:
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._asking.clear()

    def _candidates(self, definitions: Definitions) -> Iterator[_Candidate]:
        app = definitions.apps[self._name].document.text
        of_ours = {name_of(component, self._name) for component in self.files}
        used = {
            name
            for pipeline, located in definitions.pipelines.items()
            if pipeline not in of_ours
            for name in _components_of(located.model)
        }
        for name, component in definitions.components.items():
            scopes = component.model.scopes
            manifest = installed_type(component.model.spec.type)
            if name in used or (scopes and self._name not in scopes) or manifest is None or manifest.input is None:
                continue
            settings = _settings(component)
            directions = re.findall(r"\w+", settings.get("direction", ""))
            if "input" in directions or not (directions or manifest.input_is_ours):
                yield _Candidate(name, settings.get("route") or name, "input" in directions, app)

    async def _ask(self, candidate: _Candidate) -> None:
        tries = 0
        while not candidate.must:
            takes = await self._takes(candidate)
            if takes is False:
                return
            if takes:
                break
            tries += 1
            await self._clock.sleep(backoff(_RETRY, tries))
        path = self._root / ".dapr" / "inputs" / f"{candidate.name}.yaml"
        source = Source(path, f"input {candidate.name} of {self._name}", _document(candidate, self._name))
        self.files[candidate.name] = File.of(source)
        self._found()

    async def _takes(self, candidate: _Candidate) -> bool | None:
        """None: nobody listens there yet."""
        try:
            client = await self._app(self._name)
            await client.send("OPTIONS", candidate.route, {}, None, _TIMEOUT)
        except EventError as error:
            return None if error.status is None else error.status == 405
        except JackfieldError:
            return None
        return True


def _settings(component: Located[Component]) -> Mapping[str, str]:
    """By their names in lower case, as far as they are texts: Dapr's names have no case."""
    return {one.name.lower(): one.value for one in component.model.spec.metadata if isinstance(one.value, str)}


def _components_of(pipeline: Pipeline) -> Iterator[str]:
    spec = pipeline.spec
    ends: list[Outside] = [spec.input, *spec.outputs]
    if not isinstance(spec.delivery.dead_letter, str):
        ends.append(spec.delivery.dead_letter)
    yield from (end.component for end in ends if isinstance(end.component, str))


def _document(candidate: _Candidate, app: str) -> str:
    """Dapr sends the data as they are, and always as JSON."""
    call = {"app": app, "path": f"/{candidate.route.lstrip('/')}", "headers": {"Content-Type": "application/json"}}
    document = {
        "apiVersion": "jackfield/v1",
        "kind": "Pipeline",
        "metadata": {"name": name_of(candidate.name, app), "description": f"{candidate.name} for {app}"},
        "spec": {"input": {"binding": candidate.name}, "steps": [{"call": call}]},
    }
    return written([document])
