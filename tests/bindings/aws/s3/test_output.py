from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bindings.aws.s3 import bucket as s3_bucket
from bindings.aws.s3 import component
from bindings.aws.s3 import output as s3_output
from bindings.aws.s3.metadata import S3Metadata
from bindings.aws.s3.output import location_of
from bindings.contract import Operation, OutputBinding, Result
from engine.errors import EventError, NotReady, Permanent, Unavailable
from tests.bindings.aws.s3.bucket import Bucket
from tests.bindings.conformance import OutputConformance, all_results
from tests.bindings.fakes import operation
from tests.proxy import Proxy


class TestS3Output(OutputConformance):
    component = component
    keeps_order = False  # a bucket lists its objects by their keys

    @pytest.fixture(autouse=True)
    def _bucket(self, bucket: Bucket) -> None:
        self.bucket = bucket

    async def make(self) -> OutputBinding:
        return self.bucket.output()

    async def operation(self, name: str) -> Operation:
        match name:
            case "get" | "delete":
                self.bucket.put("there")
                return operation(name, metadata={"key": "there"})
            case "presign":
                return operation(name, metadata={"key": "there", "presignTTL": "1m"})
            case "bulkGet":
                return operation(name, b'{"items": [{"key": "there"}]}')
            case "bulkCreate":
                return operation(name, b'{"items": [{"key": "bulk", "data": "x"}]}')
            case "bulkDelete":
                return operation(name, b'{"keys": ["there"]}')
            case "list":
                return operation(name, b"{}")
        return operation(name)

    async def written(self) -> Sequence[bytes | None]:
        return [self.bucket.get(key) for key in self.bucket.keys]


def parsed(result: Result | EventError) -> Any:
    assert isinstance(result, Result), result
    return json.loads(result.data or b"null")


async def test_create_answers_as_dapr_does(bucket: Bucket) -> None:
    created = operation("create", b"\x00data", {"key": "a/ü b.bin"}, datacontenttype="image/png")
    [result] = await bucket.invoke(created)
    assert parsed(result) == {"location": f"{bucket.moto.url}/{bucket.name}/a/ü b.bin", "versionID": None}
    assert isinstance(result, Result)
    assert result.metadata == {"key": "a/ü b.bin"}
    assert result.landed == f"s3://{bucket.name}/a/ü b.bin"
    assert bucket.get("a/ü b.bin") == b"\x00data"
    assert bucket.client.head_object(Bucket=bucket.name, Key="a/ü b.bin")["ContentType"] == "image/png"


async def test_create_gives_the_version_of_a_bucket_that_has_versions(bucket: Bucket) -> None:
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    [result] = await bucket.invoke(operation("create", b"1", {"key": "a"}))
    assert parsed(result)["versionID"] == bucket.client.head_object(Bucket=bucket.name, Key="a")["VersionId"]


async def test_create_without_a_key_makes_the_same_one_from_the_same_event(bucket: Bucket) -> None:
    one = operation("create")
    first, second = await bucket.invoke(one, one)
    assert bucket.keys == [first.metadata["key"]]  # type: ignore[union-attr]
    assert first == second
    assert uuid.UUID(bucket.keys[0])


async def test_create_applies_all_its_metadata(bucket: Bucket) -> None:
    wanted = {
        "key": "a",
        "Content-Type": "text/csv",
        "tags": "project=sea life, year = 2026",
        "storageClass": "STANDARD_IA",
        "presignTTL": "2m",
    }
    [result] = await bucket.invoke(operation("create", b"a,b", wanted))
    async with aiohttp.ClientSession() as session, session.get(parsed(result)["presignURL"]) as answer:
        assert (await answer.read(), answer.headers["Content-Type"]) == (b"a,b", "text/csv")
    assert bucket.client.head_object(Bucket=bucket.name, Key="a")["StorageClass"] == "STANDARD_IA"
    tags = bucket.client.get_object_tagging(Bucket=bucket.name, Key="a")["TagSet"]
    assert tags == [{"Key": "project", "Value": "sea life"}, {"Key": "year", "Value": "2026"}]


