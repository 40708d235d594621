"""examples/sqs, on a moto of the tests' own: payments in, balances and receipts out."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.bindings.aws.server import Moto
from tests.integration.apps import free_port
from tests.integration.project import ROOT, Project, until

EXAMPLE = ROOT / "examples/sqs"
Lines = set[tuple[str, int]]  # account and balance


def queue_of_receipts(moto: Moto) -> str:
    """The URL of a queue that gets what is published to the topic."""
    url: str = moto.client("sqs").create_queue(QueueName="receipts")["QueueUrl"]
    arn = moto.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics = [one["TopicArn"] for one in moto.client("sns").list_topics()["Topics"]]
    [topic] = [one for one in topics if one.endswith(":receipts")]
    moto.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


async def receipts(moto: Moto, url: str, count: int) -> list[Any]:
    found: list[Any] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            call: Callable[..., Any] = moto.client("sqs").receive_message
            answer = await asyncio.to_thread(call, QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            found += [json.loads(message["Body"]) for message in answer.get("Messages", [])]
    return found


def statements(moto: Moto) -> Lines:
    items = moto.client("dynamodb").scan(TableName="statements")["Items"]
    return {(item["account"]["S"], int(item["balance"]["N"])) for item in items}


def journal(moto: Moto) -> Lines:
    client = moto.client("kinesis")
    [shard] = client.list_shards(StreamName="journal")["Shards"]
    start = client.get_shard_iterator(StreamName="journal", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    records = client.get_records(ShardIterator=start["ShardIterator"])["Records"]
    found = {(one["PartitionKey"], json.loads(one["Data"])["balance"]) for one in records}
    assert len(found) == len(records)
    return found


async def eventual(read: Callable[[Moto], Lines], moto: Moto) -> Lines:
    """All three lines."""
    async with asyncio.timeout(30):
        while len(found := await asyncio.to_thread(read, moto)) < 3:
            pass
    return found


async def test_payments_change_the_balances_and_have_receipts(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto = Moto(tmp_path_factory.mktemp("moto"))
    moto.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    shutil.copytree(EXAMPLE / "pipelines", project.path / "pipelines", dirs_exist_ok=True)
    port, engine_port = str(free_port()), str(free_port())
    definition = project.path / "pipelines/payments.yaml"
    definition.write_text(definition.read_text().replace("8079", port))
    # First, so that it is there when the engine asks: one that is away is asked again after five seconds.
    app = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLE / "ledger.py"),
        env={**os.environ, "APP_API_TOKEN": "letmein", "PORT": port, "DAPR_HTTP_PORT": engine_port},
    )
    try:
        provision = [sys.executable, str(EXAMPLE / "provision.py")]
        await asyncio.to_thread(subprocess.run, provision, check=True)
        url = queue_of_receipts(moto)
        run = await project.run("--http-port", engine_port)
        for pipeline in ("payments", "bookings"):
            await until(run, "started", pipeline)
        found = await receipts(moto, url, 3)
        assert [json.loads(one["Message"]) for one in found if "ann" in one["Message"]] == [
            {"account": "ann", "balance": 10},
            {"account": "ann", "balance": 17},
        ]
        assert {one["Subject"] for one in found} == {"A payment of account ann", "A payment of account bob"}
        table = moto.client("dynamodb").scan(TableName="balances")["Items"]
        balances = {item["key"]["S"]: json.loads(item["value"]["S"])["amount"] for item in table}
        assert balances == {"ann": 17, "bob": 5}
        booked = {("ann", 10), ("ann", 17), ("bob", 5)}
        assert await eventual(statements, moto) == booked
        assert await eventual(journal, moto) == booked
        assert await run.stop() == 0
    finally:
        app.kill()
        await app.wait()
        moto.stop()
