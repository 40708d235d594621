"""What the word under the cursor means, and where the name under it is defined."""

from __future__ import annotations

from engine.definitions.json_schema import Schema
from engine.definitions.kinds import KINDS
from engine.definitions.wording import on_one_line, type_of_field
from engine.lsp.cursor import cursor_in
from engine.lsp.meaning import Meaning
from engine.lsp.project import Named, Project
from engine.registry import installed_type


def explain(project: Project, text: str, line: int, column: int) -> str:
    """Markdown; empty where nothing is known. `line` and `column` count from 0, in characters."""
    cursor = cursor_in(text, line, column)
    meaning, entry = Meaning(project, cursor), cursor.entry
    if entry is None or not entry.key:
        return ""
    path = entry.path
    if cursor.in_value:
        said = _of_value(project, meaning, path, entry.value)
        if said:
            return said
    schemas = meaning.schemas(path)
    if entry.is_partial or not schemas:
        return ""
    return _of_field(entry.key, schemas[0])


def definition(project: Project, text: str, line: int, column: int) -> Named | None:
    """The document that the name under the cursor names."""
    cursor = cursor_in(text, line, column)
    if not cursor.in_value or cursor.entry is None:
        return None
    kind = Meaning(project, cursor).refers_to(cursor.entry.path)
    return project.find(kind, cursor.entry.value) if kind else None


def _of_value(project: Project, meaning: Meaning, path: tuple[str | int, ...], value: str) -> str:
    if path == ("kind",) and value in KINDS:
        return f"**{value}**\n\n{KINDS[value].model.__doc__ or ''}"
    if value in meaning.types(path):
        manifest = installed_type(value)
        return f"**{value}**\n\n{manifest.summary}" if manifest is not None else ""
    if value in meaning.operations(path):
        return f"**{value}**\n\n{meaning.operations(path)[value]}"
    if value in meaning.names(path):
        return _of_field(value, meaning.names(path)[value])
    kind = meaning.refers_to(path)
    named = project.find(kind, value) if kind else None
    if named is not None:
        parts = [f"**{named.name}**: {kind}, {named.about}", named.description, f"`{named.span}`"]
        return "\n\n".join(part for part in parts if part)
    return ""


def _of_field(name: str, schema: Schema) -> str:
    facts = [type_of_field(schema)]
    facts += [f"default `{on_one_line(schema['default'])}`"] if "default" in schema else []
    examples = "\n".join(f"{name}: {on_one_line(example)}" for example in schema.get("examples", ()))
    parts = [f"**{name}**: {', '.join(facts)}", schema.get("description", "")]
    parts += [f"```yaml\n{examples}\n```"] if examples else []
    return "\n\n".join(part for part in parts if part)
