"""Definitions folders for tests, and what a check says of them in short."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.definitions.check import Report, check
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.folder import Folder


def pipeline(spec: str = "", name: str = "p", source: str = "{type: bindings.memory}") -> str:
    """A pipeline document that is right; its `spec` begins in line 5, and what is added to it in line 7."""
    return f"""\
apiVersion: jackfield/v1
kind: Pipeline
metadata:
  name: {name}
spec:
  input: {{binding: {source}}}
{spec}"""


def component(metadata: str = "", name: str = "c", type: str = "bindings.memory", more: str = "") -> str:
    """A component document; the items of `metadata` begin in line 7."""
    items = f"  metadata:\n{metadata}" if metadata else ""
    return f"""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: {name}}}
spec:
  type: {type}
{items}{more}"""


def app(spec: str = "", name: str = "a") -> str:
    """An app document; what is added to its `spec` begins in line 6."""
    return f"""\
apiVersion: jackfield/v1
kind: App
metadata: {{name: {name}}}
spec:
  url: http://localhost:8000
{spec}"""


def documents(*texts: str) -> str:
    return "---\n".join(texts)


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


async def report_of(root: Path, files: Mapping[str, str | bytes], *, secrets: bool = True) -> Report:
    """Writes the files and checks the folder."""
    return await check(Folder.load(write(root, files)), secrets=secrets)


async def found_in(root: Path, text: str, *, secrets: bool = True) -> list[str]:
    """What is said of a folder with one file: `line:column code message | hint` each."""
    report = await report_of(root, {"f.yaml": text}, secrets=secrets)
    return [short(diagnostic) for diagnostic in report.diagnostics]


def short(diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    hint = f" | {diagnostic.hint}" if diagnostic.hint else ""
    return f"{span.line}:{span.column} {diagnostic.code} {diagnostic.message}{hint}"


def by_file(diagnostics: Iterable[Diagnostic]) -> list[tuple[str, str]]:
    """The name of each file, and what is said of it in short."""
    return [(Path(diagnostic.span.file).name, short(diagnostic)) for diagnostic in diagnostics]


def marked(text: str) -> tuple[str, list[str]]:
    """A text without its marks `›`, and the `line:column` that each of them marks."""
    places = []
    while "›" in text:
        before = text[: text.index("›")].split("\n")
        places.append(f"{len(before)}:{len(before[-1]) + 1}")
        text = text.replace("›", "", 1)
    return text, places
