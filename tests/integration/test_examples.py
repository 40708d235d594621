"""The examples: each is right, has a page and tests, and together they use every component type there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bindings.manifest import ComponentType
from engine.cli import EXIT_OK, main
from engine.definitions.check import check
from engine.definitions.folder import Folder
from engine.definitions.pipeline_test import PipelineTest
from engine.registry import component_type, component_types
from tests.integration.project import ROOT

EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if list(path.rglob("*.yaml")))
# Its app is named on the command line.
ALARMS = {"dapr-app": ["W432"]}


def factories(type: ComponentType) -> tuple[object, ...]:
    """What the names of one type have in common: an alias is a copy with another name."""
    stores = (type.secret_store, type.state_store, type.configuration_store, type.lock)
    return type.metadata, type.input, type.output, type.pubsub, *stores


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
async def test_the_definitions_of_an_example_have_no_alarm(example: Path) -> None:
    report = await check(Folder.load(example), secrets=False)
    assert [diagnostic.code for diagnostic in report.diagnostics] == ALARMS.get(example.name, [])
    tested = {one.model.spec.pipeline for one in report.definitions.others if isinstance(one.model, PipelineTest)}
    assert tested == set(report.definitions.pipelines)


@pytest.mark.parametrize(
    "folder",
    [path / "pipelines" for path in EXAMPLES if (path / "pipelines").exists()],
    ids=lambda path: path.parent.name,
)
def test_the_tests_of_an_example_pass(folder: Path) -> None:
    assert main(["test", str(folder)]) == EXIT_OK


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_a_page_and_a_test(example: Path) -> None:
    assert (example / "README.md").exists()
    assert (ROOT / f"tests/integration/test_example_{example.name.replace('-', '_')}.py").exists()


async def test_every_component_type_is_used_somewhere() -> None:
    used = set()
    for folder in (ROOT / "pipelines", *EXAMPLES):
        definitions = (await check(Folder.load(folder), secrets=False)).definitions
        used |= {factories(component_type(one.model.spec.type)) for one in definitions.components.values()}
    unused = [name for name in component_types() if factories(component_type(name)) not in used]
    assert unused == []
