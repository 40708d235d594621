"""A document: the plain value of a YAML document, and the place of every key and value in its file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from engine.definitions.diagnostic import Diagnostic, Span
from engine.definitions.source import Source

Step: TypeAlias = str | int


@dataclass(frozen=True, slots=True)
class Document:
    """`value` is what JSON could hold. `diagnostics` tell what is wrong with its YAML; then `value` is a part of it."""

    source: Source
    value: Any
    root: yaml.Node = field(repr=False, compare=False)
    diagnostics: Sequence[Diagnostic] = ()
    _pairs: dict[int, dict[str, tuple[yaml.Node, yaml.Node]]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def path(self) -> Path:
        return self.source.path

    @property
    def shown(self) -> str:
        return self.source.shown

    @property
    def extent(self) -> tuple[int, int]:
        """Where it begins and ends in the text of its file: whole lines, without the comments before and after it."""
        text, start = self.source.text, self.root.start_mark.index
        line = text.rfind("\n", 0, start) + 1
        if not text[line:start].strip():
            start = line  # its first line is indented as the others are
        lines = text[start : self.root.end_mark.index].splitlines(keepends=True)
        while not lines[-1].strip() or lines[-1].startswith("#"):  # for libyaml it ends where the next one begins
            lines.pop()
        return start, start + len("".join(lines).rstrip())

    @property
    def text(self) -> str:
        """As it stands in its file."""
        return self.source.text[slice(*self.extent)]

    def offsets(self, path: Sequence[Step]) -> tuple[int, int]:
        """Where a value begins and ends in the text of its file."""
        node = self._node(path)
        return node.start_mark.index, _end(node).index

    def line_text(self, number: int) -> str:
        return self.source.line(number)

    def get(self, path: Sequence[Step]) -> Any:
        """The value at a path, or None where there is none."""
        value = self.value
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def span(self, path: Sequence[Step], *, key: bool = False) -> Span:
        """The place of a value, or of its key; of the nearest parent that exists where it does not."""
        return node_span(self.source, self._node(path, key=key))

    def text_span(self, path: Sequence[Step], offset: int, length: int = 1) -> Span:
        """The place of a part of a text; that of the whole text where escapes or folds hide the part."""
        node = self._node(path)
        place = _place_in_scalar(self.source, node, offset, length) if isinstance(node, yaml.ScalarNode) else None
        return self.source.span(*place, max(length, 1)) if place else node_span(self.source, node)

    def error(
        self,
        code: str,
        message: str,
        path: Sequence[Step],
        hint: str = "",
        *,
        key: bool = False,
        related: Span | None = None,
        related_message: str = "",
    ) -> Diagnostic:
        """An error at a path."""
        return self.source.error(code, message, self.span(path, key=key), hint, related, related_message)

    def warning(
        self, code: str, message: str, path: Sequence[Step], hint: str = "", *, key: bool = False
    ) -> Diagnostic:
        """A warning at a path."""
        return self.source.warning(code, message, self.span(path, key=key), hint)

    def _node(self, path: Sequence[Step], *, key: bool = False) -> yaml.Node:
        key_node, node = None, self.root
        for step in path:
            found = self._child(node, step)
            if found is None:
                break
            key_node, node = found
        return key_node if key and key_node is not None else node

    def _child(self, node: yaml.Node, step: Step) -> tuple[yaml.Node, yaml.Node] | None:
        if isinstance(node, yaml.MappingNode):
            return self._pairs_of(node).get(str(step))
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
            return node.value[step], node.value[step]
        return None

    def _pairs_of(self, node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        found = self._pairs.get(id(node))
        if found is None:
            found = self._pairs[id(node)] = {}
            for key, value in pairs(node):
                found.setdefault(key.value, (key, value))
        return found


def pairs(node: yaml.MappingNode) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    """The pairs of a mapping that are its own, then those that it merges in with `<<`."""
    merged: list[yaml.MappingNode] = []
    for key, value in node.value:
        if is_merge(key):
            merged += [part for part in merge_parts(value) if isinstance(part, yaml.MappingNode) and part is not node]
        elif isinstance(key, yaml.ScalarNode):
            yield key, value
    for mapping in merged:
        yield from pairs(mapping)


def is_merge(key: yaml.Node) -> bool:
    return isinstance(key, yaml.ScalarNode) and key.value == "<<" and not key.style


def merge_parts(value: yaml.Node) -> list[yaml.Node]:
    """What `<<` names: one mapping, or a list of them."""
    return list(value.value) if isinstance(value, yaml.SequenceNode) else [value]


def node_span(source: Source, node: yaml.Node) -> Span:
    start, end = node.start_mark, _end(node)
    return Span(source.shown, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _end(node: yaml.Node) -> Any:
    # A block collection ends, for libyaml, where the next thing starts; for people, where its last item ends.
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    return node.end_mark


def _place_in_scalar(source: Source, node: yaml.ScalarNode, offset: int, length: int) -> tuple[int, int] | None:
    text, start = node.value, node.start_mark
    if node.style == "|":
        before = text[:offset].split("\n")
        line = start.line + 1 + len(before)
        indent = len(source.line(line)) - len(text.split("\n")[len(before) - 1])
        return line, indent + len(before[-1]) + 1
    quote = 1 if node.style in ("'", '"') else 0
    written = source.text[start.index + quote : node.end_mark.index - quote]
    if written == text and "\n" not in text:
        return start.line + 1, start.column + quote + offset + 1
    part = text[offset : offset + length]
    if part and written.count(part) == 1 and text.count(part) == 1:
        place = source.span_at(start.index + quote + written.index(part))
        return place.line, place.column
    return None
