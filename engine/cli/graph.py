"""`jackfield graph`: the folder as a Mermaid flowchart, or as JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.graph import Graph

EXAMPLE = "jackfield graph pipelines > pipelines.mmd"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", nargs="?", default="pipelines", help="the folder (default: pipelines)")
    parser.add_argument(
        "--format",
        choices=("mermaid", "json"),
        default="mermaid",
        help="mermaid: a flowchart that GitHub and many editors draw (default). json: its nodes and edges",
    )


def run(arguments: argparse.Namespace) -> int:
    """Documents that have errors are left out, which the standard error tells."""
    from engine.definitions.check import check
    from engine.definitions.folder import Folder
    from engine.graph import graph_of, mermaid

    report = asyncio.run(check(Folder.load(Path(arguments.dir)), secrets=False))
    graph = graph_of(report.definitions)
    print(_json(graph) if arguments.format == "json" else mermaid(graph))
    if report.refused:
        print(f"note: left out what has errors ({len(report.refused)}); see `jackfield check`", file=sys.stderr)
    return 0


def _json(graph: Graph) -> str:
    nodes = [asdict(node) for node in graph.nodes.values()]
    edges = [{"from": edge.start, "to": edge.end, "kind": edge.kind, "label": edge.label} for edge in graph.edges]
    return json.dumps({"nodes": nodes, "edges": edges}, indent=2, ensure_ascii=False)
