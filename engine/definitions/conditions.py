"""Conditions that are the same for every event: what can never be true, and what always is.

Three values: true, false, and None for what depends on the event. Beside the types of single comparisons, what is said
of one value in several of them is put together: `x == 1 and x == 2`, `x != 1 or x != 2`, `x > 5 and x < 3`.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import nodes

from engine.definitions import operations
from engine.definitions.inference import Inference
from engine.definitions.value_type import BOOLEAN, KINDS, MAPPING, NULL, NUMBERS, TEXT
from engine.suggest import close_match

_OPPOSITE = {"eq": "ne", "gt": "lteq", "lt": "gteq", "in": "notin", "is": "isnot"}
_OPPOSITE |= {other: one for one, other in _OPPOSITE.items()}
_FROM_THE_RIGHT = {"eq": "eq", "ne": "ne", "gt": "lt", "lt": "gt", "gteq": "lteq", "lteq": "gteq"}
_HOLDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gteq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
    "in": lambda value, values: value in values,
    "notin": lambda value, values: value not in values,
    "is": lambda value, truth: bool(value) is truth,
    "isnot": lambda value, truth: bool(value) is not truth,
}
_KINDS_OF_TEST = {
    "string": {TEXT},
    "number": {*NUMBERS, BOOLEAN},
    "boolean": {BOOLEAN},
    "mapping": {MAPPING},
    "none": {NULL},
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """`part` is what makes it so, and `reason` why."""

    truth: bool
    part: nodes.Node
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class _Term:
    """One thing that is said of a value: `operation` and a constant. `subject` is the same for the same value."""

    subject: str
    operation: str
    constant: Any
    part: nodes.Node
    values: tuple[Any, ...] | None = None  # all that the value can be

    def opposite(self) -> _Term:
        return replace(self, operation=_OPPOSITE[self.operation])


class Conditions:
    """Judges the parts of one expression."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    def judge(self, node: nodes.Node) -> Judgement | None:
        match node:
            case nodes.Const(value=bool(value)):
                return Judgement(value, node)
            case nodes.Not(node=inner):
                found = self.judge(inner)
                return replace(found, truth=not found.truth) if found else None
            case nodes.And():
                return self._all_of(node)
            case nodes.Or():
                return self._any_of(node)
            case nodes.Compare():
                return self._all_of(node)
            case nodes.Test():
                return self._of_test(node)
        return None

    def _all_of(self, node: nodes.Node) -> Judgement | None:
        parts = list(_parts(node, nodes.And))
        judged = [self.judge(part) if part is not node else self.of_comparison(part) for part in parts]
        for judgement in judged:
            if judgement is not None and not judgement.truth:
                return judgement
        culprit = _contradiction([term for part in parts for term in self._terms(part)])
        if culprit is not None:
            return Judgement(False, culprit, "it contradicts what is said before")
        return Judgement(True, node) if all(judged) else None

    def _any_of(self, node: nodes.Node) -> Judgement | None:
        parts = list(_parts(node, nodes.Or))
        judged = [self.judge(part) for part in parts]
        for judgement in judged:
            if judgement is not None and judgement.truth:
                return judgement
        terms = [list(self._terms(part)) for part in parts]
        # One of them holds for every value if there is no value for which none does.
        if _contradiction([one[0].opposite() for one in terms if len(one) == 1]) is not None:
            return Judgement(True, node, "for every value one of the two is true")
        return judged[0] if all(judged) else None

    def of_comparison(self, node: nodes.Node) -> Judgement | None:
        """Of one comparison by what its sides can be, whatever stands around it."""
        if not isinstance(node, nodes.Compare) or len(node.ops) != 1:
            return None
        operation = node.ops[0].op
        left, right = self._inference.type_of(node.expr), self._inference.type_of(node.ops[0].expr)
        if operation in ("eq", "ne") and not operations.can_be_equal(left, right):
            known, other = (left, right) if left.values is None or len(left.values) > 1 else (right, left)
            if left.values and right.values:
                reason = f"the value can only be {', '.join(map(repr, known.values or ()))}"
                hint = close_match(str((other.values or ("",))[0]), [str(value) for value in known.values or ()])
            else:
                reason, hint = f"it compares {left} with {right}", ""
            return Judgement(operation == "ne", node, reason, hint)
        constants = _constant(node.expr), _constant(node.ops[0].expr)
        if all(constants) and operation in _HOLDS:
            truth = _holds(constants[0][0], operation, constants[1][0])
            return Judgement(truth, node, "both sides are constant")
        return None

    def _of_test(self, node: nodes.Test) -> Judgement | None:
        """Of what is absent every test is false, so that none is always true."""
        value = self._inference.type_of(node.node)
        if value.can_be(_KINDS_OF_TEST.get(node.name, KINDS)):
            return None
        return Judgement(False, node, f"it is {value}")

    def _terms(self, part: nodes.Node) -> Iterator[_Term]:
        """What a part says of a value, where it is one constant comparison, or the value itself."""
        if isinstance(part, nodes.Not):
            inner = list(self._terms(part.node))
            if len(inner) == 1:
                yield replace(inner[0].opposite(), part=part)
        elif isinstance(part, nodes.Compare):
            left = part.expr
            for operand in part.ops:
                yield from self._term(left, operand.op, operand.expr, part)
                left = operand.expr
        elif isinstance(part, nodes.Getattr | nodes.Getitem | nodes.Test | nodes.Call):
            yield _Term(repr(part), "is", True, part)

    def _term(self, left: nodes.Expr, operation: str, right: nodes.Expr, part: nodes.Node) -> Iterator[_Term]:
        values = _constant(right)
        if values and not _constant(left):
            yield _Term(repr(left), operation, values[0], part, self._inference.type_of(left).values)
            return
        values = _constant(left)
        if values and not _constant(right) and operation in _FROM_THE_RIGHT:
            known = self._inference.type_of(right).values
            yield _Term(repr(right), _FROM_THE_RIGHT[operation], values[0], part, known)


