"""The table in docs/dapr.md of what Dapr's API has: `python -m tests.integration.api_table` writes it.

Each endpoint and RPC is there once, with the test that shows it; tests/integration/test_api_table.py holds both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "dapr.md"
BEGIN, END = "<!-- made by tests/integration/api_table.py -->", "<!-- end -->"


@dataclass(frozen=True, slots=True)
class Row:
    """`endpoints`: as `METHOD PATH`; `test`: the file and the function, below tests/."""

    endpoints: Sequence[str]
    rpcs: Sequence[str]
    state: Literal["works", "differs", "not yet"]
    note: str = ""
    test: str = ""


ROWS = [
    Row(
        ["POST /v1.0/state/{store}"],
        ["SaveState"],
        "works",
        "etag, first-write, `ttlInSeconds`",
        "engine/api/test_http_state.py::test_what_is_saved_is_there",
    ),
    Row(
        ["GET /v1.0/state/{store}/{key}"],
        ["GetState"],
        "works",
        "",
        "engine/api/test_http_state.py::test_ttl_is_told_and_can_be_in_the_query",
    ),
    Row(
        ["DELETE /v1.0/state/{store}/{key}"],
        ["DeleteState", "DeleteBulkState"],
        "works",
        "`If-Match`",
        "engine/api/test_http_state.py::test_etag_guards_saves_and_deletes",
    ),
    Row(
        ["POST /v1.0/state/{store}/bulk"],
        ["GetBulkState"],
        "works",
        "",
        "engine/api/test_http_state.py::test_bulk_get_names_every_key",
    ),
    Row(
        ["POST /v1.0/state/{store}/transaction"],
        ["ExecuteStateTransaction"],
        "works",
        "",
        "engine/api/test_http_state.py::test_transaction_is_all_or_nothing",
    ),
    Row(
        ["POST /v1.0-alpha1/state/{store}/query"],
        ["QueryStateAlpha1"],
        "differs",
        "of `state.postgresql` v1; finds only what has the key prefix of the app, and compares numbers as numbers",
        "integration/test_sdk_postgresql.py::test_sdk_queries_state",
    ),
    Row(
        ["POST /v1.0/publish/{pubsub}/{topic}"],
        ["PublishEvent"],
        "works",
        "CloudEvents, `rawPayload`, `ttlInSeconds`, `cloudevent.*`, scopes of topics, trace context",
        "engine/api/test_grpc.py::test_messages_are_published_with_the_trace_context",
    ),
    Row(
        ["POST /v1.0/publish/bulk/{pubsub}/{topic}", "POST /v1.0-alpha1/publish/bulk/{pubsub}/{topic}"],
        ["BulkPublishEvent", "BulkPublishEventAlpha1"],
        "works",
        "",
        "engine/api/test_http.py::test_messages_are_published_in_bulk",
    ),
    Row(
        [],
        ["SubscribeTopicEventsAlpha1"],
        "works",
        "several streams for one topic share its messages",
        "engine/api/test_grpc_subscribe.py::test_message_is_as_it_was_published_and_settled_by_the_answer",
    ),
    Row(
        ["POST /v1.0/bindings/{name}"],
        ["InvokeBinding"],
        "works",
        "trace context in the metadata",
        "engine/api/test_http.py::test_output_binding_does_an_operation",
    ),
    Row(
        ["GET /v1.0/secrets/{store}/{key}", "GET /v1.0/secrets/{store}/bulk"],
        ["GetSecret", "GetBulkSecret"],
        "works",
        "`secrets.scopes` of a Configuration",
        "engine/api/test_grpc.py::test_topics_and_secrets_have_scopes_over_http_too",
    ),
    Row(
        ["GET /v1.0/configuration/{store}", "GET /v1.0-alpha1/configuration/{store}"],
        ["GetConfiguration", "GetConfigurationAlpha1"],
        "works",
        "",
        "engine/api/test_configuration.py::test_settings_are_read",
    ),
    Row(
        [
            "GET /v1.0/configuration/{store}/subscribe",
            "GET /v1.0-alpha1/configuration/{store}/subscribe",
            "GET /v1.0/configuration/{store}/{id}/unsubscribe",
            "GET /v1.0-alpha1/configuration/{store}/{id}/unsubscribe",
        ],
        [
            "SubscribeConfiguration",
            "SubscribeConfigurationAlpha1",
            "UnsubscribeConfiguration",
            "UnsubscribeConfigurationAlpha1",
        ],
        "works",
        "an app that fails is told again four times, where Dapr does not",
        "engine/api/test_configuration.py::test_app_is_told_of_what_changes_until_it_unsubscribes",
    ),
    Row(
        ["POST /v1.0-alpha1/lock/{store}", "POST /v1.0-alpha1/unlock/{store}"],
        ["TryLockAlpha1", "UnlockAlpha1"],
        "works",
        "",
        "engine/api/test_locks.py::test_lock_has_one_owner_until_it_is_unlocked",
    ),
    Row(
        ["* /v1.0/invoke/{app}/method/{path}"],
        ["InvokeService"],
        "differs",
        "to the `App` documents, by path, header or Basic auth; bodies stream both ways over HTTP. No retries of its "
        "own, and no proxying of gRPC",
        "engine/api/test_http_invoke.py::test_request_and_answer_go_through_as_they_are",
    ),
    Row(
        ["GET /v1.0/metadata", "PUT /v1.0/metadata/{key}"],
        ["GetMetadata", "SetMetadata"],
        "differs",
        "without actors, workflows and the like, so no component has the capability ACTOR",
        "engine/api/test_described.py::test_metadata_tells_the_same_over_http_and_grpc",
    ),
    Row(
        ["GET /v1.0/healthz", "GET /v1.0/healthz/outbound"],
        [],
        "works",
        "",
        "engine/api/test_http.py::test_health_waits_for_the_definitions",
    ),
    Row(
        ["POST /v1.0/shutdown"],
        ["Shutdown"],
        "works",
        "",
        "engine/api/test_http.py::test_shutdown_asks_the_engine_to_stop",
    ),
    Row(
        ["* /v1.0/actors/{path}"],
        [
            "RegisterActorTimer",
            "UnregisterActorTimer",
            "RegisterActorReminder",
            "UnregisterActorReminder",
            "UnregisterActorRemindersByType",
            "ListActorReminders",
            "ListActorTimers",
            "GetActorState",
            "GetActorReminder",
            "GetActorTimer",
            "ExecuteActorStateTransaction",
            "InvokeActor",
            "SubscribeActorEventsAlpha1",
        ],
        "not yet",
    ),
    Row(
        ["* /v1.0/jobs/{path}", "* /v1.0-alpha1/jobs/{path}"],
        [
            f"{name}{version}"
            for name in ("ScheduleJob", "GetJob", "DeleteJob", "DeleteJobsByPrefix", "ListJobs")
            for version in ("", "Alpha1")
        ],
        "not yet",
    ),
    Row(
        ["* /v1.0/workflows/{path}", "* /v1.0-alpha1/workflows/{path}", "* /v1.0-beta1/workflows/{path}"],
        [
            f"{name}Workflow{version}"
            for name in ("Start", "Get", "Purge", "Terminate", "Pause", "Resume", "RaiseEvent")
            for version in ("Alpha1", "Beta1")
        ],
        "not yet",
    ),
    Row(
        ["* /v1.0-alpha1/conversation/{path}", "* /v1.0-alpha2/conversation/{path}"],
        ["ConverseAlpha1", "ConverseAlpha2"],
        "not yet",
    ),
    Row(
        ["* /v1.0-alpha1/crypto/{path}", "* /v1.0-alpha1/subtlecrypto/{path}"],
        [
            "EncryptAlpha1",
            "DecryptAlpha1",
            *(
                f"Subtle{name}Alpha1"
                for name in ("GetKey", "Encrypt", "Decrypt", "WrapKey", "UnwrapKey", "Sign", "Verify")
            ),
        ],
        "not yet",
    ),
    Row(
        [],
        [
            *(f"{name}Alpha1" for name in ("CreateIndex", "GetIndex", "ListIndexes", "DeleteIndex", "IndexDocuments")),
            *(f"{name}Alpha1" for name in ("GetDocuments", "DeleteDocuments", "Search", "CreateCollection")),
            *(f"{name}Alpha1" for name in ("GetCollection", "ListCollections", "DeleteCollection", "UpsertVectors")),
            *(f"{name}Alpha1" for name in ("DeleteVectors", "GetVectors", "QueryVectors", "BatchQueryVectors")),
            *(f"{name}BinaryFileAlpha1" for name in ("Set", "Get", "Delete")),
        ],
        "not yet",
        "search, vectors, binary files",
    ),
]


def table() -> Iterator[str]:
    yield "| endpoint | RPC | | test |"
    yield "| --- | --- | --- | --- |"
    for row in ROWS:
        endpoints = "<br>".join(f"`{one.replace('* ', 'ANY ')}`" for one in row.endpoints)
        rpcs = ", ".join(f"`{one}`" for one in row.rpcs)
        said = f"{row.state}: {row.note}" if row.note else row.state
        yield f"| {endpoints} | {rpcs} | {said} | {f'`{row.test}`' if row.test else ''} |"


def page(text: str) -> str:
    """With the table as it should be."""
    before, _, rest = text.partition(BEGIN)
    return "\n".join([f"{before}{BEGIN}", "", *table(), "", END]) + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
