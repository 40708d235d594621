"""The app of the example: what a temperature means for a room. It knows no MQTT and no mail."""

from __future__ import annotations

import os

from aiohttp import web

HOT, COLD = 30.0, 17.0  # degrees Celsius


async def judge(request: web.Request) -> web.Response:
    celsius = float((await request.json())["celsius"])
    state = "hot" if celsius > HOT else "cold" if celsius < COLD else "fine"
    return web.json_response({"room": request.headers["ce-subject"], "celsius": celsius, "state": state})


app = web.Application()
app.router.add_post("/readings", judge)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("APP_PORT", "8080")), print=None)
