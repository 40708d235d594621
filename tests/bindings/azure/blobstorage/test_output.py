from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bindings.azure.blobstorage import component
from bindings.azure.blobstorage import output as blob_output
from bindings.contract import Operation, OutputBinding, Result
from engine.errors import EventError, NotReady, Permanent, Unavailable
from tests.bindings.azure.blobstorage.container import Container
from tests.bindings.conformance import OutputConformance, all_results
from tests.bindings.fakes import operation
from tests.proxy import Proxy


class TestBlobStorageOutput(OutputConformance):
    component = component
    keeps_order = False  # a container lists its blobs by their names

    @pytest.fixture(autouse=True)
    def _container(self, container: Container) -> None:
        self.container = container

    async def make(self) -> OutputBinding:
        return self.container.output()

    async def operation(self, name: str) -> Operation:
        match name:
            case "get" | "delete":
                self.container.put("there")
                return operation(name, metadata={"blobName": "there"})
            case "presign":
                return operation(name, metadata={"blobName": "there", "signTTL": "1m"})
            case "bulkGet":
                return operation(name, b'{"items": [{"blobName": "there"}]}')
            case "bulkCreate":
                return operation(name, b'{"items": [{"blobName": "bulk", "data": "x"}]}')
            case "bulkDelete":
                return operation(name, b'{"blobNames": ["there"]}')
            case "list":
                return operation(name, b"{}")
        return operation(name)

    async def written(self) -> Sequence[bytes | None]:
        return [self.container.get(name) for name in self.container.names]


def parsed(result: Result | EventError) -> Any:
    assert isinstance(result, Result), result
    return json.loads(result.data or b"null")


async def test_create_answers_as_dapr_does(container: Container) -> None:
    created = operation("create", b"\x00data", {"blobName": "a/ü b.bin"}, datacontenttype="image/png")
    [result] = await container.invoke(created)
    url = container.client.get_blob_client("a/ü b.bin").url
    assert parsed(result) == {"blobURL": url, "blobName": "a/ü b.bin"}
    assert isinstance(result, Result)
    assert result.metadata == {"blobName": "a/ü b.bin"}
    assert result.landed == url
    assert container.get("a/ü b.bin") == b"\x00data"
    properties = container.client.get_blob_client("a/ü b.bin").get_blob_properties()
    assert (properties.content_settings.content_type, properties.metadata) == ("image/png", {})


async def test_create_without_a_name_makes_the_same_one_from_the_same_event(container: Container) -> None:
    one = operation("create")
    first, second = await container.invoke(one, one)
    assert first == second
    [name] = container.names
    assert uuid.UUID(name)


async def test_create_applies_all_its_metadata(container: Container) -> None:
    wanted = {
        "blobName": "a",
        "signTTL": "2m",
        "contentType": "text/csv",
        "ContentEncoding": "gzip",
        "CONTENTLANGUAGE": "de",
        "contentDisposition": "attachment",
        "cacheControl": "no-store",
        "contentMD5": base64.b64encode(hashlib.md5(b"a,b", usedforsecurity=False).digest()).decode(),
        "tenant-id": "acme ü\n1",
    }
    [result] = await container.invoke(operation("create", b"a,b", wanted))
    properties = container.client.get_blob_client("a").get_blob_properties()
    settings = properties.content_settings
    assert (settings.content_type, settings.content_encoding, settings.content_language) == ("text/csv", "gzip", "de")
    assert (settings.content_disposition, settings.cache_control) == ("attachment", "no-store")
    assert properties.metadata == {"tenantid": "acme 1"}
    url = parsed(result)["presignURL"]
    async with aiohttp.ClientSession(auto_decompress=False) as session, session.get(url) as answer:
        assert await answer.read() == b"a,b"


async def test_base64_is_decoded_when_the_component_says_so(container: Container) -> None:
    encoded = base64.b64encode(b"\xff\x00")
    results = await container.invoke(
        operation("create", encoded, {"blobName": "a"}),
        operation("create", b'"%b"' % encoded, {"blobName": "b"}),
        operation("bulkCreate", json.dumps({"items": [{"blobName": "c", "data": encoded.decode()}]}).encode()),
        decodeBase64="true",
    )
    assert all_results(results)
    assert {container.get(name) for name in ("a", "b", "c")} == {b"\xff\x00"}


