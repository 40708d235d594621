from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bindings.manifest import ComponentType
from engine import registry
from engine.clock import VirtualClock
from engine.errors import DefinitionError
from engine.registry import component_type, component_types, open_store


def test_every_installed_type_loads_and_has_the_name_of_its_entry_point() -> None:
    assert {"bindings.cron", "bindings.http", "bindings.memory"} <= component_types().keys()
    for name in component_types():
        manifest = component_type(name)
        assert isinstance(manifest, ComponentType)
        assert manifest.name == name
        blocks = (
            manifest.secret_store,
            manifest.state_store,
            manifest.pubsub,
            manifest.configuration_store,
            manifest.lock,
        )
        assert manifest.input or manifest.output or any(blocks)


def test_type_that_is_not_installed_is_refused_with_a_hint() -> None:
    with pytest.raises(DefinitionError, match=r"there is no component type 'bindings\.corn' \(did you mean .*cron"):
        component_type("bindings.corn")
    with pytest.raises(DefinitionError, match=r"did you mean 'bindings\.cron'"):
        component_type("cron")


@pytest.mark.parametrize("name", ["zzz", "bindings.dubbo", "bindings.zeebe"])
def test_type_that_has_only_its_block_in_common_suggests_no_other(name: str) -> None:
    with pytest.raises(DefinitionError, match="`jackfield explain` lists the component types"):
        component_type(name)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "no_such_package:component",
            "bindings.other cannot be loaded from no_such_package:component: No module named",
        ),
        ("bindings.memory:nothing", "bindings.other cannot be loaded from bindings.memory:nothing: module"),
        ("bindings.memory:MemoryInput", "the entry point of 'bindings.other' is not a ComponentType"),
    ],
)
def test_entry_point_that_is_broken_is_a_definition_error(
    monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    point = EntryPoint("bindings.other", value, "jackfield.components")
    monkeypatch.setattr(registry, "component_types", lambda: {point.name: point})
    with pytest.raises(DefinitionError) as caught:
        component_type("bindings.other")
    assert message in str(caught.value)


async def test_store_is_found_by_the_scheme_of_its_url(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path / 'store.db'}", VirtualClock())
    await store.open()
    assert await store.count_dead_letters() == 0
    await store.close()


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("sqllite:x.db", "did you mean 'sqlite'?"),
        ("postgrse://user:secret@host/db", "did you mean 'postgres'?"),
        ("redis://x", "the schemes are"),
        ("", "the schemes"),
    ],
)
def test_store_of_an_unknown_scheme_is_refused_with_a_hint(url: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        open_store(url, VirtualClock())
    assert f"there is no store for {url.partition(':')[0]!r}" in str(caught.value)
    assert hint in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_store_whose_package_is_missing_gives_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    for name in [name for name in sys.modules if name.startswith("bindings.postgresql.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as Python does it for one that cannot be imported
    with pytest.raises(DefinitionError, match=r"psycopg.*\(pip install 'jackfield\[postgresql\]'\)"):
        open_store(f"{scheme}://127.0.0.1/x", VirtualClock())
