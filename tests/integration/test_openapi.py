"""What a fuzzer finds in the HTTP API, by the OpenAPI document that it serves: every answer is one that is said there,
and none is a mistake of ours.
"""

from __future__ import annotations

import asyncio
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.blocks import serve
from tests.integration.project import Project

EXAMPLES = 10  # of each operation
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


async def test_fuzzer_finds_no_answer_that_is_not_in_the_document(project: Project) -> None:
    run = await serve(project)
    called = await asyncio.to_thread(fuzz, run.url)
    assert len(called) > 20
    assert [line for line in run.lines if "has failed" in line["message"]] == []
    assert run.noise == []


def fuzz(url: str) -> list[str]:
    """Calls every operation but the one that ends the engine; gives their names."""
    load_all_checks()
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    called = []
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        if operation.path == "/v1.0/shutdown":
            continue
        called.append(operation.label)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def call(case: Any) -> None:
            response = case.call()
            case.validate_response(response, checks=CHECKS)
            assert b"ERR_INTERNAL" not in response.content, case.as_curl_command()

        call()
    return called
