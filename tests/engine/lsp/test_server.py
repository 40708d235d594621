from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lsprotocol import types

from tests.engine.definitions.folders import app, component, documents, marked, pipeline, write
from tests.engine.lsp.editor import editor


def places(text: str) -> tuple[str, list[tuple[int, int]]]:
    """A text without its marks `›`, and where they were, as the protocol counts."""
    bare, found = marked(text)
    return bare, [(int(line) - 1, int(column) - 1) for line, _, column in (one.partition(":") for one in found)]


def range_of(line: int, start: int, end: int) -> types.Range:
    return types.Range(types.Position(line, start), types.Position(line, end))


async def test_an_open_file_is_told_its_mistakes_and_others_what_they_cause(tmp_path: Path) -> None:
    write(tmp_path / "pipelines", {"a.yaml": pipeline(source="c"), "b.yaml": component()})
    async with editor(tmp_path) as editing:
        editing.open("pipelines/b.yaml", component())
        assert await editing.checked("pipelines/b.yaml") == []

        editing.replace("pipelines/b.yaml", component(name="d"))
        [told] = await editing.until_told("a.yaml", "E302")
        assert told.message == "there is no component 'c'\nthere is d"
        assert (told.range, told.severity) == (range_of(5, 19, 20), types.DiagnosticSeverity.Error)

        editing.replace("pipelines/b.yaml", component())
        await editing.until_told("a.yaml")


async def test_what_is_not_saved_is_not_needed_any_more_when_the_file_is_closed(tmp_path: Path) -> None:
    write(tmp_path / "pipelines", {"a.yaml": pipeline()})
    async with editor(tmp_path) as editing:
        editing.open("pipelines/a.yaml", pipeline(source="x"))
        await editing.until_told("a.yaml", "E302")
        uri = types.TextDocumentIdentifier(editing.uri("pipelines/a.yaml"))
        editing.client.text_document_did_close(types.DidCloseTextDocumentParams(uri))
        await editing.until_told("a.yaml")


async def test_places_are_in_utf_16_and_a_change_may_be_a_part(tmp_path: Path) -> None:
    text = pipeline('  event: {subject: "😀", type: "{{ dat }}"}\n')
    write(tmp_path / "pipelines", {})
    async with editor(tmp_path) as editing:
        editing.open("pipelines/a.yaml", text)
        [told] = await editing.checked("pipelines/a.yaml")
        start = text.splitlines()[6].index("dat") + 1  # the face counts two
        assert told.range == range_of(6, start, start + 3)

        editing.replace("pipelines/a.yaml", "data", range_of(6, start, start + 3))
        assert await editing.checked("pipelines/a.yaml") == []


async def test_a_related_place_is_in_its_own_file(tmp_path: Path) -> None:
    write(tmp_path / "pipelines", {"a.yaml": component(), "b.yaml": component()})
    async with editor(tmp_path) as editing:
        editing.open("pipelines/b.yaml", component())
        [told] = await editing.checked("pipelines/b.yaml")
        assert told.related_information
        [related] = told.related_information
        assert (Path(related.location.uri).name, related.location.range) == ("a.yaml", range_of(2, 17, 18))


async def test_a_file_on_the_disk_counts_when_it_is_changed(tmp_path: Path) -> None:
    write(tmp_path / "pipelines", {"a.yaml": pipeline(source="c")})
    async with editor(tmp_path) as editing:
        editing.open("pipelines/a.yaml", pipeline(source="c"))
        await editing.until_told("a.yaml", "E302")
        write(tmp_path / "pipelines", {"b.yaml": component()})
        changes = [types.FileEvent(editing.uri("pipelines/b.yaml"), types.FileChangeType.Created)]
        editing.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(changes))
        await editing.until_told("a.yaml")


async def test_only_what_says_that_it_is_ours_is_checked_outside_of_the_folder(tmp_path: Path) -> None:
    async with editor(tmp_path) as editing:
        editing.open("workflow.yaml", "on: push\njobs: {}\n")
        editing.open("ours.yaml", pipeline(source="x"))
        await editing.until_told("ours.yaml", "E302")
        assert "workflow.yaml" not in editing.told


COMPLETED = documents(
    pipeline(
        """\
  ›ev
  steps:
    - ›
    - call:
        app: ›
        me›th
        mode: ›
    - call: {app: shop, ›}
  outputs:
    - binding: ›
      operation: ›
    - binding: files
      operation: ›
      metadata: {›}
    - binding: {type: bindings.›, metadata: {›}}
""",
        source="›",
    ),
    component("    - name: ›\n    - {name: sche›, value: 1}\n", name="tick", type="bindings.cron"),
    component("    - name: rootPath\n      value: x\n", name="files", type="bindings.localstorage"),
    app(name="shop"),
    "apiVersion: jackfield/v1\nkind: ›\n",
    "›\n",
)


OFFERED: Sequence[tuple[int, set[str], set[str]]] = (
    (0, {"tick", "files"}, {"shop", "c"}),
    (1, {"event", "delivery", "env"}, {"input", "steps", "outputs"}),
    (2, {"filter", "validate", "transform", "split", "call"}, {"app"}),
    (3, {"shop"}, {"tick"}),
    (4, {"method", "timeout", "batch"}, {"app", "mode", "filter"}),
    (5, {"binary", "structured", "batch"}, {"POST"}),
    (6, {"path", "method"}, {"app"}),
    (7, {"files"}, {"tick", "shop"}),
    (8, set(), {"list"}),
    (9, {"create", "get", "list", "delete"}, set()),
    (10, {"fileName", "key"}, {"rootPath"}),
    (11, {"bindings.http", "bindings.localqueue"}, {"bindings.cron", "secretstores.local.env"}),
    (13, {"schedule", "missed"}, {"rootPath"}),
    (14, {"schedule"}, set()),
    (15, {"Pipeline", "App", "Component", "Resiliency"}, set()),
    (16, {"apiVersion", "kind", "metadata", "spec"}, set()),
)
"""The number of a mark, what is offered there, and what is not."""