async def test_metadata_of_the_component_stand_in_for_those_of_an_operation(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"from a file")
    [created, got] = await bucket.invoke(
        operation("create", metadata={"key": "a"}),
        operation("get", metadata={"key": "a"}),
        filePath=str(tmp_path / "file"),
        presignTTL="1m",
        storageClass="ONEZONE_IA",
        encodeBase64="true",
    )
    assert "presignURL" in parsed(created)
    assert bucket.get("a") == b"from a file"
    assert bucket.client.head_object(Bucket=bucket.name, Key="a")["StorageClass"] == "ONEZONE_IA"
    assert isinstance(got, Result)
    assert got.data == base64.b64encode(b"from a file")


@pytest.mark.parametrize(
    ("data", "attributes", "written"),
    [
        (b'"say \\"hi\\" \\u00fc"', {"datacontenttype": "application/json"}, 'say "hi" ü'.encode()),
        (b'"text"', {}, b"text"),
        (b'"text"', {"datacontenttype": "text/plain"}, b'"text"'),
        (b'"broken', {}, b'"broken'),
        (b'{"a": "b"}', {"datacontenttype": "application/json"}, b'{"a": "b"}'),
        (b"", {}, b""),
    ],
)
async def test_json_text_is_written_without_its_quotes(
    bucket: Bucket, data: bytes, attributes: dict[str, str], written: bytes
) -> None:
    assert all_results(await bucket.invoke(operation("create", data, {"key": "a"}, **attributes)))
    assert bucket.get("a") == written


@pytest.mark.parametrize("data", [base64.b64encode(b"\xff\x00"), b'"%b"' % base64.b64encode(b"\xff\x00")])
async def test_base64_is_decoded_and_encoded_when_asked_for(bucket: Bucket, data: bytes) -> None:
    created, got = await bucket.invoke(
        operation("create", data, {"key": "a", "decodeBase64": "true"}),
        operation("get", metadata={"key": "a", "encodeBase64": "true"}),
    )
    assert all_results([created])
    assert isinstance(got, Result)
    assert bucket.get("a") == b"\xff\x00"
    assert got.data == base64.b64encode(b"\xff\x00")


async def test_large_file_goes_up_in_parts(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_bucket, "_ONE_REQUEST", 4)
    data = b"x" * (9 * 2**20)
    (tmp_path / "file").write_bytes(data)
    [result] = await bucket.invoke(operation("create", metadata={"key": "a", "filePath": str(tmp_path / "file")}))
    assert parsed(result)["versionID"] is None
    assert bucket.get("a") == data
    assert bucket.client.head_object(Bucket=bucket.name, Key="a")["ETag"].endswith('-2"')  # two parts


