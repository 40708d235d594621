from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest

from bindings.azure.storagequeues import component
from bindings.contract import OutputBinding, Result
from engine.errors import NotReady, Permanent, Unavailable
from tests.bindings.azure.storagequeues.queue import Queue
from tests.bindings.conformance import OutputConformance, all_results
from tests.bindings.fakes import operation
from tests.proxy import Proxy


class TestStorageQueuesOutput(OutputConformance):
    component = component
    keeps_order = False  # many requests at once, one a message

    @pytest.fixture(autouse=True)
    def _queue(self, queue: Queue) -> None:
        self.queue = queue

    async def make(self) -> OutputBinding:
        return self.queue.output()

    async def written(self) -> Sequence[bytes | None]:
        return [text.encode() for text in self.queue.texts()]


async def test_message_is_the_data_and_nothing_else_as_dapr_has_it(queue: Queue) -> None:
    [sent, quoted, empty] = await queue.invoke(
        operation("create", '{"a": "ü <&> 😀"}'.encode(), type="order"),
        operation("create", b'"text"'),
        operation("create", b""),
    )
    assert isinstance(sent, Result)
    assert sent.landed == f"queue {queue.name}"
    assert all_results([quoted, empty])
    assert sorted(queue.texts()) == ["", "text", '{"a": "ü <&> 😀"}']
    assert sent.metadata["messageID"] in {message.id for message in queue.client.peek_messages(max_messages=32)}


async def test_bytes_go_as_base64(queue: Queue) -> None:
    assert all_results(await queue.invoke(operation("create", b"\x00\xff\r\n"), encodeBase64="true"))
    assert queue.texts() == [base64.b64encode(b"\x00\xff\r\n").decode()]


@pytest.mark.parametrize(
    ("given", "wanted", "seconds"),
    [
        ({}, {}, 600),
        ({"ttl": "1m"}, {}, 60),
        ({"ttlInSeconds": "70"}, {}, 70),
        ({"ttl": "1m"}, {"ttl": "20s"}, 20),
        ({"ttl": "1m"}, {"ttlInSeconds": "30"}, 30),
    ],
)
async def test_message_stays_as_long_as_it_is_told(
    queue: Queue, given: dict[str, str], wanted: dict[str, str], seconds: int
) -> None:
    assert all_results(await queue.invoke(operation("create", metadata=wanted), **given))
    [message] = queue.client.peek_messages()
    assert message.inserted_on is not None
    assert message.expires_on is not None
    assert (message.expires_on - message.inserted_on).total_seconds() == seconds


@pytest.mark.parametrize(
    ("given", "wanted", "shown"),
    [
        ({}, {}, 1),
        ({"initialVisibilityDelay": "30s"}, {}, 0),
        ({}, {"initialVisibilityDelay": "30s"}, 0),
        ({"initialVisibilityDelay": "30s"}, {"initialVisibilityDelay": "0s"}, 1),
    ],
)
async def test_message_is_hidden_at_first_when_told_so(
    queue: Queue, given: dict[str, str], wanted: dict[str, str], shown: int
) -> None:
    assert all_results(await queue.invoke(operation("create", metadata=wanted), **given))
    assert len(queue.texts()) == shown
    assert queue.client.get_queue_properties().approximate_message_count == 1


@pytest.mark.parametrize(
    ("data", "wanted", "problem"),
    [
        (b"x" * 65537, {}, "the message has 65,537 bytes, and a queue takes at most 65,536"),
        (b"\xff", {}, "is not UTF-8 text; set `encodeBase64`"),
        (b"a\x00", {}, "a character that XML may not have, '\\x00'; set `encodeBase64`"),
        (b"a\r\n", {}, "a character that XML may not have, '\\r'"),
        (b"", {"ttl": "soon"}, "ttl: 'soon' is not a duration"),
        (b"", {"ttl": "0s"}, "ttl must be at least 1s"),
        (b"", {"ttl": "5s", "initialVisibilityDelay": "5s"}, "initialVisibilityDelay must be less than ttl"),
    ],
)
async def test_message_that_cannot_be_sent_fails_alone(
    queue: Queue, data: bytes, wanted: dict[str, str], problem: str
) -> None:
    bad, good = await queue.invoke(operation("create", data, wanted), operation("create"))
    assert type(bad) is Permanent
    assert problem in str(bad)
    assert isinstance(good, Result)
    assert len(queue.texts()) == 1


async def test_largest_message_is_taken(queue: Queue) -> None:
    assert all_results(await queue.invoke(operation("create", b"<" * 65536)))
    assert queue.texts() == ["<" * 65536]


async def test_server_that_is_away_is_waited_for(queue: Queue) -> None:
    proxy = Proxy(queue.azurite.queue_port)
    await proxy.start()
    binding = queue.output(queueEndpoint=f"http://127.0.0.1:{proxy.port}")
    await binding.open()
    proxy.cut()
    assert all_results(await binding.invoke([operation("create")]))
    await proxy.stop()
    away = await binding.invoke([operation("create"), operation("create")])
    assert [type(one) for one in away] == [Unavailable, Unavailable]
    await binding.close()


async def test_open_says_when_the_server_is_away(queue: Queue) -> None:
    binding = queue.output(queueEndpoint="http://127.0.0.1:9")
    with pytest.raises(NotReady, match="Cannot connect"):
        await binding.open()
    await binding.close()
