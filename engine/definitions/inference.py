"""The type of an expression, found without an event, and what on the way to it can never work.

It is cautious: what may be right for some event is right, and what `default`, `is defined` or `in` asks for may be
absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import cast

from jinja2 import nodes

from engine.definitions import operations
from engine.definitions.complaint import Complaint, no_field
from engine.definitions.filter_types import (
    METHODS,
    attributes,
    has_attribute,
    is_method,
    takes,
    type_after,
    type_of_call,
)
from engine.definitions.parsed import Parsed
from engine.definitions.value_type import (
    BOOLEAN,
    LIST,
    MAPPING,
    METHOD,
    NUMBERS,
    TEXT,
    TIME,
    UNKNOWN,
    ValueType,
    of_fields,
    of_kinds,
    of_list,
    of_value,
    union,
)
from engine.grammar import name_offset
from engine.suggest import close_match

_OPERATORS = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
    nodes.Pow: "**",
}
_COMPARISONS = {"gt": ">", "gteq": ">=", "lt": "<", "lteq": "<="}


class Inference:
    """Of one text. `scope`: the types of the names. What is found is in `complaints`."""

    def __init__(self, parsed: Parsed, scope: Mapping[str, ValueType]) -> None:
        self._source = parsed.source
        self._scope = scope
        self._variables = parsed.variables
        self._guarded = parsed.guarded
        self._known: dict[int, ValueType] = {}
        self.complaints: list[Complaint] = []
        self.type_of(parsed.tree)

    def type_of(self, node: nodes.Node) -> ValueType:
        """The type of the tree or of a part of it; each is looked at once."""
        found = self._known.get(id(node))
        if found is None:
            found = self._known[id(node)] = _RULES.get(type(node), Inference._any)(self, node)
        return found

    def complain(self, code: str, message: str, node: nodes.Node, hint: str = "") -> None:
        """About all that a node stands for."""
        start, end = extent(self._source, node)
        self.complaints.append(Complaint(code, message, start, end - start, hint))

    def _any(self, node: nodes.Node) -> ValueType:
        for child in node.iter_child_nodes():
            self.type_of(child)
        return UNKNOWN

    def _condition(self, node: nodes.Node) -> ValueType:
        self._any(node)
        return of_kinds(BOOLEAN)

    def _text(self, node: nodes.Node) -> ValueType:
        self._any(node)
        return of_kinds(TEXT)

    def _constant(self, node: nodes.Node) -> ValueType:
        return of_value(cast(nodes.Const, node).value)

    def _name(self, node: nodes.Node) -> ValueType:
        name = cast(nodes.Name, node).name
        return UNKNOWN if name in self._variables else self._scope.get(name, UNKNOWN)

    def _list(self, node: nodes.Node) -> ValueType:
        return of_list(self.type_of(item) for item in node.iter_child_nodes())

    def _mapping(self, node: nodes.Node) -> ValueType:
        pairs = cast(nodes.Dict, node).items
        types = [(pair.key, self.type_of(pair.value)) for pair in pairs]
        if any(not isinstance(key, nodes.Const) for key, _ in types):
            return of_kinds(MAPPING)
        return of_fields({str(cast(nodes.Const, key).value): value for key, value in types})

    def _either(self, node: nodes.Node) -> ValueType:
        """`and` and `or` give one of their sides, as Python's do."""
        return union(self.type_of(side) for side in node.iter_child_nodes()) or UNKNOWN

    def _choice(self, node: nodes.Node) -> ValueType:
        choice = cast(nodes.CondExpr, node)
        self.type_of(choice.test)
        found = self.type_of(choice.expr1)
        return found if choice.expr2 is None else found | self.type_of(choice.expr2)

    def _attribute(self, node: nodes.Node) -> ValueType:
        looked = cast(nodes.Getattr, node)
        return self._field(looked.node, looked.attr, name_offset(self._source, looked), len(looked.attr))

    def _item(self, node: nodes.Node) -> ValueType:
        looked = cast(nodes.Getitem, node)
        owner, key = self.type_of(looked.node), looked.arg
        self.type_of(key)
        if isinstance(key, nodes.Slice):
            return owner if owner.kinds <= {TEXT, LIST} else UNKNOWN
        if isinstance(key, nodes.Const) and isinstance(key.value, str):
            return self._field(looked.node, key.value, key.lineno, len(key.value) + 2)
        return owner.item()

    def _field(self, node: nodes.Expr, name: str, offset: int, length: int) -> ValueType:
        owner = self.type_of(node)
        others = [kind for kind in owner.kinds - {MAPPING, METHOD} if has_attribute(kind, name)]
        if MAPPING in owner.kinds and name in owner.fields:
            return UNKNOWN if others and owner.is_known else owner.fields[name]
        if name == "get" or name in self._guarded:
            return UNKNOWN
        complaint = no_field(owner, name, offset, length, bool(others))
        if complaint is not None:
            self.complaints.append(complaint)
        is_call = others and not owner.can_be({MAPPING}) and all(is_method(kind, name) for kind in others)
        return of_kinds(METHOD) if is_call else UNKNOWN

    def _call(self, node: nodes.Node) -> ValueType:
        called = cast(nodes.Call, node)
        for argument in (*called.args, *called.kwargs):
            self.type_of(argument)
        callee = called.node
        found = self.type_of(callee)
        if isinstance(callee, nodes.Getattr):
            owner = self.type_of(callee.node)
            if found.kinds == {METHOD}:
                return type_of_call(owner, callee.attr)
            if callee.attr not in METHODS and not found.is_known and not self._is_told(callee):
                hint = "" if hasattr(dict, callee.attr) else close_match(callee.attr, attributes(owner.kinds))
                hint = hint or "a mapping has only `get`; `| list` gives its keys, and `| items` its pairs"
                offset, length = name_offset(self._source, callee), len(callee.attr)
                self.complaints.append(Complaint("E409", f"there is no method {callee.attr!r}", offset, length, hint))
        if found.is_known and METHOD not in found.kinds:
            self.complain("E411", f"this is {found}, and cannot be called", callee, "leave out the brackets")
        return UNKNOWN

    def _is_told(self, node: nodes.Getattr) -> bool:
        offset = name_offset(self._source, node)
        return any(complaint.offset == offset for complaint in self.complaints)

    def _filtered(self, node: nodes.Node) -> ValueType:
        used = cast(nodes.Filter, node)
        for argument in (*used.args, *used.kwargs):
            self.type_of(argument)
        value = self.type_of(used.node) if used.node is not None else of_kinds(TEXT)
        if used.name in ("default", "d"):
            return value | (self.type_of(used.args[0]) if used.args else of_kinds(TEXT))
        if not value.can_be(takes(used.name)):
            wanted = ValueType(takes(used.name))
            message = f"the filter `{used.name}` takes {wanted}, and gets {value}"
            self.complaints.append(Complaint("E411", message, used.lineno, len(used.name)))
        if used.name in ("int", "float") and (used.args or used.kwargs):
            return UNKNOWN  # what it gives where the value is no number
        return type_after(used.name, value)

    def _compared(self, node: nodes.Node) -> ValueType:
        left = cast(nodes.Compare, node).expr
        self.type_of(left)
        for operand in cast(nodes.Compare, node).ops:
            right = operand.expr
            sides = self.type_of(left), self.type_of(right)
            if operand.op in _COMPARISONS and not operations.are_ordered(*sides):
                self._complain_of_both(f"`{_COMPARISONS[operand.op]}` compares {sides[0]} with {sides[1]}", left, right)
            elif operand.op in ("in", "notin") and not operations.can_hold(*sides):
                self._complain_of_both(f"`in` looks for {sides[0]} in {sides[1]}", left, right)
            left = right
        return of_kinds(BOOLEAN)

    def _computed(self, node: nodes.Node) -> ValueType:
        binary = cast(nodes.BinExpr, node)
        sign, left, right = _OPERATORS[type(binary)], self.type_of(binary.left), self.type_of(binary.right)
        result = operations.result_of(sign, left, right)
        if result is None:
            self._complain_of_both(f"`{sign}` does not work on {left} and {right}", binary.left, binary.right)
        return result or UNKNOWN

    def _signed(self, node: nodes.Node) -> ValueType:
        value = self.type_of(cast(nodes.UnaryExpr, node).node)
        if not value.can_be(NUMBERS | {BOOLEAN}):
            self.complain("E411", f"this is {value}, and a sign is for a number", node)
        return of_kinds(*NUMBERS)

    def _complain_of_both(self, message: str, left: nodes.Expr, right: nodes.Expr) -> None:
        start, end = extent(self._source, left)[0], extent(self._source, right)[1]
        kinds = self.type_of(left).kinds | self.type_of(right).kinds
        hint = "`| int` makes a number of a text, and `| string` or `~` a text of a number" if TEXT in kinds else ""
        hint = "`now.isoformat()` is a text" if TIME in kinds else hint
        self.complaints.append(Complaint("E411", message, start, end - start, hint))


