"""The reference as files: a page of the language and the codes, and one for each component type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine.cli.page import Markdown, Page, Terms, Text
from engine.cli.topics import topics
from engine.definitions.codes import CODES
from engine.definitions.kinds import KINDS
from engine.registry import component_type, component_types

_COMMAND = "jackfield explain --write docs"
_MADE = f"Made by `{_COMMAND}` from the models: do not edit."


def reference_files() -> Iterator[tuple[str, str]]:
    """The path and the text of each file."""
    pages = topics()
    links = [(f"[{name}](components/{name}.md)", component_type(name).summary) for name in sorted(component_types())]
    parts = [
        Page("Reference", [Text(_MADE)]),
        *(pages[name.lower()]() for name in KINDS),
        Page("Component types", [Terms(links)]),
        *(pages[code]() for code in sorted(CODES)),
    ]
    yield (
        "reference.md",
        "\n".join(Markdown(level=2 if number else 1).render(page) for number, page in enumerate(parts)),
    )
    for name in component_types():
        page = pages[name]()
        yield f"components/{name}.md", Markdown().render(Page(page.title, [Text(_MADE), *page.blocks]))


def write_reference(folder: Path) -> None:
    """Writes what has changed, and removes the pages of types that are gone."""
    files = {folder / path: text for path, text in reference_files()}
    (folder / "components").mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    for path in (folder / "components").glob("*.*.md"):  # a page that a person wrote has no dot in its name
        if path not in files:
            path.unlink()
