"""The folder is live: files start, are swapped, are drained, and never stop one another."""

from __future__ import annotations

import json
import sqlite3

from tests.integration.project import Project, queues, until


def copying(name: str, source: str, target: str, mark: str) -> str:
    """A pipeline from one queue to another that marks what it copies."""
    return f"""
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {{name: {name}}}
    spec:
      input: {{binding: {source}}}
      steps:
        - transform: {{n: "{{{{ data.n }}}}", mark: {mark}}}
      outputs: [{{binding: {target}}}]
""" + queues(source, target)


def contents(project: Project, queue: str) -> list[dict[str, object]]:
    with sqlite3.connect(project.path / ".jackfield/queues.db") as connection:
        rows = connection.execute("SELECT data FROM messages WHERE queue = ? ORDER BY seq", (queue,))
        return [json.loads(data) for (data,) in rows]


async def test_a_file_that_is_dropped_in_starts_and_one_that_is_edited_is_swapped(project: Project) -> None:
    run = await project.run()
    project.write("nested/copy.yaml", copying("copy", "a", "b", "old"))
    assert (await until(run, "started", "copy"))["file"] == "pipelines/nested/copy.yaml"
    await project.command("send", "a", "--data", '{"n": 1}')
    await until(run, "delivered", "copy")

    project.write("nested/copy.yaml", copying("copy", "a", "b", "new"))
    await until(run, "swapped", "copy")
    seen = len(run.lines)
    await project.command("send", "a", "--data", '{"n": 2}')
    await until(run, "delivered", "copy", seen)
    assert contents(project, "b") == [{"n": 1, "mark": "old"}, {"n": 2, "mark": "new"}]
    assert await run.stop() == 0
    assert not run.noise


async def test_a_file_that_is_removed_is_drained_and_stopped(project: Project) -> None:
    copy = project.write("copy.yaml", copying("copy", "a", "b", "x"))
    project.write("other.yaml", copying("other", "c", "d", "x"))
    run = await project.run()
    await until(run, "started", "copy")
    copy.unlink()
    await until(run, "stopped", "copy")
    seen = len(run.lines)
    await project.command("send", "c", "--data", '{"n": 1}')
    await until(run, "delivered", "other", seen)
    assert await run.stop() == 0


async def test_a_broken_file_is_reported_with_its_place_while_its_last_good_version_and_the_others_go_on(
    project: Project,
) -> None:
    whole = copying("copy", "a", "b", "good")
    pipeline, queues = whole[: whole.index("    ---")], whole[whole.index("    ---") :]
    project.write("queues.yaml", queues)
    project.write("copy.yaml", pipeline)
    project.write("broken.yaml", "kind: Pipeline\nspec: [\n")
    run = await project.run()
    await until(run, "started", "copy")
    error = await run.until(lambda line: line["kind"] == "error" and "broken.yaml" in line["message"])
    assert error["file"].startswith("pipelines/broken.yaml:")

    seen = len(run.lines)
    project.write("copy.yaml", pipeline.replace("transform", "transfrom"))
    error = await run.until(lambda line: line["kind"] == "error" and "transfrom" in line["message"], seen)
    assert error["file"] == "pipelines/copy.yaml:8:7"
    assert "did you mean 'transform'" in error["message"]
    await run.until(lambda line: line["message"] == "pipelines/copy.yaml: its last good version goes on", seen)
    await project.command("send", "a", "--data", '{"n": 1}')
    await until(run, "delivered", "copy", seen)

    seen = len(run.lines)
    project.write("copy.yaml", copying("copy", "a", "b", "mended")[: whole.index("    ---") + 2])
    await until(run, "swapped", "copy", seen)
    await project.command("send", "a", "--data", '{"n": 2}')
    await until(run, "delivered", "copy", seen)
    assert contents(project, "b") == [{"n": 1, "mark": "good"}, {"n": 2, "mark": "mended"}]
    assert await run.stop() == 0


async def test_a_change_of_a_component_or_of_a_schema_file_swaps_the_pipelines_that_use_it(project: Project) -> None:
    (project.path / "pipelines/order.json").write_text('{"type": "object"}')
    project.write(
        "copy.yaml",
        copying("copy", "a", "b", "x").replace("- transform", "- validate: order.json\n        - transform"),
    )
    run = await project.run()
    await until(run, "started", "copy")
    seen = len(run.lines)
    (project.path / "pipelines/order.json").write_text('{"type": "object", "required": ["id"]}')
    await until(run, "swapped", "copy", seen)
    await project.command("send", "a", "--data", '{"n": 1}')
    dead = await until(run, "dead-lettered", "copy", seen)
    assert "'id' is a required property" in dead["message"]
    assert dead["stage"] == "steps[0].validate"
    assert await run.stop() == 0


async def test_a_replayed_dead_letter_is_delivered_once_what_failed_is_mended(project: Project) -> None:
    schema = project.path / "pipelines/order.json"
    schema.write_text('{"required": ["id"]}')
    text = copying("copy", "a", "b", "x").replace("- transform", "- validate: order.json\n        - transform")
    project.write("copy.yaml", text)
    run = await project.run()
    await until(run, "started", "copy")
    await project.command("send", "a", "--data", '{"n": 1}')
    dead = await until(run, "dead-lettered", "copy")
    letter = dead["deadLetter"]
    shown = json.loads(await project.command("dead-letters", "show", letter))
    assert (shown["pipeline"], shown["stage"], shown["origin"]["data"]) == ("copy", "steps[0].validate", {"n": 1})

    seen = len(run.lines)
    schema.write_text("{}")
    await until(run, "swapped", "copy", seen)
    await project.command("dead-letters", "replay", letter)
    delivered = await until(run, "delivered", "copy", seen)
    assert delivered["id"] == shown["event"]["id"]
    assert contents(project, "b") == [{"n": 1, "mark": "x"}]
    assert (await project.command("dead-letters", "list")).strip() == "0 dead letters"
    assert await run.stop() == 0
