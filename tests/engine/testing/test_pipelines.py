"""The door from Python, and through it all that a test can make happen."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from bindings.contract import Outcome
from engine.cli import EXIT_ERRORS, EXIT_OK, main
from engine.errors import DefinitionError
from engine.testing import Pipelines, Record
from tests.engine.testing.projects import PIPELINE, write_project

CRON = """\
apiVersion: jackfield/v1
kind: Pipeline
metadata: {name: mornings}
spec:
  input:
    binding: {type: bindings.cron, metadata: {schedule: "30 8 * * mon-fri", timezone: Europe/Berlin}}
  env: [REGION]
  steps:
    - transform: {at: "{{ event.time }}", region: "{{ env.REGION }}"}
  outputs:
    - binding: {type: bindings.localstorage, metadata: {rootPath: /nowhere}}
      metadata: {fileName: x}
"""


def run(folder: Path, *events: dict[str, Any], app: list[Any] | None = None, **more: Any) -> Record:
    test = {"secrets": {"SHOP_TOKEN": "s3cret"}, "apps": {"shop": {"/orders": app or [200]}}, **more}
    return Pipelines(write_project(folder)).run("orders", events=[*events], **test)


ONE = {"data": {"id": 1}}


def outcomes(ran: Record) -> list[str]:
    return [str(outcome) for outcome in ran.outcomes]


def test_an_event_goes_from_the_input_to_the_output(tmp_path: Path) -> None:
    ran = run(tmp_path, {"id": "e", "data": {"id": 1}, "attributes": {"subject": "s"}})

    [call], [sent] = ran.calls, ran.outputs
    assert (call.app, call.method, call.path, call.data, call.answer) == ("shop", "POST", "/orders", {"id": 1}, 200)
    assert call.headers["dapr-api-token"] == "s3cret"
    assert (sent.binding, sent.operation, dict(sent.metadata), sent.data) == ("done", "create", {"key": "1"}, {"id": 1})
    assert sent.event.attributes["subject"] == "s"
    assert sent.event.attributes["time"] == "2026-01-01T00:00:00.000Z"
    assert [(came.id, came.outcome) for came in ran.came] == [("e", Outcome.DONE)]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        ("timeout", "did not answer within 10 s"),
        ("refused", "cannot be reached"),
        ("reset", "closed the connection"),
        ("garbage", "what is not HTTP"),
        (500, "answered 500"),
        ({"delay": "11s"}, "did not answer within 10 s"),
    ],
)
def test_a_failure_of_the_app_is_what_the_app_client_makes_of_it(tmp_path: Path, failure: Any, error: str) -> None:
    ran = run(tmp_path, ONE, app=[failure], time={"until": "2026-01-01T00:10:00Z"})

    if failure == "refused":  # it is waited for, and nothing is burnt
        assert outcomes(ran) == ["released"]
        assert len(ran.calls) > 10
    else:
        [letter] = ran.dead_letters
        assert error in letter.error
        assert (letter.stage, letter.attempts, len(ran.calls)) == ("steps[1].call", 3, 3)


def test_answers_come_one_after_the_other_and_the_last_one_stays(tmp_path: Path) -> None:
    ran = run(tmp_path, ONE, ONE | {"after": "1m"}, app=[503, {"status": 500, "times": 2}, 200])

    assert [call.answer for call in ran.calls] == [503, 500, 500, 200, 200]
    assert outcomes(ran) == ["done", "done"]


def test_an_answer_is_chosen_by_the_event_and_made_of_it(tmp_path: Path) -> None:
    answers = [{"when": "data.id == 2", "status": 400, "body": "no"}, {"data": {"id": "{{ data.id + 10 }}"}}]
    ran = run(tmp_path, {"data": {"id": 1}}, {"data": {"id": 2}}, app=answers)

    assert [sent.data for sent in ran.outputs] == [{"id": 11}]
    assert [(letter.status, letter.data) for letter in ran.dead_letters] == [(400, {"id": 2})]


def test_retry_after_is_waited_for(tmp_path: Path) -> None:
    ran = run(tmp_path, ONE, app=[{"status": 429, "headers": {"retry-after": "120"}}, 200])

    first, second = (call.time for call in ran.calls)
    assert second - first >= 120


def test_an_answer_can_be_a_file_or_base64(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text('{"id": 5}')
    answers = [{"file": "answer.json", "headers": {"Content-Type": "application/json"}}]
    assert [sent.data for sent in run(tmp_path, ONE, app=answers).outputs] == [{"id": 5}]

    [letter] = run(tmp_path, ONE, app=[{"base64": "/w=="}]).dead_letters
    assert letter.event.data == b"\xff"


def test_an_app_that_the_test_says_nothing_of_is_a_problem(tmp_path: Path) -> None:
    ran = run(tmp_path, ONE, apps={"shop": {"/other": [200]}})
    assert ran.problems == ["POST /orders of app shop was called, and the test does not say what it answers"]


def test_an_answer_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    ran = run(tmp_path, ONE, app=[{"data": "{{ data.name }}"}])
    [problem] = ran.problems
    assert problem.startswith("the answer to /orders of app shop cannot be made: ")


def test_a_duplicate_is_done_once(tmp_path: Path) -> None:
    pipeline = PIPELINE.replace("maxAttempts: 3}", "maxAttempts: 3}\n    deduplicate: {window: 1h}")
    events = [{"id": "a", "data": {"id": 1}, "after": after} for after in ("0s", "30m", "2h")]
    ran = Pipelines(write_project(tmp_path, pipeline=pipeline)).run(
        "orders", events=events, apps={"shop": {"/orders": [200]}}, secrets={"SHOP_TOKEN": "x"}
    )
    assert outcomes(ran) == ["done", "filtered", "done"]


def test_any_other_path_has_the_answers_of_the_star(tmp_path: Path) -> None:
    assert outcomes(run(tmp_path, ONE, apps={"shop": {"/other": [500], "*": [200]}})) == ["done"]


def test_answers_that_are_all_used_up_are_a_problem(tmp_path: Path) -> None:
    ran = run(tmp_path, ONE, ONE, app=[{"times": 1}])
    assert ran.problems == ["POST /orders of app shop was called, and the test has no answer left for it"]


def test_an_event_can_be_a_file_or_base64(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{"id": 1}')
    ran = run(tmp_path, {"file": "one.json"}, {"base64": "eyJpZCI6IDJ9"})
    assert [sent.data for sent in ran.outputs] == [{"id": 1}, {"id": 2}]


def test_an_output_fails_as_it_is_told(tmp_path: Path) -> None:
    answers = ["retryable", {"result": "permanent", "when": "data.id == 2", "message": "full"}, "ok"]
    ran = run(tmp_path, {"data": {"id": 1}}, {"data": {"id": 2}}, outputs={"done": answers})

    assert [sent.data for sent in ran.outputs] == [{"id": 1}]
    assert [(letter.stage, letter.error) for letter in ran.dead_letters] == [("outputs[0]", "full")]


def test_a_schedule_runs_for_a_month(tmp_path: Path) -> None:
    pipelines = Pipelines(write_project(tmp_path, pipeline=CRON))
    time = {"from": "2026-03-01T00:00:00Z", "until": "2026-04-01T00:00:00Z"}
    ran = pipelines.run("mornings", time=time, env={"REGION": "eu"})

    times = [sent.data["at"] for sent in ran.outputs]
    assert len(times) == 22
    assert (times[0], times[-1]) == ("2026-03-02T07:30:00Z", "2026-03-31T06:30:00Z")  # summer time began
    assert ran.outputs[0].data["region"] == "eu"
    assert ran.outputs[0].binding == "outputs[0]"


def test_the_instants_of_a_schedule_are_from_the_first_to_before_the_last(tmp_path: Path) -> None:
    pipelines = Pipelines(write_project(tmp_path, pipeline=CRON))
    ran = pipelines.run("mornings", time={"from": "2026-03-02T07:30:00Z", "until": "2026-03-03T07:30:00Z"})
    assert [sent.data["at"] for sent in ran.outputs] == ["2026-03-02T07:30:00Z"]


def test_variables_are_those_of_the_test_and_are_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "outside")
    pipelines = Pipelines(write_project(tmp_path, pipeline=CRON))
    ran = pipelines.run("mornings", time={"until": "2026-01-03T00:00:00Z"})

    assert ran.outputs[0].data["region"] == ""
    assert os.environ["REGION"] == "outside"


def test_a_run_is_the_same_each_time_and_leaves_the_dice_alone(tmp_path: Path) -> None:
    state = random.getstate()
    first, second = (run(tmp_path, ONE, app=[500, 500, 200]) for _ in range(2))

    assert [call.time for call in first.calls] == [call.time for call in second.calls]
    assert random.getstate() == state


def test_a_secret_that_the_test_does_not_give_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="the test gives no secret 'SHOP_TOKEN'"):
        run(tmp_path, ONE, secrets={})


def test_a_batch_is_answered_event_by_event(tmp_path: Path) -> None:
    pipeline = PIPELINE.replace("timeout: 10s}", "batch: {maxEvents: 10}}")
    answers = [{"when": "data.id == 2", "status": 422, "data": "unknown"}, {"data": {"id": "{{ data.id * 2 }}"}}]
    ran = Pipelines(write_project(tmp_path, pipeline=pipeline)).run(
        "orders",
        events=[{"data": {"id": id}} for id in (1, 2, 4)],
        apps={"shop": {"/orders": answers}},
        secrets={"SHOP_TOKEN": "x"},
    )

    assert [call.data for call in ran.calls] == [[{"id": 1}, {"id": 2}, {"id": 4}]]
    assert [sent.data for sent in ran.outputs] == [{"id": 2}, {"id": 8}]
    assert "unknown" in ran.dead_letters[0].error


def test_a_batch_that_is_refused_as_a_whole_is_halved_as_ever(tmp_path: Path) -> None:
    pipeline = PIPELINE.replace("timeout: 10s}", "batch: {maxEvents: 10}}")
    ran = Pipelines(write_project(tmp_path, pipeline=pipeline)).run(
        "orders",
        events=[{"data": {"id": id}} for id in (1, 2)],
        apps={"shop": {"/orders": [500, 200]}},
        secrets={"SHOP_TOKEN": "x"},
    )

    assert [len(call.events) for call in ran.calls] == [2, 1, 1]
    assert outcomes(ran) == ["done", "done"]


def test_an_output_that_the_app_names_is_swapped_too(tmp_path: Path) -> None:
    ran = run(tmp_path, ONE, app=[{"body": {"to": ["queue"], "data": {"id": 3}}}])
    assert [(sent.binding, sent.data) for sent in ran.outputs] == [("queue", {"id": 3})]


@pytest.mark.parametrize(
    ("pipeline", "test", "error"),
    [
        ("order", {}, "there is no pipeline 'order' (did you mean 'orders'?)"),
        ("orders", {"evnts": []}, "this is no test"),
    ],
)
def test_what_is_no_test_is_an_error(tmp_path: Path, pipeline: str, test: dict[str, Any], error: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        Pipelines(write_project(tmp_path)).run(pipeline, **test)
    assert error in str(raised.value)


def test_a_folder_with_an_error_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="E302"):
        Pipelines(write_project(tmp_path, pipeline=PIPELINE.replace("binding: queue", "binding: quue")))


TOPICS = """\
apiVersion: jackfield/v1
kind: Pipeline
metadata: {name: orders}
spec:
  input: {pubsub: shop, topic: orders}
  outputs: [{pubsub: shop, topic: "done/{{ data.region }}", metadata: {ttlInSeconds: 60}}]
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: shop}
spec: {type: pubsub.in-memory}
"""


BESIDE_A_TOPIC = """\
apiVersion: jackfield/v1
kind: PipelineTest
metadata: {name: t}
spec:
  pipeline: orders
  tests:
    - name: one
      events: [{data: {region: eu}}]
      expect:
        outputs: [{binding: queue, data: {region: eu}}, {topic: {$any: true}}]
