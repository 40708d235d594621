from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.bindings.aws.server import Moto
from tests.integration.faults import component

_COUNTS: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]


class SqsQueues(Moto):
    """`source` and `target` are queues of SQS, on moto, which keeps them in memory.

    `hidden`: seconds after which what was on its way through a connection that is cut comes again.
    """

    hidden = 10
    source, target = "{binding: source}", "{binding: target}"

    def restart(self) -> None:
        raise RuntimeError("moto forgets its queues when it is restarted: they can only be cut off")

    def components(self, port: int) -> str:
        more = {
            "endpoint": f"http://127.0.0.1:{port}",
            "messageVisibilityTimeout": str(self.hidden),
            "messageWaitTimeSeconds": "1",
        }
        return "".join(
            component(name, "bindings.aws.sqs", {**self.metadata(queueName=name), **more})
            for name in ("source", "target")
        )

    async def fill(self, bodies: Sequence[bytes]) -> None:
        client = self.client("sqs")
        urls = [client.create_queue(QueueName=name)["QueueUrl"] for name in ("source", "target")]
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(index), "MessageBody": body.decode()}
                for index, body in enumerate(bodies[start : start + 10])
            ]
            client.send_message_batch(QueueUrl=urls[0], Entries=entries)

    async def waiting(self, place: str) -> int:
        client = self.client("sqs")
        url = client.get_queue_url(QueueName=place)["QueueUrl"]
        found = client.get_queue_attributes(QueueUrl=url, AttributeNames=_COUNTS)["Attributes"]
        return sum(int(found[name]) for name in _COUNTS)

    async def take_all(self, place: str) -> Sequence[bytes]:
        client = self.client("sqs")
        url = client.get_queue_url(QueueName=place)["QueueUrl"]
        found: list[bytes] = []
        while await self.waiting(place):
            for message in client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get(
                "Messages", []
            ):
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(message["Body"].encode())
        return found
