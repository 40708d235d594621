"""A shop, written for Dapr with Dapr's SDK for Python. It does not know what runs beside it: a sidecar or an engine."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from typing import Any

from dapr.clients import DaprClient
from dapr.ext.flask import DaprApp
from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue

app = Flask("shop")
dapr_app = DaprApp(app)


@app.post("/orders")
def accept_order() -> ResponseReturnValue:
    """From the topic `orders`: components/subscription.yaml says so."""
    order = json.loads(request.data)["data"]
    if order["quantity"] < 1:
        return jsonify(status="DROP")
    with DaprClient() as dapr:
        save(dapr, {**order, "state": "accepted"})
        dapr.save_state("lately", order["customer"], order["id"], state_metadata={"ttlInSeconds": "600"})
        dapr.publish_event("pubsub", "accepted", json.dumps(order), data_content_type="application/json")
    return jsonify(status="SUCCESS")


@dapr_app.subscribe(pubsub="pubsub", topic="accepted")  # type: ignore[untyped-decorator]
def pack() -> ResponseReturnValue:
    order = json.loads(request.data)["data"]
    with DaprClient() as dapr:
        dapr.invoke_binding("parcels", "create", json.dumps(order))
    return jsonify(status="SUCCESS")


@app.post("/parcels")
def send() -> ResponseReturnValue:
    """From the input binding `parcels`. A parcel that comes twice gets the same label again."""
    order = request.get_json(force=True)
    with DaprClient() as dapr:
        key = dapr.get_secret("vault", "carrier:key").secret["carrier:key"]
        label = hmac.new(key.encode(), order["id"].encode(), hashlib.sha256).hexdigest()[:8]
        save(dapr, {**order, "state": "sent", "label": label})
    return Response(status=200)


@app.get("/orders/<id>")
def look_up(id: str) -> ResponseReturnValue:
    with DaprClient() as dapr:
        found = dapr.get_state("orders", id).data
    return Response(found or None, 200 if found else 404, mimetype="application/json")


def save(dapr: DaprClient, order: dict[str, Any]) -> None:
    dapr.save_state("orders", order["id"], json.dumps(order), state_metadata={"contentType": "application/json"})


if __name__ == "__main__":
    app.run(port=int(os.environ["APP_PORT"]))
