"""An app that watches temperatures. It knows no Kafka: it is called with one reading at a time.

Run it with: python watch.py
"""

from __future__ import annotations

import os
from collections import Counter

from aiohttp import web

TOO_WARM = 30.0
routes = web.RouteTableDef()
warm_in_a_row: Counter[str] = Counter()


@routes.post("/readings")
async def watch(request: web.Request) -> web.Response:
    """No answer ends the event; an answer is the data of the alarm."""
    sensor, reading = request.headers["ce-subject"], await request.json()
    warm_in_a_row[sensor] = warm_in_a_row[sensor] + 1 if reading["celsius"] > TOO_WARM else 0
    if warm_in_a_row[sensor] != 3:
        return web.Response(status=204)
    return web.json_response({"sensor": sensor, "celsius": reading["celsius"]})


def make_app() -> web.Application:
    app = web.Application()
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=int(os.environ.get("PORT", "8081")), print=None)