async def test_completion_offers_what_can_stand_there(tmp_path: Path) -> None:
    text, found = places(COMPLETED)
    write(tmp_path / "pipelines", {})
    async with editor(tmp_path) as editing:
        editing.open("pipelines/a.yaml", text)
        offered = {number: await editing.completions("pipelines/a.yaml", *found[number]) for number, _, _ in OFFERED}
    missing = {number: some - offered[number].keys() for number, some, _ in OFFERED}
    too_many = {number: none & offered[number].keys() for number, _, none in OFFERED}
    assert {number: names for number, names in missing.items() if names} == {}
    assert {number: names for number, names in too_many.items() if names} == {}


async def test_a_completion_takes_the_place_of_the_word_and_says_what_it_is(tmp_path: Path) -> None:
    text, [place] = places(pipeline('  event: {subject: "😀", dat›}\n'))
    write(tmp_path / "pipelines", {})
    async with editor(tmp_path) as editing:
        editing.open("pipelines/a.yaml", text)
        character = place[1] + 1
        item = (await editing.completions("pipelines/a.yaml", place[0], character))["dataschema"]
    assert item.text_edit == types.TextEdit(range_of(place[0], character - 3, character), "dataschema: ")
    assert item.detail == "text"
    assert "https://example.com/schemas/order.json" in str(item.documentation)


async def test_names_are_offered_and_found_while_the_file_that_has_them_is_broken(tmp_path: Path) -> None:
    right = documents(pipeline(source="c"), component())
    text, [place, broken] = places(documents(pipeline(source="c›"), component() + "  a: [›\n"))
    write(tmp_path / "pipelines", {"a.yaml": right})
    async with editor(tmp_path) as editing:
        editing.open("pipelines/a.yaml", right)
        await editing.checked("pipelines/a.yaml")
        editing.replace("pipelines/a.yaml", text)
        assert await editing.checked("pipelines/a.yaml")
        assert "c" in await editing.completions("pipelines/a.yaml", *place)
        assert await editing.definition("pipelines/a.yaml", *place) == ("a.yaml", range_of(9, 17, 18))
        assert await editing.definition("pipelines/a.yaml", *broken) is None


async def test_hover_explains_fields_types_operations_and_names(tmp_path: Path) -> None:
    spec = "  outputs: [{bin›ding: file›s, operation: li›st}]\n  delivery: {concur›rency: 3, ›}\n"
    text, found = places(
        documents(
            pipeline(spec, source="{type: bindings.cr›on, metadata: {sche›dule: '@daily'}}"),
            component(
                "    - name: root›Path\n      val›ue: x\n    - {name: no, value: x}\n",
                name="files",
                type="bindings.›localstorage",
            ),
        )
    )
    write(tmp_path / "pipelines", {})
    async with editor(tmp_path) as editing:
        editing.open("pipelines/a.yaml", text)
        said = [await editing.hover("pipelines/a.yaml", *place) for place in found]
    assert [one.partition("\n")[0] for one in said] == [
        "**bindings.cron**",
        "**schedule**: text",
        "**binding**: text or mapping",
        "**files**: Component, bindings.localstorage",
        "**list**",
        "**concurrency**: whole number, default `16`",
        "",
        "**bindings.localstorage**",
        "**rootPath**: text",
        "**value**: text",
    ]
    assert "A Component by its name, or one written in place." in said[2]
    assert "```yaml\nbinding: " in said[2]


async def test_definition_leads_to_the_name_in_another_file(tmp_path: Path) -> None:
    steps = "  steps: [{call: {app: sh›op}}]\n  outputs: [{binding: x›}]\n"
    text, [source, called, unknown] = places(pipeline(steps, source="ti›ck"))
    others = documents(component(name="tick", type="bindings.cron"), app(name="shop"))
    write(tmp_path / "pipelines", {"b.yaml": others})
    async with editor(tmp_path) as editing:
        editing.open("pipelines/a.yaml", text)
        assert await editing.definition("pipelines/a.yaml", *source) == ("b.yaml", range_of(2, 17, 21))
        assert await editing.definition("pipelines/a.yaml", *called) == ("b.yaml", range_of(8, 17, 21))
        assert await editing.definition("pipelines/a.yaml", *unknown) is None


async def test_secrets_are_looked_for_only_when_asked(tmp_path: Path) -> None:
    text = component("    - {name: url, envRef: NOT_SET_ANYWHERE}\n", type="bindings.http")
    write(tmp_path / "pipelines", {})
    async with editor(tmp_path, "pipelines", "--secrets", "--stdio") as editing:
        editing.open("pipelines/a.yaml", text)
        assert [one.code for one in await editing.checked("pipelines/a.yaml")] == ["E506"]
    async with editor(tmp_path) as editing:
        editing.open("pipelines/a.yaml", text)
        assert await editing.checked("pipelines/a.yaml") == []
