"""The rules of the tree, held by a program: who may import what, how long a module is, and where its tests are."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What every installation has, and the CEL of Dapr's documents; a client library belongs to a binding.
LIBRARIES = {
    "aiohttp",
    "celpy",
    "jinja2",
    "jsonschema",
    "markupsafe",
    "pydantic",
    "pydantic_core",
    "referencing",
    "yaml",
}
FROM_BINDINGS = {"bindings.contract", "bindings.manifest", "bindings.metadata", "bindings.query", "bindings.store"}
FROM_ENGINE = {"engine.errors", "engine.event"}
LONGEST = 300
TESTS_OF_MORE_THAN_A_MODULE = {
    "bindings/cron/test_crash.py",
    "engine/definitions/test_corpus.py",  # the bar of the check as a whole
    "engine/test_arrows.py",
    "engine/test_cloudevents_attributes.py",  # the package, from three sides
    "engine/test_cloudevents_roundtrip.py",
    "engine/test_delivery_model.py",  # the promises of docs/delivery.md
    "test_docs.py",
}


def modules(folder: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py"))


def imports(module: str) -> Iterator[str]:
    """The modules that one imports, at its head or anywhere else; of a package, the module in it that is meant."""
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            assert node.module is not None
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if is_module(name) else node.module for name in inner)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def within(name: str, allowed: set[str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


@pytest.mark.parametrize("module", modules("bindings"))
def test_binding_imports_from_the_engine_only_the_event_and_the_errors(module: str) -> None:
    # MQTT 3.1.1 has no header: an event travels in the JSON format or not at all.
    speaks_cloudevents = module.startswith(("bindings/http/", "bindings/mqtt/"))
    allowed = FROM_ENGINE | ({"engine.cloudevents"} if speaks_cloudevents else set())
    of_engine = [name for name in imports(module) if within(name, {"engine"})]
    assert [name for name in of_engine if not within(name, allowed)] == []


@pytest.mark.parametrize("module", modules("bindings"))
def test_binding_imports_no_other_binding(module: str) -> None:
    """What systems share is in the modules beside their folders."""
    own = ".".join(Path(module).with_suffix("").parts[:2])
    shared = {f"bindings.{path.stem}" for path in (ROOT / "bindings").glob("*.py")}
    of_bindings = [name for name in imports(module) if within(name, {"bindings"})]
    assert [name for name in of_bindings if not within(name, shared | {own})] == []


@pytest.mark.parametrize("module", modules("engine"))
def test_engine_imports_from_the_bindings_only_their_contract(module: str) -> None:
    of_bindings = [name for name in imports(module) if within(name, {"bindings"})]
    assert [name for name in of_bindings if not within(name, FROM_BINDINGS)] == []


@pytest.mark.parametrize("module", modules("engine"))
def test_engine_imports_no_client_library(module: str) -> None:
    known = LIBRARIES | {"engine", "bindings", "schemas"} | sys.stdlib_module_names
    known |= {"lsprotocol", "pygls"} if module == "engine/lsp/server.py" else set()
    known |= {"pytest"} if module == "engine/pytest_plugin.py" else set()
    of_grpc = module.startswith("engine/api/grpc") and module != "engine/api/grpc_port.py"  # imported only where served
    known |= {"dapr", "google", "grpc"} if of_grpc else set()
    assert [name for name in imports(module) if name.partition(".")[0] not in known] == []


@pytest.mark.parametrize("module", [*modules("engine"), *modules("bindings")])
def test_module_is_short(module: str) -> None:
    assert len((ROOT / module).read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("test", [test for test in modules("tests") if Path(test).name.startswith("test_")])
def test_tests_stand_where_their_module_stands(test: str) -> None:
    path = Path(test).relative_to("tests")
    if path.parts[0] == "integration" or path.as_posix() in TESTS_OF_MORE_THAN_A_MODULE:
        return
    tested = ROOT / path.with_name(path.name.removeprefix("test_"))
    package, main = tested.with_suffix("") / "__init__.py", tested.with_name(f"__{tested.stem}__.py")
    assert tested.is_file() or package.is_file() or main.is_file(), f"there is no {tested.relative_to(ROOT)}"


@pytest.mark.parametrize("folder", sorted({str(Path(test).parent) for test in modules("tests")}))
def test_test_folder_is_a_package(folder: str) -> None:
    """So that two test modules may have one name."""
    assert (ROOT / folder / "__init__.py").is_file()