"""


def test_expectations_tell_topics_and_bindings_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queue = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: queue}\nspec: {type: bindings.memory}\n"
    pipeline = f"{TOPICS.replace('outputs: [', 'outputs: [{binding: queue}, ')}---\n{queue}"
    folder = write_project(tmp_path, pipeline=pipeline)
    (folder / "t.test.yaml").write_text(BESIDE_A_TOPIC)
    assert main(["test", str(folder)]) == EXIT_OK
    (folder / "t.test.yaml").write_text(BESIDE_A_TOPIC.replace("{$any: true}", "{$any: true}, times: 2"))
    assert main(["test", str(folder)]) == EXIT_ERRORS
    assert "expected 2 times, and it is there once" in capsys.readouterr().out


def test_topics_are_swapped_too(tmp_path: Path) -> None:
    write_project(tmp_path, pipeline=TOPICS)
    ran = Pipelines(tmp_path).run(
        "orders", events=[{"data": {"region": "eu"}}], outputs={"shop": ["unavailable", "ok"]}
    )

    [sent] = ran.outputs
    assert sent.fields["pubsub"] == "shop"
    assert sent.fields["topic"] == "done/eu"
    assert sent.fields["metadata"] == {"ttlInSeconds": "60"}
    assert outcomes(ran) == ["done"]
