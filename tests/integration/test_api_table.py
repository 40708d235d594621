from __future__ import annotations

import re
from collections import Counter

from dapr.proto.runtime.v1 import dapr_pb2

from engine.api.blocks import Blocks
from engine.api.grpc_methods import methods_of
from engine.api.http_routes import NOT_YET, HttpBlocks
from engine.clock import SystemClock
from engine.testing.fake_parts import FakeParts
from tests.integration.api_table import PAGE, ROOT, ROWS, page

RPCS = [method.name for method in dapr_pb2.DESCRIPTOR.services_by_name["Dapr"].methods]
BLOCKS = Blocks(FakeParts({}, {}), SystemClock(), "shop")
WITHOUT_BLOCK = {"* /v1.0/invoke/{app}/method/{path}", "GET /v1.0/healthz", "GET /v1.0/healthz/outbound"}


def plain(path: str) -> list[str]:
    """The paths that a route stands for."""
    version = re.search(r"\{version:\(?(.*?)\)?(\?)?\}", path)
    if version is None:
        return [re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path)]
    versions = version[1].split("|") if "[" not in version[1] else ["-alpha1", "-alpha2"]
    optional = [""] if version[2] else []
    return [re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path.replace(version[0], one)) for one in (*optional, *versions)]


def test_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "run `python -m tests.integration.api_table`"


def test_every_endpoint_is_there_once() -> None:
    there = Counter(endpoint for row in ROWS for endpoint in row.endpoints)
    routes = [f"{method} {one}" for method, path, _ in HttpBlocks(BLOCKS).routes() for one in plain(path)]
    not_yet = {f"* {one}" for path in NOT_YET for one in plain(path)}
    assert there == Counter({*routes, *not_yet, *WITHOUT_BLOCK})
    assert {endpoint for row in ROWS if row.state == "not yet" for endpoint in row.endpoints} == not_yet


def test_every_rpc_is_there_once() -> None:
    assert Counter(rpc for row in ROWS for rpc in row.rpcs) == Counter(RPCS)
    assert {rpc for row in ROWS if row.state != "not yet" for rpc in row.rpcs} == methods_of(BLOCKS).keys()


def test_tests_are_there() -> None:
    for row in ROWS:
        assert bool(row.test) == (row.state != "not yet"), row
        if row.test:
            file, _, name = row.test.partition("::")
            assert re.search(rf"^(async )?def {name}\(", (ROOT / "tests" / file).read_text(encoding="utf-8"), re.M), row


def test_openapi_has_every_route() -> None:
    """But for invocation, whose requests are those of the apps."""
    import yaml

    document = yaml.safe_load((ROOT / "engine/api/openapi.yaml").read_text(encoding="utf-8"))
    named = Counter(
        f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path)}"
        for path, item in document["paths"].items()
        for method in item
    )
    served = {f"{method} {re.sub(r'{[^}]*}', '{}', path)}" for method, path, _ in HttpBlocks(BLOCKS).routes()} | {
        "GET /v1.0/healthz",
        "GET /v1.0/healthz/outbound",
    }
    assert named == Counter(served)