@pytest.mark.parametrize(
    ("name", "data", "wanted", "problem"),
    [
        ("get", b"", {}, "get needs `blobName`"),
        ("get", b"", {"blobName": "nothing"}, "blob not found"),
        ("get", b"", {"blobName": "there", "filePath": "/proc/nowhere/file"}, "the file '/proc/nowhere'"),
        ("get", b"", {"blobName": "there", "includeMetadata": "perhaps"}, "includeMetadata: 'perhaps'"),
        ("delete", b"", {}, "delete needs `blobName`"),
        ("delete", b"", {"blobName": "nothing"}, "blob not found"),
        ("delete", b"", {"blobName": "there", "deleteSnapshots": "all"}, "deleteSnapshots is 'all'"),
        ("presign", b"", {"signTTL": "1m"}, "presign needs `blobName`"),
        ("presign", b"", {"blobName": "a"}, "presign needs `signTTL`"),
        ("presign", b"", {"blobName": "a", "signTTL": "0s"}, "signTTL must be more than zero"),
        ("create", b"", {"contentMD5": "abc"}, "contentMD5 is not an MD5 digest"),
        ("list", b'{"maxResults": "many"}', {}, "maxResults"),
        ("bulkGet", b"{}", {}, "bulkGet needs `items`"),
        ("bulkGet", b'{"prefix": "in/"}', {}, "bulkGet with a prefix needs `destinationDir`"),
        ("bulkGet", b'{"items": [{"blobName": "a"}], "concurrency": -1}', {}, "concurrency must be greater than 0"),
        ("bulkCreate", b'{"items": []}', {}, "items"),
        ("bulkCreate", b'{"items": [{"data": "x"}]}', {}, "items.0.blobName"),
        ("bulkCreate", b'{"items": [{"blobName": "a"}]}', {}, "item at index 0 is missing both data and sourcePath"),
        ("bulkDelete", b"{}", {}, "bulkDelete needs `blobNames`"),
    ],
)
async def test_operation_that_can_never_work_fails_alone(
    container: Container, name: str, data: bytes, wanted: dict[str, str], problem: str
) -> None:
    container.put("there")
    bad, good = await container.invoke(operation(name, data, wanted), operation("create"))
    assert type(bad) is Permanent
    assert problem in str(bad)
    assert isinstance(good, Result)


async def test_wrong_digest_is_refused_by_the_service(container: Container) -> None:
    wanted = {"blobName": "a", "contentMD5": base64.b64encode(bytes(16)).decode()}
    [result] = await container.invoke(operation("create", b"data", wanted))
    assert isinstance(result, Permanent)
    assert container.names == []


async def test_get_gives_data_metadata_and_files(container: Container, tmp_path: Path) -> None:
    container.put("a", b"\x00\xff", {"tenant": "acme"})
    target = tmp_path / "new" / "file"
    plain, told, filed = await container.invoke(
        operation("get", metadata={"blobName": "a"}),
        operation("get", metadata={"blobName": "a", "includeMetadata": "true"}),
        operation("get", metadata={"blobName": "a", "filePath": str(target)}),
    )
    assert isinstance(plain, Result)
    assert (plain.data, plain.metadata) == (b"\x00\xff", {})
    assert isinstance(told, Result)
    assert (told.data, told.metadata) == (b"\x00\xff", {"tenant": "acme"})
    assert isinstance(filed, Result)
    assert (filed.data, filed.metadata) == (None, {"filePath": str(target)})
    assert target.read_bytes() == b"\x00\xff"


async def test_delete_with_snapshots(container: Container) -> None:
    container.put("a")
    container.client.get_blob_client("a").create_snapshot()
    refused, only, plain = await container.invoke(
        operation("delete", metadata={"blobName": "a"}),
        operation("delete", metadata={"blobName": "a", "deleteSnapshots": "only"}),
        operation("delete", metadata={"blobName": "a"}),
    )
    assert isinstance(refused, Permanent)
    assert "SnapshotsPresent" in str(refused)
    assert all_results([only, plain])
    assert container.names == []


async def test_list_gives_pages_with_names_of_the_go_library(container: Container) -> None:
    for name in ("in/a", "in/b", "in/c", "out"):
        container.put(name, b"1234", {"tenant": "acme"}, content_type="text/plain")
    data = {"prefix": "in/", "maxResults": 2, "include": {"metadata": True}}
    [first] = await container.invoke(operation("list", json.dumps(data).encode()))
    assert isinstance(first, Result)
    assert first.metadata["number"] == "2"
    assert first.metadata["pagesTraversed"] == "1"
    [blob, _] = parsed(first)
    assert (blob["Name"], blob["Metadata"]) == ("in/a", {"tenant": "acme"})
    assert blob["Properties"]["ContentLength"] == 4
    assert blob["Properties"]["ContentType"] == "text/plain"
    assert blob["Properties"]["LastModified"].endswith("Z")
    data["marker"] = first.metadata["marker"]
    rest, everything = await container.invoke(operation("list", json.dumps(data).encode()), operation("list", b""))
    assert [one["Name"] for one in parsed(rest)] == ["in/c"]
    assert isinstance(everything, Result)
    assert (everything.metadata["number"], everything.metadata["marker"]) == ("4", "")
    assert parsed(everything)[0]["Metadata"] is None


async def test_presigned_url_needs_no_credentials(container: Container) -> None:
    container.put("a b", b"data")
    [result] = await container.invoke(operation("presign", metadata={"blobName": "a b", "signTTL": "90s"}))
    async with aiohttp.ClientSession() as session, session.get(parsed(result)["presignURL"]) as answer:
        assert await answer.read() == b"data"


