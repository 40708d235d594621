"""What stands at a place beyond its schema: the names of other documents, component types and what belongs to them."""

from __future__ import annotations

from collections.abc import Mapping

from bindings.manifest import ComponentType
from engine.definitions.json_schema import Schema
from engine.lsp import fields
from engine.lsp.cursor import Cursor
from engine.lsp.outline import Entry, Path
from engine.lsp.project import Project
from engine.registry import component_types, installed_type

_OUTPUT = "output"


class Meaning:
    """Of one cursor in one project."""

    def __init__(self, project: Project, cursor: Cursor) -> None:
        self._project = project
        self._document: Entry = cursor.document
        self._kind = cursor.kind

    def refers_to(self, path: Path) -> str:
        """The kind whose name the value at a path is; empty where it is none."""
        match path:
            case ("spec", "input", "binding" | "pubsub") | ("spec", "outputs", _, "binding" | "pubsub"):
                return "Component"
            case ("spec", "delivery", "deadLetter", "binding" | "pubsub"):
                return "Component"
            case (*_, "auth", "secretStore") | ("spec", "pubsubname"):
                return "Component"
            case ("spec", "steps", _, "call", "app"):
                return "App"
        return ""

    def fits(self, path: Path, type_name: str) -> bool:
        """Whether a component of this type can be what the value at a path names; True for one that is not known."""
        manifest = installed_type(type_name)
        if manifest is None:
            return True
        if path[-1] == "secretStore":
            return manifest.secret_store is not None
        if path[-1] in ("pubsub", "pubsubname"):
            return manifest.pubsub is not None
        direction = manifest.input if "input" in path else manifest.output
        return direction is not None

    def types(self, path: Path) -> Mapping[str, str]:
        """The component types that can stand at a path, and what they are."""
        in_place = path[-2:] == ("binding", "type")
        if not in_place and (self._kind, path) != ("Component", ("spec", "type")):
            return {}
        known = {name: manifest for name in sorted(component_types()) if (manifest := installed_type(name)) is not None}
        fitting = {name: one for name, one in known.items() if not in_place or self._is_binding(path, one)}
        return {name: manifest.summary for name, manifest in fitting.items()}

    def _is_binding(self, path: Path, manifest: ComponentType) -> bool:
        return (manifest.input if "input" in path else manifest.output) is not None

    def operations(self, path: Path) -> Mapping[str, str]:
        """The operations that the component of an output has, for the path of `operation`."""
        manifest = self._output_of(path[:-1]) if path and path[-1] == "operation" else None
        return manifest.operations if manifest is not None else {}

    def keys(self, path: Path) -> Mapping[str, Schema]:
        """The fields of a mapping at a path that only a component type knows."""
        if path[-2:] == ("binding", "metadata"):
            return self._metadata_of(self._document.text((*path[:-1], "type")))
        if path and path[-1] == "metadata" and path[:1] == ("spec",):
            manifest = self._output_of(path[:-1])
            meanings = manifest.output_metadata if manifest is not None else {}
            return {name: {"description": text, "type": "string"} for name, text in meanings.items()}
        return {}

    def names(self, path: Path) -> Mapping[str, Schema]:
        """The fields that the `name` of an entry in a component's metadata list can name."""
        match path:
            case ("spec", "metadata", int(), "name") if self._kind == "Component":
                return self._metadata_of(self._document.text(("spec", "type")))
        return {}

    def schemas(self, path: Path) -> list[Schema]:
        """All that is known of the value at a path."""
        if not path:
            return fields.at(self._kind, path)
        of_type = self.keys(path[:-1]).get(str(path[-1]))
        match path:
            case ("spec", "metadata", int() as index, "value") if self._kind == "Component":
                name = self._document.text(("spec", "metadata", index, "name"))
                of_type = self.names(("spec", "metadata", index, "name")).get(name)
        return [of_type] if of_type is not None else fields.at(self._kind, path)

    def type_of(self, path: Path) -> str:
        """The component type of a binding at a path, by its name or in place."""
        name = self._document.text(path)
        named = self._project.find("Component", name) if name else None
        return named.about if named is not None else self._document.text((*path, "type"))

    def _output_of(self, path: Path) -> ComponentType | None:
        """The component type of the output at a path."""
        if self._kind != "Pipeline" or not ("outputs" in path or path[-1:] == ("deadLetter",)):
            return None
        return installed_type(self.type_of((*path, "binding")) or self.type_of((*path, "pubsub")))

    @staticmethod
    def _metadata_of(type_name: str) -> Mapping[str, Schema]:
        schema = fields.of_metadata(type_name)
        return fields.properties([schema]) if schema is not None else {}
