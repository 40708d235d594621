from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.definitions.folders import component, documents, found_in, pipeline

SAME = "    - {name: queueName, value: one}\n"
CALL = "  steps:\n    - call: {app: {url: 'http://localhost'}}\n"


def feeding(output: str, more: str = "") -> str:
    return f"{more}  outputs:\n    - {{binding: {output}}}\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((pipeline(feeding("a"), source="a"), component(name="a")), ["E308"]),
        ((pipeline(feeding("a", CALL), source="a"), component(name="a")), ["W301"]),
        ((pipeline(feeding("b"), source="a"), component(SAME, name="a"), component(SAME, name="b")), ["E308"]),
        ((pipeline(feeding("b"), source="a"), component(name="a"), component(name="b")), []),
        ((pipeline(feeding("a", "  steps:\n    - filter: data.x\n"), source="a"), component(name="a")), []),
        ((pipeline("  outputs:\n    - {binding: a, when: data.x}\n", source="a"), component(name="a")), []),
        (
            (
                pipeline(feeding("b"), source="a"),
                pipeline(feeding("a"), name="q", source="b"),
                component(name="a"),
                component(name="b"),
            ),
            ["E308"],
        ),
        (
            # It only leads into a loop: what goes round is the second.
            (
                pipeline(feeding("b"), source="a"),
                pipeline(feeding("b"), name="q", source="b"),
                component(name="a"),
                component(name="b"),
            ),
            ["E308"],
        ),
    ],
)
async def test_loop_is_told_once(texts: tuple[str, ...], expected: list[str], tmp_path: Path) -> None:
    assert [line.split()[1] for line in await found_in(tmp_path, documents(*texts))] == expected


async def test_queue_of_another_type_is_another_place(tmp_path: Path) -> None:
    other = component(SAME, name="b", type="bindings.localqueue")
    text = documents(pipeline(feeding("b"), source="a"), component(SAME, name="a"), other)

    assert await found_in(tmp_path, text) == []
