from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bindings.http.metadata import HttpMetadata
from bindings.localstorage.metadata import LocalStorageMetadata
from engine.clock import SystemClock
from engine.definitions.check import Definitions
from engine.definitions.pipeline import InlineBinding
from engine.definitions.settings import inline_settings, settings
from engine.errors import DefinitionError
from engine.secrets import Secrets
from tests.engine.definitions.folders import component, documents, pipeline, report_of

STORE = component("    - {name: secretsFile, value: FILE}\n", name="secrets", type="secretstores.local.file")
AUTH = "auth: {secretStore: secrets}\n"


async def definitions_of(root: Path, *texts: str, secrets: bool = False) -> Definitions:
    (root / "secrets.json").write_text(json.dumps({"address": "http://secret", "often": "s3cr3t!"}))
    text = documents(STORE.replace("FILE", str(root / "secrets.json")), *texts)
    return (await report_of(root / "folder", {"f.yaml": text}, secrets=secrets)).definitions


@pytest.fixture
async def secrets() -> AsyncIterator[dict[str, Secrets]]:
    opened: dict[str, Secrets] = {}
    yield opened
    for one in opened.values():
        await one.close()


async def settings_of(definitions: Definitions, name: str) -> object:
    secrets = Secrets(definitions.components, None, SystemClock())
    try:
        return await settings(definitions.components[name], secrets)
    finally:
        await secrets.close()


async def test_settings_come_from_texts_secrets_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOW_LONG", "10s")
    items = """\
    - {name: URL, secretKeyRef: {name: address}}
    - {name: responseTimeout, envRef: HOW_LONG}
    - {name: errorIfNot2XX, value: "false"}
"""
    definitions = await definitions_of(tmp_path, component(items, name="web", type="bindings.http", more=AUTH))

    found = await settings_of(definitions, "web")

    assert isinstance(found, HttpMetadata)
    assert found.url is not None
    assert "http://secret" in str(found.url)
    assert found.response_timeout == 10.0


async def test_settings_replace_the_placeholders_of_dapr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAME", "pod-1")
    items = "    - {name: rootPath, value: '/x/{appID}/{namespace}/{podName}/{uuid}/{other}'}\n"
    definitions = await definitions_of(tmp_path, component(items, name="c", type="bindings.localstorage"))

    first, second = [await settings_of(definitions, "c") for _ in range(2)]

    assert isinstance(first, LocalStorageMetadata)
    assert isinstance(second, LocalStorageMetadata)
    parts = first.root_path.split("/")
    assert parts[2:5] == ["jackfield", "default.jackfield", "pod-1"]
    assert parts[6] == "{other}"
    assert first.root_path != second.root_path


@pytest.mark.parametrize(
    ("item", "place", "message"),
    [
        ("{name: pollInterval, secretKeyRef: {name: nope}}", "16:49", "has no secret nope"),
        ("{name: pollInterval, secretKeyRef: {name: often, key: k}}", "16:61", "has no key 'k'"),
        ("{name: pollInterval, envRef: NOT_SET_ANYWHERE}", "16:36", "NOT_SET_ANYWHERE is not set"),
        ("{name: pollInterval, envRef: DAPR_X}", "16:36", "DAPR_X belongs to the engine"),
        ("{name: pollInterval, secretKeyRef: {name: often}}", "16:42", "does not fit `pollInterval`"),
    ],
)
async def test_settings_that_cannot_be_had_are_refused_with_their_place(
    tmp_path: Path, item: str, place: str, message: str
) -> None:
    items = f"    - {{name: rootPath, value: x}}\n    - {item}\n"
    text = component(items, name="c", type="bindings.localstorage", more=AUTH)
    definitions = await definitions_of(tmp_path, text)
    if "DAPR" in item:
        assert "c" not in definitions.components
        return

    with pytest.raises(DefinitionError) as refused:
        await settings_of(definitions, "c")

    assert f"f.yaml:{place}: " in str(refused.value)
    assert message in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


async def test_inline_settings_are_those_of_the_mapping(tmp_path: Path) -> None:
    text = pipeline(source="{type: bindings.localstorage, metadata: {ROOTPATH: /x, pollInterval: 1m, pattern: '*.a'}}")
    located = (await definitions_of(tmp_path, text)).pipelines["p"]
    binding = located.model.spec.input.binding
    assert isinstance(binding, InlineBinding)

    found = inline_settings(located.document, ("spec", "input", "binding"), binding)

    assert isinstance(found, LocalStorageMetadata)
    assert (found.root_path, found.poll_interval, found.pattern) == ("/x", 60.0, "*.a")
