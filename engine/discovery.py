"""What apps subscribe to by themselves: `GET /dapr/subscribe` (Dapr, Pub/sub API, "Get the subscriptions").

The answer of an app becomes a definitions file that is nowhere on the disk, so that it is checked, shown, started and
changed like any other.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bindings.contract import Clock
from engine.app import AppClient
from engine.definitions.check import Definitions
from engine.definitions.folder import File
from engine.definitions.pipeline import Retry
from engine.definitions.source import Source
from engine.definitions.subscriptions import is_pubsub
from engine.definitions.written import written
from engine.errors import EventError, JackfieldError
from engine.retry import backoff

ASK_AGAIN = 60.0  # seconds: an app that was deployed anew may subscribe to something else
_RETRY = Retry(initial=0.2, max=5.0)
_TIMEOUT = 10.0  # seconds
_PLACE = (".dapr", "subscribe")
_FIELDS = ("pubsubname", "topic", "route", "routes", "metadata", "deadLetterTopic", "bulkSubscribe")
_log = logging.getLogger("jackfield.subscriptions")


def is_discovered(path: Path) -> bool:
    """Whether a definition at this path is what an app has answered."""
    return path.parts[-3:-1] == _PLACE


class Discovery:
    """Asks each app of the folder once it listens, where there is a pub/sub that it could subscribe to.

    `app`: the client of an app by its name. `found` is called when there is something new in `files`.
    """

    def __init__(
        self, root: Path, app: Callable[[str], Awaitable[AppClient]], clock: Clock, found: Callable[[], None]
    ) -> None:
        self.files: dict[str, File] = {}  # by the app
        self._texts: dict[str, str] = {}  # of the files
        self._root = root
        self._app = app
        self._clock = clock
        self._found = found
        self._asking: dict[str, tuple[str, asyncio.Task[None]]] = {}  # with the definition that is asked

    def follow(self, definitions: Definitions) -> None:
        """Asks the apps that are new or have changed, and no more those that are gone."""
        has_topics = any(is_pubsub(one.model.spec.type) for one in definitions.components.values())
        wanted = {name: app.document.text for name, app in definitions.apps.items()} if has_topics else {}
        for name in [name for name, (text, _) in self._asking.items() if wanted.get(name) != text]:
            self._asking.pop(name)[1].cancel()
            if name not in wanted:
                self._take(name, "")
        for name, text in wanted.items():
            if name not in self._asking:
                self._asking[name] = text, asyncio.get_running_loop().create_task(self._ask(name))

    async def close(self) -> None:
        tasks = [task for _, task in self._asking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._asking.clear()

    async def _ask(self, name: str) -> None:
        """Until it answers, and then now and again if it subscribes to something."""
        tries, subscribes = 0, False
        while True:
            answer = await self._answer(name)
            if answer is None:  # what it has subscribed to goes on while it is away
                tries += 1
            else:
                try:
                    self._take(name, _documents(name, answer))
                except RecursionError:
                    _log.warning("%s subscribes to what is nested too deep", name)
                subscribes = subscribes or bool(answer)
                if not subscribes:
                    return
            await self._clock.sleep(ASK_AGAIN if subscribes else backoff(_RETRY, tries))

    async def _answer(self, name: str) -> list[Any] | None:
        """None: nobody listens there yet, or it cannot say."""
        try:
            client = await self._app(name)
            reply = await client.send("GET", "/dapr/subscribe", {"Accept": "application/json"}, None, _TIMEOUT)
            answer = json.loads(reply.body or b"[]")
        except EventError as error:
            if error.status == 404:
                return None if name in self.files else []
            if error.status is not None:
                _log.warning("%s answered %d to GET /dapr/subscribe", name, error.status)
            return None
        except JackfieldError:
            return None
        except (ValueError, RecursionError) as error:
            _log.warning("%s answered to GET /dapr/subscribe what is no JSON: %s", name, error)
            return None
        if not isinstance(answer, list):
            _log.warning("%s answered to GET /dapr/subscribe what is no list", name)
            return None
        return answer

    def _take(self, name: str, text: str) -> None:
        if text == self._texts.get(name, ""):
            return
        self._texts[name] = text
        if text:
            path = self._root.joinpath(*_PLACE, f"{name}.yaml")
            self.files[name] = File.of(Source(path, f"subscriptions of {name}", text))
        else:
            del self.files[name]
        self._found()


def _documents(app: str, answer: list[Any]) -> str:
    """The answer as Subscription documents; what is no subscription is left out with a warning."""
    names: set[str] = set()
    documents = []
    for spec in _specs(app, answer):
        base = re.sub(r"[^A-Za-z0-9]+", "-", f"{app}-{spec.get('pubsubname')}-{spec.get('topic')}").strip("-")[:200]
        name = next(one for one in _numbered(base) if one not in names)
        names.add(name)
        documents.append(
            {
                "apiVersion": "dapr.io/v2alpha1",
                "kind": "Subscription",
                "metadata": {"name": name},
                "spec": spec,
                "scopes": [app],
            }
        )
    return written(documents) if documents else ""


def _specs(app: str, answer: list[Any]) -> Iterator[Mapping[str, Any]]:
    for one in answer:
        if not isinstance(one, dict):
            _log.warning("%s subscribes to what is no object: %.200r", app, one)
            continue
        spec = {field: one[field] for field in _FIELDS if one.get(field) not in (None, "", {})}
        if "pubsubname" not in spec and one.get("pubsubName"):
            spec["pubsubname"] = one["pubsubName"]
        if "route" not in spec and "routes" not in spec:
            _log.warning("%s subscribes to %s without a route, which is left out", app, spec.get("topic"))
            continue
        yield spec


def _numbered(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1
