"""The folder as a graph: components, pipelines and apps, and what flows between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.address import without_password
from engine.definitions.check import Definitions
from engine.definitions.folder import Located
from engine.definitions.pipeline import Call, InlineApp, InlineBinding, Output, Pipeline


@dataclass(frozen=True, slots=True)
class Node:
    """`kind`: pipeline, component or app; `about`: the component's type or the app's address. What is written in
    place has no name of its own, and is a node for each place.
    """

    id: str
    kind: str
    name: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """`kind`: input, call, output, dead letters or secrets; by the ids of the nodes, in the direction of the data."""

    start: str
    end: str
    kind: str
    label: str = ""


@dataclass(slots=True)
class Graph:
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)


def graph_of(definitions: Definitions) -> Graph:
    """What of the folder can run; in the order of the names."""
    graph = Graph()
    for name, component in sorted(definitions.components.items()):
        graph.nodes[_component(name)] = Node(_component(name), "component", name, component.model.spec.type)
    for name, app in sorted(definitions.apps.items()):
        graph.nodes[_app(name)] = Node(_app(name), "app", name, without_password(app.model.spec.url))
    for _, pipeline in sorted(definitions.pipelines.items()):
        _add_pipeline(graph, pipeline)
    graph.edges += _secrets(definitions)
    return graph


def mermaid(graph: Graph) -> str:
    """A Mermaid flowchart (mermaid.js.org), which GitHub and many editors draw."""
    ids = {id: f"n{number}" for number, id in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    lines += [f"  {ids[node.id]}{_shape(node)}" for node in graph.nodes.values()]
    lines += [f"  {ids[edge.start]} {_arrow(edge)} {ids[edge.end]}" for edge in graph.edges]
    return "\n".join(lines)


def _add_pipeline(graph: Graph, pipeline: Located[Pipeline]) -> None:
    model = pipeline.model
    name, spec = model.metadata.name, model.spec
    me = f"pipeline/{name}"
    graph.nodes[me] = Node(me, "pipeline", name)
    topic = f"topic {spec.input.topic}" if spec.input.topic is not None else ""
    graph.edges.append(Edge(_binding(graph, spec.input.component, f"{me}/input"), me, "input", topic))
    for index, step in enumerate(spec.steps):
        if step.call is not None:
            place = _called(graph, step.call, f"{me}/steps/{index}")
            graph.edges.append(Edge(me, place, "call", f"{step.call.method} {step.call.path}"))
    for index, output in enumerate(spec.outputs):
        place = _binding(graph, output.component, f"{me}/outputs/{index}")
        graph.edges.append(Edge(me, place, "output", _said(output)))
    letters = spec.delivery.dead_letter
    if not isinstance(letters, str):
        graph.edges.append(Edge(me, _binding(graph, letters.component, f"{me}/deadLetter"), "dead letters"))


def _said(output: Output) -> str:
    when = f"when {output.when}" if output.when is not None else ""
    topic = f"topic {output.topic}" if output.topic is not None else ""
    return " ".join(part for part in (output.operation or "", topic, when) if part)


def _binding(graph: Graph, binding: str | InlineBinding, place: str) -> str:
    if isinstance(binding, str):
        return _component(binding)
    graph.nodes[place] = Node(place, "component", "", binding.type)
    return place


def _called(graph: Graph, call: Call, place: str) -> str:
    if not isinstance(call.app, InlineApp):
        return _app(call.app)
    graph.nodes[place] = Node(place, "app", "", without_password(call.app.url))
    return place


def _secrets(definitions: Definitions) -> Iterator[Edge]:
    for name, component in sorted(definitions.components.items()):
        if component.model.auth is not None:
            yield Edge(_component(component.model.auth.secret_store), _component(name), "secrets")
    for name, app in sorted(definitions.apps.items()):
        if app.model.spec.auth is not None:
            yield Edge(_component(app.model.spec.auth.secret_store), _app(name), "secrets")


def _component(name: str) -> str:
    return f"component/{name}"


def _app(name: str) -> str:
    return f"app/{name}"


_SHAPES = {"pipeline": ("[", "]"), "component": ("[(", ")]"), "app": ("([", "])")}
_ARROWS = {"input": "-->", "call": "<-->", "output": "-->", "dead letters": "-.->", "secrets": "-.->"}
_PLAIN = re.compile(r"[^\w .:/-]")


def _shape(node: Node) -> str:
    text = "<br>".join(_escaped(part) for part in (node.name, node.about) if part)
    before, after = _SHAPES[node.kind]
    return f'{before}"{text}"{after}'


def _arrow(edge: Edge) -> str:
    label = edge.label or (edge.kind if edge.kind in ("dead letters", "secrets") else "")
    return f'{_ARROWS[edge.kind]}|"{_escaped(label)}"|' if label else _ARROWS[edge.kind]


def _escaped(text: str) -> str:
    """Each character that could mean something as its entity code, as Mermaid writes them."""
    return _PLAIN.sub(lambda match: f"#{ord(match[0])};", text)
