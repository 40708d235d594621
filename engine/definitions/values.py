"""From YAML nodes to plain values: null, booleans, numbers and text by the rules of YAML 1.2's core schema.

`yes`, `on`, `12:30` and `2024-01-01` are text; so are `007`, which as a number would not be what is written, and
`.inf` and `.nan`, which JSON cannot hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import yaml

from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import is_merge, merge_parts, node_span
from engine.definitions.source import Source

MAX_DEPTH = 64
MAX_NODES = 100_000  # of one document, aliases expanded

_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,299})")
_BASED = re.compile(r"0o[0-7]{1,99}|0x[0-9a-fA-F]{1,99}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,2})?")
_TAG = "tag:yaml.org,2002:"


def plain_value(text: str) -> Any:
    """The value of a scalar that is written without quotes."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in "0123456789-+.":
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        if _BASED.fullmatch(text):
            return int(text, 0)
    return text


class ValueBuilder:
    """Builds the value of one document; goes on after an error, so that all are found."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.diagnostics: list[Diagnostic] = []
        self._built: dict[int, tuple[Any, int, int]] = {}  # by node: its value, its nodes and its depth
        self._open: set[int] = set()

    def build(self, root: yaml.Node) -> Any:
        value, size, depth = self._build(root)
        if size > MAX_NODES:
            message = (
                f"the document has {size:,} values when its aliases are expanded, and at most {MAX_NODES:,} may be"
            )
            self._error("E108", message, root, "write less of it with aliases (`*name`)")
        elif depth > MAX_DEPTH:
            self._error("E108", f"with its aliases it is nested more than {MAX_DEPTH} deep", root, "nest it less")
        return None if self._too_much(size, depth) else value

    def _build(self, node: yaml.Node) -> tuple[Any, int, int]:
        if type(node) is yaml.ScalarNode:
            return self._scalar(node), 1, 1
        known = self._built.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            self._error("E109", "an alias in it stands for the whole of it, which has no end", node, "remove the alias")
            return None, 1, 1
        self._open.add(id(node))
        built = self._sequence(node) if type(node) is yaml.SequenceNode else self._mapping(node)
        self._open.discard(id(node))
        self._built[id(node)] = built
        return built

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag is None:
            return node.value if node.style else plain_value(node.value)
        if node.tag == _TAG + "str":
            return node.value
        if node.tag in (f"{_TAG}{name}" for name in ("int", "float", "bool", "null")):
            return plain_value(node.value)
        return self._unknown_tag(node)

    def _sequence(self, node: yaml.SequenceNode) -> tuple[Any, int, int]:
        if node.tag not in (None, _TAG + "seq"):
            self._unknown_tag(node)
        items, size, depth = [], 1, 0
        for child in node.value:
            item, item_size, item_depth = self._build(child)
            size += item_size
            depth = max(depth, item_depth)
            if not self._too_much(size, depth):
                items.append(item)
        return items, size, depth + 1

    def _mapping(self, node: yaml.Node) -> tuple[Any, int, int]:
        if node.tag not in (None, _TAG + "map"):
            self._unknown_tag(node)
        fields: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        keys: dict[str, yaml.Node] = {}
        size, depth = 1, 0
        for key, child in node.value:
            item, item_size, item_depth = self._build(child)
            size += item_size + 1
            depth = max(depth, item_depth)
            if self._too_much(size, depth):
                continue
            if is_merge(key):
                self._merge(child, item, merged)
            elif not isinstance(key, yaml.ScalarNode):
                self._complex_key(node, key)
            elif self._is_new_key(key, keys):
                fields[key.value] = item
        return {**merged, **fields} if merged else fields, size, depth + 1

    def _is_new_key(self, key: yaml.ScalarNode, keys: dict[str, yaml.Node]) -> bool:
        first = keys.setdefault(key.value, key)
        if first is key:
            return True
        related = node_span(self._source, first)
        message, hint = f"the key {key.value!r} is here a second time", "keep one of the two"
        span = node_span(self._source, key)
        self.diagnostics.append(self._source.error("E106", message, span, hint, related, "the first is here"))
        return False

    def _complex_key(self, mapping: yaml.Node, key: yaml.Node) -> None:
        written = self._source.text[mapping.start_mark.index : mapping.end_mark.index]
        if written.startswith("{{"):
            hint = f'write "{written}"' if "\n" not in written else "put it in quotes"
            self._error("E107", "a template must stand in quotes, else it is a mapping for YAML", mapping, hint)
        else:
            self._error("E107", "a key must be a text", key, "write `name: value`")

    def _merge(self, node: yaml.Node, value: Any, merged: dict[str, Any]) -> None:
        parts: Iterable[Any] = value if isinstance(value, list) else [value]
        for part, part_node in zip(parts, merge_parts(node), strict=False):
            if isinstance(part, dict):
                merged.update({key: item for key, item in part.items() if key not in merged})
            else:
                self._error("E110", "`<<` merges mappings, and this is none", part_node, "write `<<: *name`")

    def _unknown_tag(self, node: yaml.Node) -> None:
        tag = node.tag.replace(_TAG, "!!")
        self._error("E110", f"the tag {tag} has no meaning in a definition", node, "leave it out")

    def _error(self, code: str, message: str, node: yaml.Node, hint: str) -> None:
        self.diagnostics.append(self._source.error(code, message, node_span(self._source, node), hint))

    @staticmethod
    def _too_much(size: int, depth: int) -> bool:
        return size > MAX_NODES or depth > MAX_DEPTH
