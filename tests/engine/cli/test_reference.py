from __future__ import annotations

from pathlib import Path

from engine.cli import main
from engine.registry import component_types

DOCS = Path(__file__).parents[3] / "docs"


def written(folder: Path) -> dict[str, str]:
    assert main(["explain", "--write", str(folder)]) == 0
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.md")}


def test_reference_in_the_docs_is_what_explain_writes(tmp_path: Path) -> None:
    for path, text in written(tmp_path).items():
        assert (DOCS / path).read_text(encoding="utf-8") == text, "run `make schemas`"
    generated = {path.name for path in (DOCS / "components").glob("*.*.md")}
    assert generated == {f"{name}.md" for name in component_types()}


def test_every_type_has_a_page_that_the_reference_leads_to(tmp_path: Path) -> None:
    pages = written(tmp_path)
    for name in component_types():
        assert pages[f"components/{name}.md"].startswith(f"# {name}\n")
        assert f"- [{name}](components/{name}.md): " in pages["reference.md"]


def test_page_of_a_type_that_is_gone_goes_and_a_page_of_a_person_stays(tmp_path: Path) -> None:
    (tmp_path / "components").mkdir()
    for name in ("bindings.gone.md", "redis.md"):
        (tmp_path / "components" / name).write_text("old")
    pages = written(tmp_path)
    assert "components/bindings.gone.md" not in pages
    assert pages["components/redis.md"] == "old"