async def test_connection_string_is_as_good_as_an_account(container: Container) -> None:
    login = container.azurite.login
    text = (
        f"AccountName={login['accountName']};AccountKey={login['accountKey']};"
        f"BlobEndpoint={container.azurite.blob_url}/{login['accountName']}"
    )
    more = {"connectionString": text, "accountName": None, "accountKey": None, "endpoint": None}
    created, signed = await container.invoke(
        operation("create", b"1", {"blobName": "a"}),
        operation("presign", metadata={"blobName": "a", "signTTL": "1m"}),
        **more,
    )
    assert all_results([created, signed])
    assert container.get("a") == b"1"


async def test_bulk_get_gives_data_files_and_errors(container: Container, tmp_path: Path) -> None:
    container.put("bytes", b"\xff\x00")
    container.put("in/deep/x", b"x")
    container.put("in/y", b"y")
    items = [
        {"blobName": "bytes"},
        {"blobName": "nothing"},
        {"blobName": ""},
        {"blobName": "in/y", "filePath": str(tmp_path / "mine")},
    ]
    data = {"items": items, "prefix": "in/", "destinationDir": str(tmp_path / "all"), "concurrency": 2}
    [result] = await container.invoke(operation("bulkGet", json.dumps(data).encode()))
    assert parsed(result) == [
        {"blobName": "bytes", "data": "/wA="},
        {"blobName": "nothing", "error": "blob not found"},
        {"blobName": "in/y", "filePath": str(tmp_path / "mine")},
        {"blobName": "in/deep/x", "filePath": str(tmp_path / "all/in/deep/x")},
    ]
    assert isinstance(result, Result)
    assert result.metadata == {"number": "4"}
    assert ((tmp_path / "mine").read_bytes(), (tmp_path / "all/in/deep/x").read_bytes()) == (b"y", b"x")


@pytest.mark.parametrize("name", ["in/../../escaped", "in/.."])
def test_bulk_get_writes_nothing_outside_of_its_folder(name: str) -> None:
    with pytest.raises(Permanent, match="outside of destinationDir"):
        blob_output._confined(name)


async def test_bulk_create_writes_data_and_files(container: Container, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"from a file")
    items = [
        {"blobName": "a", "data": "hallo ü", "contentType": "text/plain"},
        {"blobName": "b", "sourcePath": str(tmp_path / "file")},
        {"blobName": "c", "sourcePath": str(tmp_path / "nowhere")},
    ]
    [result] = await container.invoke(operation("bulkCreate", json.dumps({"items": items}).encode()))
    *answers, last = parsed(result)
    assert answers == [{"blobName": name, "blobURL": container.client.get_blob_client(name).url} for name in ("a", "b")]
    assert "No such file" in last["error"]
    assert (container.get("a"), container.get("b")) == ("hallo ü".encode(), b"from a file")
    properties = container.client.get_blob_client("a").get_blob_properties()
    assert properties.content_settings.content_type == "text/plain"


async def test_bulk_create_decodes_a_file_of_base64(container: Container, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(base64.encodebytes(b"\xff" * 100))
    data = json.dumps({"items": [{"blobName": "a", "sourcePath": str(tmp_path / "file")}]}).encode()
    assert all_results(await container.invoke(operation("bulkCreate", data), decodeBase64="true"))
    assert container.get("a") == b"\xff" * 100


async def test_bulk_delete_answers_for_each_blob(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob_output, "_DELETED_AT_ONCE", 2)
    for name in ("a", "ü b", "in/c", "in/d", "stays"):
        container.put(name)
    data = {"blobNames": ["a", "nothing", "", "ü b", "a"], "prefix": "in/", "deleteSnapshots": "include"}
    [result] = await container.invoke(operation("bulkDelete", json.dumps(data).encode()))
    assert parsed(result) == [
        {"blobName": "a"},
        {"blobName": "nothing", "error": "blob not found"},
        {"blobName": "ü b"},
        {"blobName": "in/c"},
        {"blobName": "in/d"},
    ]
    assert container.names == ["stays"]


@pytest.mark.parametrize("level", ["none", "blob", "container"])
async def test_container_is_made_with_its_access(container: Container, level: str) -> None:
    name = f"{container.name}-new"
    assert all_results(await container.invoke(operation("create"), containerName=name, publicAccessLevel=level))
    access = container.azurite.blobs.get_container_client(name).get_container_access_policy()["public_access"]
    assert access == (None if level == "none" else level)


async def test_server_that_is_away_is_waited_for(container: Container) -> None:
    proxy = Proxy(container.azurite.blob_port)
    await proxy.start()
    binding = container.output(endpoint=f"http://127.0.0.1:{proxy.port}", retryCount=1)
    await binding.open()
    proxy.cut()
    assert all_results(await binding.invoke([operation("create")]))
    await proxy.stop()
    many = b'{"items": [{"blobName": "a", "data": "1"}, {"blobName": "b", "data": "2"}]}'
    away = await binding.invoke([operation("create"), operation("bulkCreate", many)])
    assert [type(one) for one in away] == [Unavailable, Unavailable]
    await binding.close()
    assert len(container.names) == 1


async def test_open_says_when_the_server_is_away(container: Container) -> None:
    binding = container.output(endpoint="http://127.0.0.1:9")
    with pytest.raises(NotReady, match="Cannot connect"):
        await binding.open()
    await binding.close()
