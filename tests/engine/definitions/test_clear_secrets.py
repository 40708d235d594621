from __future__ import annotations

from pathlib import Path

import pytest

from engine.definitions.clear_secrets import check_secrets
from engine.definitions.source import Source
from engine.definitions.yaml import parse


def found(text: str, known: tuple[tuple[str | int, ...], ...] = ()) -> list[str]:
    [document] = parse(Source(Path("f.yaml"), "f.yaml", text))[0]
    return [f"{d.span.line}:{d.span.column} {d.code}" for d in check_secrets(document, known)]


@pytest.mark.parametrize(
    "value",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "amqp://shop:open-sesame@broker.example.com:5672",
        "-----BEGIN RSA PRIVATE KEY-----",
        "Server=db;Password=open-sesame;",
        "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.dozjgNryP4J3jVmN",
    ],
)
def test_secret_is_known_by_its_form(value: str) -> None:
    assert found(f"a:\n  - b: {value!r}\n") == ["2:8 W501"]


def test_secret_is_known_by_its_field() -> None:
    assert found("a: hunter2\nb: hunter2\n", (("a",),)) == ["1:4 W501"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password: 9f86d081884c7d659a2feaa0c55ad015", ["1:11 W501"]),
        ("m: [{name: apiKey, value: 9f86d081884c7d659a2feaa0}]", ["1:27 W501"]),
        ("password: none-of-your-business", []),
        ("password: '{{ env.PASSWORD }}9f86d081884c7d659a2f'", []),
        ("revision: 9f86d081884c7d659a2feaa0c55ad015", []),
        ("secretKeyRef: {name: 9f86d081884c7d659a2feaa0c55ad015}", []),
        ("url: amqp://guest:guest@localhost:5672", []),
        ("url: https://example.com/@shop", []),
    ],
)
def test_secret_is_known_by_the_name_of_its_field_and_its_randomness(text: str, expected: list[str]) -> None:
    assert found(f"{text}\n") == expected
