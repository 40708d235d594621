"""From the text of a file to its documents, with PyYAML's C parser; mistakes become diagnostics, never exceptions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml._yaml import CParser

from engine.definitions import syntax
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document
from engine.definitions.source import Source
from engine.definitions.values import MAX_DEPTH, ValueBuilder

_MOST_SYNTAX_ERRORS = 20  # of one file
_NOT_A_BREAK = re.compile("[^\n\r\x85\u2028\u2029]")
_DOCUMENT_START = re.compile(r"^---(?=\s|$)", re.MULTILINE)


def parse(source: Source) -> tuple[list[Document], list[Diagnostic]]:
    """The documents, and what is wrong with the text between and besides them.

    libyaml stops at the first mistake; the next document is then read from its `---` on.
    """
    documents: list[Document] = []
    diagnostics: list[Diagnostic] = []
    text, start = source.text, -1
    while len(diagnostics) < _MOST_SYNTAX_ERRORS:
        try:
            documents.extend(_document(source, root) for root in _compose(text))  # those before a mistake stay
        except _TooDeep as error:
            diagnostics.append(error.diagnostic(source))
            offset = error.mark.index
        except yaml.YAMLError as error:
            diagnostic, offset = syntax.explain(source, error)
            diagnostics.append(diagnostic)
        else:
            break
        following = _DOCUMENT_START.search(text, max(offset, start + 1))
        if following is None:
            break
        start = following.start()
        # Blanks in the place of what has been read keep the lines, the columns and the offsets of the rest.
        text = _NOT_A_BREAK.sub(" ", text[:start]) + text[start:]
    if not documents and not diagnostics:
        message, hint = "there is no definition in this file", "write one, or remove the file"
        diagnostics.append(source.warning("W101", message, source.span(1, 1), hint))
    return documents, diagnostics


def _document(source: Source, root: yaml.Node) -> Document:
    builder = ValueBuilder(source)
    value = builder.build(root)
    return Document(source, value, root, tuple(builder.diagnostics))


def _compose(text: str) -> Iterator[yaml.Node]:
    """The root of each document that has anything in it."""
    composer = _Composer(text)
    while composer.check_node():
        root = composer.get_node()
        if root is not None and not _is_nothing(root):
            yield root


def _is_nothing(root: yaml.Node) -> bool:
    return isinstance(root, yaml.ScalarNode) and not root.value and not root.style


class _TooDeep(Exception):
    def __init__(self, mark: Any) -> None:
        self.mark = mark

    def diagnostic(self, source: Source) -> Diagnostic:
        place = source.span(self.mark.line + 1, self.mark.column + 1)
        return source.error("E108", f"here it is nested more than {MAX_DEPTH} deep", place, "nest it less")


class _Composer(CParser):
    """Makes nodes. Their tags are resolved later (values.py), which is faster, and only where they are not written."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def resolve(self, kind: type[yaml.Node], value: str, implicit: Any) -> None:
        return None

    def descend_resolver(self, parent: yaml.Node | None, index: Any) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH and parent is not None:  # before the C code's own recursion becomes a crash
            raise _TooDeep(parent.start_mark)

    def ascend_resolver(self) -> None:
        self._depth -= 1