def _parts(node: nodes.Node, kind: type[nodes.BinExpr]) -> Iterator[nodes.Node]:
    if isinstance(node, kind):
        yield from _parts(node.left, kind)
        yield from _parts(node.right, kind)
    else:
        yield node


def _constant(node: nodes.Expr) -> tuple[Any, ...]:
    """The value of a constant or of a list of them, in a tuple; empty for all else."""
    if isinstance(node, nodes.Const):
        return (node.value,)
    if isinstance(node, nodes.List | nodes.Tuple):
        items = [_constant(item) for item in node.items]
        return ([item[0] for item in items],) if all(items) else ()
    return ()


def _contradiction(terms: Sequence[_Term]) -> nodes.Node | None:
    """The first part with which there is no value any more for which all hold."""
    said: dict[str, list[_Term]] = defaultdict(list)
    for term in terms:
        said[term.subject].append(term)
        if len(said[term.subject]) > 1 and not _is_possible(said[term.subject]):
            return term.part
    return None


def _is_possible(terms: Sequence[_Term]) -> bool:
    candidates = next((candidates for term in terms if (candidates := _candidates(term)) is not None), None)
    if candidates is not None:
        return any(all(_holds(value, term.operation, term.constant) for term in terms) for value in candidates)
    truths = {(term.operation == "is") is term.constant for term in terms if term.operation in ("is", "isnot")}
    return len(truths) < 2 and not any(_cross(low, high) for low in terms for high in terms)


def _candidates(term: _Term) -> Iterable[Any] | None:
    if term.operation == "eq":
        return (term.constant,)
    if term.operation == "in" and isinstance(term.constant, list):
        return term.constant
    return term.values


def _holds(value: Any, operation: str, constant: Any) -> bool:
    try:
        return _HOLDS[operation](value, constant)
    except TypeError:
        return False  # it fails on the event


def _cross(low: _Term, high: _Term) -> bool:
    """Whether nothing is above the one and below the other."""
    if low.operation not in ("gt", "gteq") or high.operation not in ("lt", "lteq"):
        return False
    if low.operation == "gteq" and high.operation == "lteq":
        return _holds(low.constant, "gt", high.constant)
    return _holds(low.constant, "gteq", high.constant)