def extent(source: str, node: nodes.Node) -> tuple[int, int]:
    """Where a part of an expression begins, and where its last word ends."""
    parts = [node, *node.find_all(nodes.Expr)]
    # An operand has no place of its own, and an operation may have that of its last token.
    start = min(part.lineno for part in parts if part.lineno is not None)
    words = [part for part in parts if isinstance(part, _WORDS)]
    return start, max((_end_of_word(source, part) for part in words), default=start + 1)


def _end_of_word(source: str, node: nodes.Node) -> int:
    offset = name_offset(source, node)
    found = _WORD.match(source, offset)
    return found.end() if found else offset + 1


_WORDS = (nodes.Name, nodes.Const, nodes.Getattr, nodes.Filter, nodes.Test)
_WORD = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[\w.]+(?<!\.)")
_RULES: Mapping[type[nodes.Node], Callable[[Inference, nodes.Node], ValueType]] = {
    **dict.fromkeys(_OPERATORS, Inference._computed),
    **dict.fromkeys((nodes.And, nodes.Or), Inference._either),
    **dict.fromkeys((nodes.Not, nodes.Test), Inference._condition),
    **dict.fromkeys((nodes.Neg, nodes.Pos), Inference._signed),
    **dict.fromkeys((nodes.List, nodes.Tuple), Inference._list),
    **dict.fromkeys((nodes.Concat, nodes.TemplateData, nodes.Template), Inference._text),
    nodes.Call: Inference._call,
    nodes.Compare: Inference._compared,
    nodes.CondExpr: Inference._choice,
    nodes.Const: Inference._constant,
    nodes.Dict: Inference._mapping,
    nodes.Filter: Inference._filtered,
    nodes.Getattr: Inference._attribute,
    nodes.Getitem: Inference._item,
    nodes.Name: Inference._name,
}
