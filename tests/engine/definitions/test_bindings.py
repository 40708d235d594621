from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.definitions.folders import component, documents, found_in, marked, pipeline, report_of

CRON = "bindings.cron"


def inline(type: str, metadata: str) -> str:
    head = pipeline().partition("  input:")[0]
    return f"{head}  input:\n    binding:\n      type: {type}\n      metadata: {metadata}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (component(type="›bindings.crom"), "E304 there is no component type 'bindings.crom' | did you mean"),
        (inline("›bindings.crom", "{}"), "E304 there is no component type 'bindings.crom' | did you mean"),
        (component(type="›crypto.jwks"), "W201 crypto components are read, but this version does not apply them yet"),
        (
            component("    - {name: schedule, value: '@daily'}\n    - {name: ›Schedule, value: '@daily'}\n", type=CRON),
            "E204 the metadata field 'schedule' is here a second time | keep one of the two; upper and lower case",
        ),
        (
            component("    - {name: schedule, value: ›'*/5 * * * 8'}\n", type=CRON),
            "E205 day-of-week field: 8 is not in 0-7 or sun-sat",
        ),
        (inline(CRON, "{schedule: ›'61 * * * *'}"), "E205 minute field: 61 is not in 0-59"),
        (
            component(
                "    - {name: schedule, value: '@daily'}\n    - {name: timezone, value: ›Mars/Olympus}\n", type=CRON
            ),
            "E205 ",
        ),
        (inline(CRON, "{schedule: '@daily', ›timezon: UTC}"), "E210 "),
        (
            component("    - {name: rootPath, value: ›'{podName}'}\n", type="bindings.localstorage"),
            "E507 `{podName}` is in it, and the environment variable POD_NAME is not set | set POD_NAME",
        ),
        (
            inline("bindings.http", "{url: ›{secretKeyRef: {name: x}}}"),
            "E207 a binding that is written in place can have no references | write a Component document",
        ),
        (inline("bindings.localstorage", "{rootPath: '/x/›{{ env.A }}'}"), "E407 a template is not evaluated here"),
        (
            documents(
                component(name="web", type="bindings.http").replace("spec:", "›spec:"),
                pipeline("  outputs:\n    - binding: web\n"),
            ).replace("›spec:", "›spec:", 1),
            "E206 as an output, bindings.http needs the metadata field `url` | add it",
        ),
        (
            component("    - {name: url, envRef: ›dapr_x}\n", type="bindings.http"),
            "E505 the environment variable dapr_x belongs to the engine",
        ),
    ],
)
async def test_check_wrong_binding_is_an_error_at_its_place(tmp_path: Path, text: str, expected: str) -> None:
    text, [place] = marked(text)

    found = [line for line in await found_in(tmp_path, text) if " E303 " not in line]

    assert len(found) == 1
    assert found[0].startswith(f"{place} {expected}")


async def test_check_every_wrong_field_of_a_component_is_told(tmp_path: Path) -> None:
    text, places = marked(
        component(
            """\
    - {›name: ruutPath, value: x}
    - {name: pollInterval, value: ›often}
    - {name: ONDONE, value: ›kep}
    - {name: maxInlineSize, value: "1Mi"}
    - {name: settleTime, value: 10s}
""",
            type="bindings.localstorage",
        )
    )

    found = await found_in(tmp_path, text)

    assert [line.split(" ")[1] for line in found] == ["E211", "E210", "E214", "E213"]
    assert {line.split(" ")[0] for line in found} >= set(places[1:])


async def test_check_values_that_dapr_writes_as_texts_are_right(tmp_path: Path) -> None:
    text = component(
        """\
    - {name: rootPath, value: "{appID}/{namespace}/{uuid}"}
    - {name: maxinlinesize, value: "5"}
    - {name: POLLINTERVAL, value: "10s"}
    - {name: settleTime, value: 1}
    - {name: pattern, value: null}
    - {name: direction, value: input}
""",
        type="bindings.localstorage",
        more="  ignoreErrors: 'true'\n  initTimeout: 30s\nscopes: [one, two]\n",
    )

    assert await found_in(tmp_path, text) == []


async def test_check_what_a_use_needs_shows_the_use(tmp_path: Path) -> None:
    files = {
        "a.yaml": component(name="web", type="bindings.http"),
        "b.yaml": pipeline("  outputs:\n    - binding: web\n"),
    }

    missing = next(d for d in (await report_of(tmp_path, files)).diagnostics if d.code == "E206")

    assert str(missing.related).endswith("b.yaml:8:16")
    assert missing.related_message == "here it is used as an output"


async def test_check_does_not_show_a_line_with_a_secret_in_the_clear(tmp_path: Path) -> None:
    text = component(
        "    - {name: token, value: hunter2, valu: 1}\n    - {name: url, vale: x}\n", name="w", type="bindings.http"
    )

    found = [d.as_text() for d in (await report_of(tmp_path, {"a.yaml": text})).diagnostics]

    assert [line.split(": ")[1] for line in found] == ["warning[W501]", "error[E210]", "error[E210]"]
    assert "vale: x" in found[2]
    assert "hunter2" not in "".join(found)
