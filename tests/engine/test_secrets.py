from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.definitions.folders import app, by_file, component, documents, found_in, marked, report_of

FILE = component(
    "    - {name: secretsFile, value: ROOT/secrets.json}\n", name="secrets", type="secretstores.local.file"
)
ENV = component(name="environment", type="secretstores.local.env")


def store(root: Path, **secrets: object) -> str:
    (root / "secrets.json").write_text(json.dumps(secrets))
    return FILE.replace("ROOT", str(root))


def reference(ref: str, auth: str = "auth: {secretStore: secrets}\n", *, field: str = "url") -> str:
    return component(f"    - name: {field}\n      {ref}\n", name="web", type="bindings.http", more=auth)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            reference("›secretKeyRef: {name: x}", auth=""),
            "E501 no secret store is named for this secret | add `auth: {secretStore: secrets}` beside `spec`",
        ),
        (
            reference("secretKeyRef: {name: x}", auth="auth: {secretStore: ›secrts}\n"),
            "E302 there is no component 'secrts' | did you mean 'secrets'?",
        ),
        (
            documents(component(name="queue"), reference("secretKeyRef: {name: x}", "auth: {secretStore: ›queue}\n")),
            "E501 'queue' is bindings.memory, and no secret store",
        ),
        (
            reference("secretKeyRef: {name: ›nope}"),
            "E503 secret store 'secrets': ",
        ),
        (
            reference("secretKeyRef: {name: address, key: ›adress}"),
            "E504 the secret 'address' of 'secrets' has no key 'adress' | did you mean 'address'?",
        ),
        (reference("envRef: ›NOT_SET"), "E506 the environment variable NOT_SET is not set | export NOT_SET=…"),
        (reference("envRef: ›APP_API_TOKEN"), "E505 the environment variable APP_API_TOKEN belongs to the engine"),
        (
            reference("secretKeyRef: ›{name: number}", field="responseTimeout").replace(
                "    - name: resp", "    - {name: url, value: 'http://x'}\n    - name: resp"
            ),
            "E205 the value does not fit `responseTimeout` | correct it where it is kept",
        ),
        (
            app("  ›token: {secretKeyRef: {name: address}}\n").replace("›token: {", "token: {›"),
            "E501 no secret store is named for this secret | add `auth: {secretStore: secrets}` to the `spec`",
        ),
        (
            app("  token: {secretKeyRef: {name: ›nope}}\n  auth: {secretStore: secrets}\n"),
            "E503 secret store 'secrets': ",
        ),
    ],
)
async def test_check_a_secret_that_cannot_be_had_is_an_error_at_its_place(
    tmp_path: Path, text: str, expected: str
) -> None:
    stores = store(tmp_path, address="http://x", number="hunter2")
    text, [place] = marked(documents(text, stores))

    [found] = await found_in(tmp_path / "folder", text)

    assert found.startswith(f"{place} {expected}")
    assert "hunter2" not in found


async def test_check_secrets_that_are_there_are_no_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADDRESS", "http://x")
    texts = [
        store(tmp_path, address="http://x"),
        ENV,
        reference("secretKeyRef: {name: address}"),
        component(
            "    - {name: url, secretKeyRef: {name: ADDRESS, key: ADDRESS}}\n",
            name="web2",
            type="bindings.http",
            more="auth: {secretStore: environment}\n",
        ),
        app("  token: {secretKeyRef: {name: address}}\n  auth: {secretStore: secrets}\n"),
    ]

    assert await found_in(tmp_path / "folder", documents(*texts)) == []


async def test_check_without_secrets_looks_at_no_store(tmp_path: Path) -> None:
    texts = [
        FILE,
        reference("secretKeyRef: {name: x}"),
        component("    - {name: url, envRef: NOT_SET}\n", type="bindings.http"),
    ]

    assert await found_in(tmp_path, documents(*texts), secrets=False) == []


async def test_check_a_store_that_cannot_be_opened_is_told_once_at_its_field(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("no json")
    files = {"a.yaml": FILE.replace("ROOT", str(tmp_path)), "b.yaml": reference("secretKeyRef: {name: x}")}

    report = await report_of(tmp_path / "folder", files)

    assert [(name, line.split(": ")[0]) for name, line in by_file(report.diagnostics)] == [
        ("a.yaml", "7:34 E502 the secret store 'secrets' cannot be opened"),
        ("b.yaml", "9:21 E303 the component 'secrets' has an error"),
    ]


async def test_check_a_store_may_need_a_secret_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(tmp_path, address="http://x")
    monkeypatch.setenv("SECRETS_FILE", str(tmp_path / "secrets.json"))
    nested = component(
        "    - {name: secretsFile, secretKeyRef: {name: SECRETS_FILE}}\n",
        name="secrets",
        type="secretstores.local.file",
        more="auth: {secretStore: environment}\n",
    )

    assert await found_in(tmp_path / "folder", documents(nested, reference("secretKeyRef: {name: address}"), ENV)) == []


async def test_check_stores_that_need_each_other_are_refused(tmp_path: Path) -> None:
    one, two = (
        component(
            f"    - {{name: secretsFile, secretKeyRef: {{name: {other}}}}}\n",
            name=name,
            type="secretstores.local.file",
            more=f"auth: {{secretStore: {other}}}\n",
        )
        for name, other in (("one", "two"), ("two", "one"))
    )

    report = await report_of(tmp_path, {"f.yaml": documents(one, two)})

    assert {d.code for d in report.diagnostics} <= {"E501", "E502", "E303"}
    assert report.diagnostics
    assert not report.definitions.components
