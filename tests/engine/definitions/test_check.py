from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from engine.definitions.check import check
from engine.definitions.diagnostic import Severity
from engine.definitions.examples import EXAMPLES
from engine.definitions.folder import Folder
from engine.registry import component_type, component_types
from tests.engine.definitions.folders import app, by_file, component, documents, found_in, pipeline, report_of, write


async def test_check_gives_what_can_run_by_name(tmp_path: Path) -> None:
    files = {
        "a.yaml": documents(pipeline("  steps:\n    - call: {app: a}\n", source="c"), app()),
        "b.yaml": documents(
            component(more="scopes: [x]\n"),
            "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec: {}\n",
        ),
    }

    report = await report_of(tmp_path, files)

    definitions = report.definitions
    assert [d.code for d in report.diagnostics] == []
    assert definitions.pipelines["p"].model.spec.input.binding == "c"
    assert definitions.apps["a"].model.spec.url == "http://localhost:8000"
    assert definitions.components["c"].model.scopes == ["x"]
    assert definitions.components["c"].document.path == tmp_path / "b.yaml"
    assert [other.model.metadata.name for other in definitions.others] == ["r"]  # type: ignore[attr-defined]
    assert not report.refused


async def test_check_of_an_empty_folder_finds_nothing(tmp_path: Path) -> None:
    report = await check(Folder.load(tmp_path))

    assert (list(report.diagnostics), report.definitions.pipelines) == ([], {})


async def test_check_leaves_out_what_refers_to_what_is_wrong(tmp_path: Path) -> None:
    files = {
        "a.yaml": documents(pipeline(source="bad"), pipeline(name="good", source="fine")),
        "b.yaml": documents(component("    - {name: capacity, value: many}\n", name="bad"), component(name="fine")),
    }

    report = await report_of(tmp_path, files)

    assert list(report.definitions.pipelines) == ["good"]
    assert list(report.definitions.components) == ["fine"]
    assert {definition.name for definition in report.refused} == {"p", "bad"}


async def test_check_finds_all_mistakes_of_all_files_in_order(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "b.yaml": "a: [\n",
        "a.yaml": documents(
            pipeline("  env: [A-B]\n  steps:\n    - filter: dat\n    - call: {app: nope, mode: x}\n", source="none"),
            app("  maxConcurrency: 0\n"),
        ),
        "c.yaml": b"\0",
        "d.yaml": "",
    }

    report = await report_of(tmp_path, files, secrets=False)

    assert [(name, " ".join(line.split()[:2])) for name, line in by_file(report.diagnostics)] == [
        ("a.yaml", "6:20 E302"),
        ("a.yaml", "7:9 E403"),
        ("a.yaml", "9:15 E401"),
        ("a.yaml", "10:19 E302"),
        ("a.yaml", "10:31 E213"),
        ("a.yaml", "17:19 E215"),
        ("b.yaml", "1:4 E104"),
        ("c.yaml", "1:1 E103"),
        ("d.yaml", "1:1 W101"),
    ]


async def test_check_a_variable_that_is_not_set_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IS_SET", "")
    text = pipeline("  env: [IS_SET, IS_NOT_SET]\n")

    assert await found_in(tmp_path, text) == [
        "7:17 W401 the environment variable IS_NOT_SET is not set, and will be an empty text | export IS_NOT_SET=…"
    ]
    assert await found_in(tmp_path, text, secrets=False) == []


async def test_what_is_wrong_together_is_not_said_while_a_value_is_elsewhere(tmp_path: Path) -> None:
    entry = "    - {name: connectionString, envRef: NOT_THERE}\n"
    text = component(entry, type="bindings.postgresql")

    assert await found_in(tmp_path, text, secrets=False) == []
    assert await found_in(tmp_path, component(type="bindings.postgresql"), secrets=False) == [
        "4:1 E205 set connectionString, or host with user, password and database"
    ]


async def test_check_again_after_a_change_says_what_is_right_now(tmp_path: Path) -> None:
    folder = Folder.load(write(tmp_path, {"a.yaml": pipeline(source="c"), "b.yaml": component(name="c")}))
    assert (await check(folder)).diagnostics == []
    (tmp_path / "b.yaml").write_text(component(name="renamed"))

    report = await check(Folder.load(tmp_path, folder))

    assert [d.code for d in report.diagnostics] == ["E302"]


async def test_check_of_the_examples_of_all_kinds_and_types_finds_no_error(tmp_path: Path) -> None:
    types = [component_type(name) for name in component_types()]
    files = {f"{manifest.name}.yaml": manifest.example for manifest in types}
    files |= {f"{kind}.yaml": text for kind, text in EXAMPLES.items()}

    report = await report_of(tmp_path, files, secrets=False)

    elsewhere = ("E301", "E302", "E303", "E501")  # they share names, and name what is in other folders
    wrong = [d.as_text() for d in report.diagnostics if d.severity is Severity.ERROR and d.code not in elsewhere]
    assert wrong == []


@pytest.mark.parametrize(
    "content", [b"%", b"---", b"...", b"&a", b"{}", b"[]", b"''", b"0", b"!!map", b"\xff", b"? ", b"|"]
)
async def test_check_of_odd_files_never_fails(tmp_path: Path, content: bytes) -> None:
    await report_of(tmp_path, {"a.yaml": content, "b.yaml": b"kind: Pipeline\nspec: " + content})


async def test_check_of_texts_with_mistakes_anywhere_never_fails(tmp_path: Path) -> None:
    random = Random(0)
    texts = [*EXAMPLES.values(), *(component_type(name).example for name in component_types())]
    odd = [
        "",
        "\t",
        "{",
        "}",
        "[",
        "'",
        '"',
        ":",
        "- ",
        "\n",
        "&a ",
        "*a",
        "<<: ",
        "!!",
        "|",
        "é",
        "{{ ",
        "\x01",
        "---\n",
        "?",
    ]
    for _ in range(150):
        characters = list("---\n".join(random.choices(texts, k=2)))
        for _ in range(random.randint(1, 4)):
            characters[random.randrange(len(characters))] = random.choice(odd)

        report = await report_of(tmp_path, {"a.yaml": "".join(characters)}, secrets=False)

        assert all(d.span.line >= 1 and d.span.column >= 1 and d.as_text() for d in report.diagnostics)
