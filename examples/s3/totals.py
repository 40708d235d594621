"""An app that adds up sales. It knows neither buckets nor AWS.

Run it with: python totals.py
"""

from __future__ import annotations

import csv
import os
from collections import Counter

from aiohttp import web

routes = web.RouteTableDef()


@routes.post("/totals")
async def add_up(request: web.Request) -> web.Response:
    """One file; the answer is what becomes of the event."""
    totals: Counter[str] = Counter()
    try:
        for row in csv.DictReader((await request.text()).splitlines()):
            totals[row["article"]] += int(row["amount"])
    except (KeyError, TypeError, ValueError) as error:
        return web.Response(status=422, text=f"this is no file of sales: {error}")  # a dead letter
    return web.json_response(totals)


def make_app() -> web.Application:
    app = web.Application()
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=int(os.environ.get("PORT", "8080")), print=None)