async def test_base64_of_a_file_is_decoded(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(base64.encodebytes(b"\xff" * 100))
    wanted = {"key": "a", "filePath": str(tmp_path / "file"), "decodeBase64": "true"}
    assert all_results(await bucket.invoke(operation("create", metadata=wanted)))
    assert bucket.get("a") == b"\xff" * 100


@pytest.mark.parametrize(
    ("name", "data", "wanted", "problem"),
    [
        ("get", b"", {}, "get needs `key`"),
        ("get", b"", {"key": "nothing"}, "object not found"),
        ("delete", b"", {}, "delete needs `key`"),
        ("presign", b"", {"presignTTL": "1m"}, "presign needs `key`"),
        ("presign", b"", {"key": "a"}, "presign needs `presignTTL`"),
        ("presign", b"", {"key": "a", "presignTTL": "soon"}, "presignTTL: 'soon' is not a duration"),
        ("presign", b"", {"key": "a", "presignTTL": "0s"}, "presignTTL must be more than zero"),
        ("presign", b"", {"key": "a", "presignTTL": "8d"}, "presignTTL is more than 7 days"),
        ("create", b"%", {"decodeBase64": "true"}, "the data are not base64"),
        ("create", b"", {"decodeBase64": "perhaps"}, "decodeBase64: 'perhaps' is neither"),
        ("create", b"", {"tags": "year"}, "tags: 'year' is not like name=value"),
        ("create", b"", {"filePath": "/nowhere/file"}, "the file '/nowhere/file': No such file or directory"),
        ("create", b"", {"storageClass": "WARM"}, "InvalidStorageClass"),
        ("list", b"[]", {}, "the data of list are not as it takes them"),
        ("list", b'{"maxResults": "many"}', {}, "maxResults"),
        ("bulkGet", b"{}", {}, "items"),
        ("bulkGet", b'{"items": [{"key": "a"}], "concurrency": 0}', {}, "concurrency must be greater than 0"),
        ("bulkCreate", b'{"items": []}', {}, "items"),
        ("bulkDelete", b'{"keys": []}', {}, "keys"),
    ],
)
async def test_operation_that_can_never_work_fails_alone(
    bucket: Bucket, name: str, data: bytes, wanted: dict[str, str], problem: str
) -> None:
    bad, good = await bucket.invoke(operation(name, data, wanted), operation("create"))
    assert type(bad) is Permanent
    assert problem in str(bad)
    assert isinstance(good, Result)


async def test_event_that_only_refers_to_its_data_is_not_written_as_empty(bucket: Bucket) -> None:
    referring = operation("create", metadata={"key": "a"}, dataref="s3://b/k")
    referring.event.data = None
    [result] = await bucket.invoke(referring)
    assert isinstance(result, Permanent)
    assert "only a reference" in str(result)
    assert bucket.keys == []


async def test_get_and_delete(bucket: Bucket) -> None:
    bucket.put("a", b"\x00\xff")
    got, deleted, again = await bucket.invoke(
        operation("get", metadata={"key": "a"}),
        operation("delete", metadata={"key": "a"}),
        operation("delete", metadata={"key": "a"}),  # what is not there is deleted already, as S3 has it
    )
    assert isinstance(got, Result)
    assert got.data == b"\x00\xff"
    assert isinstance(deleted, Result)
    assert deleted.data is None
    assert isinstance(again, Result)
    assert bucket.keys == []


async def test_operations_on_one_key_keep_their_order(bucket: Bucket) -> None:
    writes = [operation("create", b"%d" % number, {"key": "a"}) for number in range(10)]
    assert all_results(await bucket.invoke(*writes))
    assert bucket.get("a") == b"9"


async def test_list_answers_with_names_of_the_go_library(bucket: Bucket) -> None:
    for key in ("in/a", "in/b", "in/c", "in/deep/d", "out"):
        bucket.put(key)
    limited, folders, everything = await bucket.invoke(
        operation("list", b'{"prefix": "in/", "marker": "in/a", "maxResults": 2}'),
        operation("list", b'{"prefix": "in/", "delimiter": "/"}'),
        operation("list", b""),
    )
    answer = parsed(limited)
    assert [one["Key"] for one in answer["Contents"]] == ["in/b", "in/c"]
    assert answer["Contents"][0]["LastModified"].endswith("Z")
    assert answer["Contents"][0]["ETag"].startswith('"')
    assert (answer["IsTruncated"], answer["MaxKeys"], answer["Name"]) == (True, 2, bucket.name)
    assert [one["Key"] for one in parsed(folders)["Contents"]] == ["in/a", "in/b", "in/c"]
    assert parsed(folders)["CommonPrefixes"] == [{"Prefix": "in/deep/"}]
    assert len(parsed(everything)["Contents"]) == 5


async def test_presigned_url_needs_no_credentials(bucket: Bucket) -> None:
    bucket.put("a b", b"data")
    [result] = await bucket.invoke(operation("presign", metadata={"key": "a b", "presignTTL": "90s"}))
    url = parsed(result)["presignURL"]
    assert "X-Amz-Expires=90" in url
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert await answer.read() == b"data"


async def test_bulk_get_gives_data_files_and_errors(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("text", "hallo ü".encode())
    bucket.put("bytes", b"\xff\x00")
    items = [
        {"key": "text"},
        {"key": "nothing"},
        {"key": ""},
        {"key": "bytes", "filePath": str(tmp_path / "file")},
        {"key": "bytes", "filePath": str(tmp_path / "nowhere" / "file")},
    ]
    data = json.dumps({"items": items, "concurrency": 2}).encode()
    plain, encoded = await bucket.invoke(
        operation("bulkGet", data),
        operation("bulkGet", b'{"items": [{"key": "bytes"}]}', {"encodeBase64": "true"}),
    )
    *answers, last = parsed(plain)
    assert answers == [
        {"key": "text", "data": "hallo ü"},
        {"key": "nothing", "error": "object not found"},
        {"key": "", "error": "key is required"},
        {"key": "bytes"},
    ]
    assert "No such file or directory" in last["error"]
    assert (tmp_path / "file").read_bytes() == b"\xff\x00"
    assert parsed(encoded) == [{"key": "bytes", "data": "/wA="}]


async def test_bulk_get_writes_base64_to_a_file_when_asked_for(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("bytes", b"\xff\x00")
    data = json.dumps({"items": [{"key": "bytes", "filePath": str(tmp_path / "file")}]}).encode()
    assert all_results(await bucket.invoke(operation("bulkGet", data), encodeBase64="yes"))
    assert (tmp_path / "file").read_bytes() == b"/wA="


async def test_bulk_create_writes_data_and_files(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"from a file")
    items = [
        {"key": "a", "data": "hallo ü", "contentType": "text/plain"},
        {"key": "b", "filePath": str(tmp_path / "file")},
        {"key": "c"},
        {"key": "d", "filePath": str(tmp_path / "nowhere")},
    ]
    [result] = await bucket.invoke(operation("bulkCreate", json.dumps({"items": items}).encode()))
    *answers, last = parsed(result)
    assert answers == [
        {"key": "a", "location": f"{bucket.moto.url}/{bucket.name}/a"},
        {"key": "b", "location": f"{bucket.moto.url}/{bucket.name}/b"},
        {"key": "c", "error": "either data or filePath is required"},
    ]
    assert "No such file" in last["error"]
    assert (bucket.get("a"), bucket.get("b")) == ("hallo ü".encode(), b"from a file")
    assert bucket.client.head_object(Bucket=bucket.name, Key="a")["ContentType"] == "text/plain"


async def test_bulk_create_decodes_base64(bucket: Bucket) -> None:
    data = b'{"items": [{"key": "a", "data": "/wA="}, {"key": "b", "data": "%"}]}'
    [result] = await bucket.invoke(operation("bulkCreate", data), decodeBase64="true")
    good, bad = parsed(result)
    assert bucket.get("a") == b"\xff\x00"
    assert "error" not in good
    assert "not base64" in bad["error"]


async def test_bulk_delete_answers_for_each_key(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_output, "_DELETED_AT_ONCE", 2)
    keys = ["a", "b", "ü c", "a", " ", "nothing"]
    for key in keys[:3]:
        bucket.put(key)
    [result] = await bucket.invoke(operation("bulkDelete", json.dumps({"keys": keys}).encode()))
    expected: list[dict[str, str]] = [{"key": key} for key in keys]
    expected[4]["error"] = "key is required"
    assert parsed(result) == expected
    assert bucket.keys == []


async def test_server_that_is_away_is_waited_for(bucket: Bucket) -> None:
    proxy = Proxy(bucket.moto.port)
    await proxy.start()
    binding = bucket.output(endpoint=f"http://127.0.0.1:{proxy.port}")
    await binding.open()
    for _ in range(3):  # a cut connection is made again within the operation
        proxy.cut()
        assert all_results(await binding.invoke([operation("create")]))
    await proxy.stop()
    many = b'{"items": [{"key": "a", "data": "1"}, {"key": "b", "data": "2"}]}'
    away = await binding.invoke([operation("create"), operation("bulkCreate", many)])
    assert [type(one) for one in away] == [Unavailable, Unavailable]
    await binding.close()
    assert len(bucket.keys) == 3


async def test_open_says_when_the_server_is_away(bucket: Bucket) -> None:
    binding = bucket.output(endpoint="http://127.0.0.1:9")
    with pytest.raises(NotReady, match="Could not connect"):
        await binding.open()
    await binding.close()


@pytest.mark.parametrize(
    ("more", "location"),
    [
        ({}, "https://uploads.s3.amazonaws.com/a b"),
        ({"forcePathStyle": "true"}, "https://s3.amazonaws.com/uploads/a b"),
        ({"endpoint": "minio:9000", "disableSSL": "true"}, "http://minio:9000/uploads/a b"),
        ({"endpoint": "minio:9000"}, "https://minio:9000/uploads/a b"),
        ({"endpoint": "http://minio:9000/"}, "http://minio:9000/uploads/a b"),
    ],
)
def test_location_is_that_of_dapr(more: dict[str, str], location: str) -> None:
    metadata = S3Metadata.model_validate({"bucket": "uploads", **more})
    assert location_of(metadata, "a b") == location
