from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.cli import main
from tests.engine.definitions.folders import app, component, documents, pipeline, write

SPEC = """\
  steps:
    - call: {app: a, path: "/x|y"}
    - call: {app: {url: "http://u:pw@h"}}
  outputs:
    - {binding: d, when: "data.n > 1 and data.s != \\"]\\""}
    - {binding: {type: bindings.memory}, operation: create}
  delivery: {deadLetter: {binding: c}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    vault = component(name="vault", type="secretstores.local.env")
    shop = app("  token: {secretKeyRef: {name: t}}\n  auth: {secretStore: vault}\n")
    texts = documents(pipeline(SPEC, name="end", source="c"), component(), component(name="d"), shop, vault)
    return str(write(tmp_path, {"a.yaml": texts}))


def test_graph_is_a_mermaid_flowchart(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", folder]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "flowchart LR",
        '  n0[("c<br>bindings.memory")]',
        '  n1[("d<br>bindings.memory")]',
        '  n2[("vault<br>secretstores.local.env")]',
        '  n3(["a<br>http://localhost:8000"])',
        '  n4["end"]',
        '  n5(["http://h"])',
        '  n6[("bindings.memory")]',
        "  n0 --> n4",
        '  n4 <-->|"POST /x#124;y"| n3',
        '  n4 <-->|"POST /"| n5',
        '  n4 -->|"when data.n #62; 1 and data.s #33;#61; #34;#93;#34;"| n1',
        '  n4 -->|"create"| n6',
        '  n4 -.->|"dead letters"| n0',
        '  n2 -.->|"secrets"| n3',
    ]


def test_graph_as_json_has_nodes_and_edges(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", folder, "--format", "json"]) == 0

    graph = json.loads(capsys.readouterr().out)
    assert graph["nodes"][4] == {"id": "pipeline/end", "kind": "pipeline", "name": "end", "about": ""}
    assert graph["edges"][0] == {"from": "component/c", "to": "pipeline/end", "kind": "input", "label": ""}
    ids = {node["id"] for node in graph["nodes"]}
    assert all({edge["from"], edge["to"]} <= ids for edge in graph["edges"])


def test_graph_leaves_out_what_has_errors_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"a.yaml": documents(pipeline(source="nowhere"), component())})

    assert main(["graph", str(tmp_path)]) == 0

    told = capsys.readouterr()
    assert told.out == 'flowchart LR\n  n0[("c<br>bindings.memory")]\n'
    assert told.err == "note: left out what has errors (1); see `jackfield check`\n"


def test_topics_stand_at_the_arrows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ends = "  input: {pubsub: t, topic: orders}\n  outputs: [{pubsub: t, topic: done, when: data.n}]\n"
    text = pipeline(ends).replace("  input: {binding: {type: bindings.memory}}\n", "")
    write(tmp_path, {"a.yaml": documents(text, component(name="t", type="pubsub.in-memory"))})
    assert main(["graph", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        '  n0 -->|"topic orders"| n1',
        '  n1 -->|"topic done when data.n"| n0',
    ]
