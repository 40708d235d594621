from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from bindings.contract import OutputBinding, Result
from bindings.smtp import component
from engine.errors import Permanent, Retryable, Unavailable
from tests.bindings.conformance import OutputConformance
from tests.bindings.fakes import operation
from tests.bindings.smtp.project import make_output, sending
from tests.bindings.smtp.server import Server, serving


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


class TestSmtpOutput(OutputConformance):
    component = component

    @pytest.fixture(autouse=True)
    def _server(self, server: Server) -> None:
        self.server = server

    async def make(self) -> OutputBinding:
        return make_output(self.server.port)

    async def written(self) -> Sequence[bytes | None]:
        return [taken.text.encode() for taken in self.server.taken]


async def test_batch_goes_over_one_connection(server: Server) -> None:
    async with sending(server.port, emailBCC="bcc@d.test") as output:
        for _ in range(2):
            results = await output.invoke([operation("create") for _ in range(10)])
            assert all(isinstance(result, Result) for result in results)
    assert len(server.connections) == 1
    assert len(server.taken) == 20
    assert server.taken[0].sender == "from@a.test"
    assert server.taken[0].recipients == ["to@b.test", "bcc@d.test"]


async def test_result_says_who_got_it(server: Server) -> None:
    async with sending(server.port, emailCC="cc@c.test") as output:
        [result] = await output.invoke([operation("create")])
    assert isinstance(result, Result)
    assert result.landed == "mail to to@b.test, cc@c.test"


async def test_permanent_and_transient_refusals_are_told_apart_for_each_recipient(server: Server) -> None:
    server.refused = {"gone@b.test": "550 no such user", "full@b.test": "452 mailbox is full"}
    one = operation("create", metadata={"emailTo": "here@b.test;gone@b.test;full@b.test"})
    async with sending(server.port) as output:
        [error] = await output.invoke([one])
        assert type(error) is Retryable
        assert str(error) == "full@b.test: 452 mailbox is full; sent to here@b.test"
        assert error.status == 452
        del server.refused["full@b.test"]
        [error] = await output.invoke([one])
        assert type(error) is Permanent
        assert str(error) == "gone@b.test: 550 no such user; sent to full@b.test, here@b.test"
        del server.refused["gone@b.test"]
        [result] = await output.invoke([one])
        assert isinstance(result, Result)
    assert [taken.recipients for taken in server.taken] == [["here@b.test"], ["full@b.test"], ["gone@b.test"]]


async def test_mail_that_nobody_takes_leaves_the_connection_for_the_next(server: Server) -> None:
    server.refused = {"gone@b.test": "550 no such user", "full@b.test": "452 mailbox is full"}
    async with sending(server.port) as output:
        operations = [operation("create", metadata={"emailTo": to}) for to in (*server.refused, "here@b.test")]
        gone, full, here = await output.invoke(operations)
    assert (type(gone), type(full)) == (Permanent, Retryable)
    assert isinstance(here, Result)
    assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("reply", "kind"), [("554 looks like spam", Permanent), ("451 try again", Retryable), ("552 too big", Permanent)]
)
async def test_data_that_is_refused_says_why(server: Server, reply: str, kind: type[Exception]) -> None:
    server.replies = [reply]
    async with sending(server.port) as output:
        bad, good = await output.invoke([operation("create"), operation("create")])
    assert type(bad) is kind
    assert str(bad) == reply
    assert isinstance(good, Result)


async def test_connection_that_the_server_has_ended_is_made_anew(server: Server) -> None:
    async with sending(server.port) as output:
        server.end_connections()
        [result] = await output.invoke([operation("create")])
        assert isinstance(result, Result)
        server.replies = ["421 enough for today"]
        [result] = await output.invoke([operation("create")])
        assert isinstance(result, Result)
    assert len(server.connections) == 3


async def test_server_that_ends_every_connection_is_unavailable(server: Server) -> None:
    server.refused = {"to@b.test": "421 closing"}
    async with sending(server.port) as output:
        errors = await output.invoke([operation("create") for _ in range(3)])
    assert [type(error) for error in errors] == [Unavailable] * 3
    assert "has ended the connection: closing" in str(errors[0])
    assert len(server.connections) == 2


async def test_server_that_is_away_makes_unavailable_and_is_found_when_it_is_back() -> None:
    async with serving() as server:
        output = make_output(server.port)
        await output.open()
    errors = await output.invoke([operation("create") for _ in range(3)])
    assert [type(error) for error in errors] == [Unavailable] * 3
    assert "does not answer" in str(errors[0])
    await output.close()


async def test_address_that_is_not_ascii_needs_a_server_that_takes_it(server: Server) -> None:
    one = operation("create", "ü".encode(), {"emailTo": "jürgen@b.test", "subject": "ü"}, datacontenttype="text/plain")
    async with sending(server.port) as output:
        [result] = await output.invoke([one])
        assert isinstance(result, Result)
    assert server.taken[0].recipients == ["jürgen@b.test"]
    async with serving(utf8=False) as other, sending(other.port) as output:
        [error] = await output.invoke([one])
        assert type(error) is Permanent
        assert "SMTPUTF8 is not supported" in str(error)


async def test_invoke_that_is_cancelled_leaves_a_connection_that_works(server: Server) -> None:
    async with sending(server.port) as output:
        for turns in range(0, 40, 4):
            task = asyncio.ensure_future(output.invoke([operation("create")]))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            [result] = await output.invoke([operation("create", b"after")])
            assert isinstance(result, Result)
    assert [taken.text for taken in server.taken].count("after") == 10


async def test_memory_of_who_has_a_mail_is_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindings.smtp.output._REMEMBERED", 1)
    server.refused = {"gone@b.test": "550 no such user"}
    wanted = {"emailTo": "here@b.test;gone@b.test"}
    first, second = operation("create", metadata=wanted), operation("create", metadata=wanted)
    async with sending(server.port) as output:
        await output.invoke([first, second, second, first])
    assert len(server.taken) == 3
