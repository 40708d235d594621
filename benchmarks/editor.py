"""How soon an editor knows the mistakes after a keystroke, over the language server's standard input; bar: 50 ms.

A file of 500 lines, in a folder of 31 files; each keystroke is in the middle of it. The clock runs from the change
that the client sends until the diagnostics of that version of the text are there.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from lsprotocol import types

from benchmarks.check import DEFINITION
from benchmarks.table import row
from tests.engine.lsp.editor import editor

LINES = 500
FILES = 30  # beside the one that is edited
KEYSTROKES = 60


def text_of(lines: int) -> str:
    text = ""
    for number in range(1000, 2000):
        text += ("---\n" if text else "") + DEFINITION.format(n=number)
        if text.count("\n") >= lines:
            break
    return text


async def keystrokes(root: Path) -> list[float]:
    """Milliseconds, of each of them: one is right, the next one wrong."""
    text, name = text_of(LINES), "pipelines/edited.yaml"
    line = next(n for n, one in enumerate(text.splitlines()) if n > LINES // 2 and "concurrency: 8" in one)
    place = types.Position(line, len("    concurrency: 8"))
    took = []
    async with editor(root) as editing:
        editing.open(name, text)
        await editing.checked(name)
        for number in range(KEYSTROKES):
            is_typed = number % 2 == 0
            end = place if is_typed else types.Position(place.line, place.character + 1)
            started = time.perf_counter()
            editing.replace(name, "x" if is_typed else "", types.Range(place, end))
            found = await editing.checked(name)
            took.append((time.perf_counter() - started) * 1000)
            assert len(found) == is_typed
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "pipelines").mkdir()
        for n in range(FILES):
            (root / "pipelines" / f"pipeline-{n}.yaml").write_text(DEFINITION.format(n=n))
        took = asyncio.run(keystrokes(root))
    slowest = statistics.quantiles(took, n=20)[-1]
    row(f"editor: a keystroke in {LINES} lines, median of {KEYSTROKES}", f"{statistics.median(took):.0f} ms", "< 50 ms")
    row("editor: the slowest of twenty", f"{slowest:.0f} ms", "< 50 ms")


if __name__ == "__main__":
    main()
