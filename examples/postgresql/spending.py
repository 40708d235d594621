"""The app of the example: takes off the discount, and adds up what each customer has spent. It uses Dapr's APIs for
configuration and state, and nothing but Python."""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

ENGINE = f"http://127.0.0.1:{os.environ.get('DAPR_HTTP_PORT', '3500')}"
SETTINGS = f"{ENGINE}/v1.0/configuration/settings?key=discount"
STATE = f"{ENGINE}/v1.0/state/statestore"


def call(url: str, body: Any = None) -> tuple[bytes, str | None]:
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"})
    with urlopen(request) as response:
        return response.read(), response.headers.get("ETag")


def add(order: dict[str, Any]) -> dict[str, Any]:
    """The order with its discount, and with what the customer has spent; one that comes again changes nothing."""
    key = f"customer-{order['customer']}"
    found, etag = call(f"{STATE}/{quote(key, safe='')}")
    customer: dict[str, Any] = json.loads(found) if found else {"spent": 0, "orders": {}}
    number = str(order["id"])
    if number not in customer["orders"]:
        total = round(order["total"] * (100 - discount()) / 100, 2)
        customer = {"spent": customer["spent"] + total, "orders": {**customer["orders"], number: total}}
        # Another one may have written meanwhile: then this fails, and the engine calls again with the same order.
        call(STATE, [{"key": key, "value": customer, "etag": etag, "options": {"concurrency": "first-write"}}])
    return {**order, "total": customer["orders"][number], "spent": customer["spent"]}


def discount() -> float:
    """In per cent; read for each order, so that a change counts from the next one on."""
    found, _ = call(SETTINGS)
    return float(json.loads(found)["discount"]["value"])


class Orders(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps(add(order)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("APP_PORT", "8000"))), Orders).serve_forever()
