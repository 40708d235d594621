from __future__ import annotations

import pytest

from engine.definitions.redaction import redacted
from tests.engine.definitions.folders import component, documents, pipeline


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("{name: securityToken, value: hunter2}", "{name: securityToken, value: ***}"),
        ('{name: SecurityToken, value: "hunter2 # x"}', "{name: SecurityToken, value: ***}"),
        (
            "name: securityToken\n      value: |\n        hunter2\n        more\n    - {name: url, value: http://a}",
            "name: securityToken\n      value: ***\n    - {name: url, value: http://a}",
        ),
        ("{name: securityToken, secretKeyRef: {name: x}}", "{name: securityToken, secretKeyRef: {name: x}}"),
        ("{name: url, value: http://user:hunter2@a/b}", "{name: url, value: http://user:***@a/b}"),
    ],
)
def test_secret_in_the_clear_is_not_shown_and_all_else_is(value: str, shown: str) -> None:
    before, after = (component(f"    - {one}\n", type="bindings.http") for one in (value, shown))
    assert redacted(documents(pipeline(), before, pipeline())) == documents(pipeline(), after, pipeline())


def test_secret_of_a_binding_in_place_is_not_shown() -> None:
    text = pipeline(source="{type: bindings.http, metadata: {url: http://a, securityToken: hunter2}}")
    assert redacted(text) == text.replace("hunter2", "***")


def test_nothing_is_shown_of_the_metadata_of_a_type_that_is_not_installed() -> None:
    text = component("    - {name: password, value: hunter2}\n", type="bindings.unheard.of")
    assert redacted(text) == text.replace("    - {name: password, value: hunter2}", "    ***")


@pytest.mark.parametrize("text", ["", "a: [", '{"type": "object"}', "- 1\n", "kind: Component\n"])
def test_what_holds_no_component_is_shown_as_it_is(text: str) -> None:
    assert redacted(text) == text
