"""What a definition refers to: two uses are the same when nothing of them has changed, secrets included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.clock import VirtualClock
from engine.definitions.check import Definitions
from engine.definitions.pipeline import InlineBinding
from engine.errors import DefinitionError
from engine.resolver import Resolver
from engine.revision import revision_of
from engine.testing.memory_store import MemoryStore
from tests.engine.definitions.folders import component, documents, pipeline, report_of


async def project(root: Path, token: str, file: str = "secrets.json") -> Definitions:
    """A pipeline that writes to `api`, whose token is in a file of secrets."""
    (root / file).write_text(json.dumps({"token": token}))
    store = component(f"    - {{name: secretsFile, value: {root / file}}}\n", "vault", "secretstores.local.file")
    settings = (
        "    - {name: url, value: 'http://localhost:1'}\n"
        "    - {name: securityTokenHeader, value: X-Token}\n"
        "    - {name: securityToken, secretKeyRef: {name: token}}\n"
    )
    api = component(settings, "api", "bindings.http", "auth: {secretStore: vault}\n")
    report = await report_of(
        root, {"all.yaml": documents(store, api, pipeline("  outputs: [{binding: api, operation: post}]\n"))}
    )
    assert not report.diagnostics
    return report.definitions


async def fingerprint(definitions: Definitions) -> str:
    async with Resolver(definitions, MemoryStore(), VirtualClock()) as resolver:
        return (await resolver.component("api")).fingerprint


async def test_component_with_the_same_settings_is_the_same(tmp_path: Path) -> None:
    definitions = await project(tmp_path, "one")
    assert await fingerprint(definitions) == await fingerprint(definitions)


async def test_component_whose_secret_has_changed_is_another_and_shows_none(tmp_path: Path) -> None:
    before = await fingerprint(await project(tmp_path, "hunter2"))
    after = await fingerprint(await project(tmp_path, "hunter3"))
    assert before != after
    assert "hunter" not in before + after


async def test_component_that_is_not_there_is_refused_with_a_hint(tmp_path: Path) -> None:
    async with Resolver(await project(tmp_path, "one"), MemoryStore(), VirtualClock()) as resolver:
        with pytest.raises(DefinitionError, match=r"there is no component 'apj' \(did you mean 'api'"):
            await resolver.component("apj")


async def test_binding_in_place_is_named_by_its_pipeline_and_place(tmp_path: Path) -> None:
    definitions = await project(tmp_path, "one")
    located = definitions.pipelines["p"]
    binding = located.model.spec.input.binding
    assert isinstance(binding, InlineBinding)
    async with Resolver(definitions, MemoryStore(), VirtualClock()) as resolver:
        use = await resolver.binding(located, ("spec", "input", "binding"), binding)
    assert (use.name, use.manifest.name) == ("p-input", "bindings.memory")


async def test_revision_changes_with_the_secret_store_of_a_component(tmp_path: Path) -> None:
    revisions = []
    for file in ("a.json", "a.json", "b.json"):
        definitions = await project(tmp_path, "one", file)
        revisions.append(revision_of(definitions.pipelines["p"], definitions))
    assert revisions[0] == revisions[1] != revisions[2]


async def test_component_has_the_version_of_its_document(tmp_path: Path) -> None:
    written = component("    - {name: connectionString, value: host=h}\n", "store", "state.postgresql")
    newer = written.replace("spec:\n", "spec:\n  version: v2\n").replace("name: store", "name: newer")
    report = await report_of(tmp_path, {"all.yaml": documents(written, newer)})
    async with Resolver(report.definitions, MemoryStore(), VirtualClock()) as resolver:
        assert [(await resolver.component(name)).version for name in ("store", "newer")] == ["v1", "v2"]
