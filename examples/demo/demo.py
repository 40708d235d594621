"""`make demo`: starts the app and `jackfield run pipelines/`, and gives them something to do."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
INBOX = ROOT / ".jackfield/demo/inbox"
WEBHOOK = "http://127.0.0.1:{port}/webhooks/payment-hook"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0, help="end after so long; 0: at Ctrl-C")
    parser.add_argument("--http-port", type=int, default=3500)
    arguments = parser.parse_args()
    jackfield = [sys.executable, "-m", "engine.cli"]
    # Before the app: it is waited for, as it would be in a deployment.
    # In a session of its own, so that Ctrl-C comes here alone and the engine is stopped once.
    run = [*jackfield, "run", "pipelines", "--http-port", str(arguments.http_port)]
    engine = subprocess.Popen(run, cwd=ROOT, start_new_session=True)
    app = subprocess.Popen([sys.executable, str(Path(__file__).with_name("app.py"))], start_new_session=True)
    with contextlib.suppress(KeyboardInterrupt):
        feed(jackfield, engine, arguments.seconds or float("inf"), arguments.http_port)
    engine.send_signal(signal.SIGTERM)
    status = engine.wait()
    app.terminate()
    app.wait()
    print("\nWhat could not be delivered is kept: jackfield dead-letters list", flush=True)
    subprocess.run([*jackfield, "dead-letters", "list"], cwd=ROOT, check=True)
    return status


def feed(jackfield: list[str], engine: subprocess.Popen[bytes], seconds: float, port: int) -> None:
    """Orders into the queue, a document into the inbox, a payment to the webhook; every few seconds again."""
    end = time.monotonic() + seconds
    orders = ROOT / ".jackfield/demo/orders.jsonl"
    INBOX.mkdir(parents=True, exist_ok=True)
    for turn in itertools.count(1):
        skus = ("tea", "coffee", "unknown" if turn == 1 else "milk")
        lines = [{"id": f"{turn}-{n}", "sku": sku, "quantity": n} for n, sku in enumerate(skus)]
        orders.write_text("".join(json.dumps(line) + "\n" for line in lines))
        subprocess.run([*jackfield, "send", "orders", "--file", str(orders), "--lines"], cwd=ROOT, check=True)
        (INBOX / f"letter-{os.getpid()}-{turn}.txt").write_text("events flow from here to there " * turn)
        pay(turn, port)
        time.sleep(max(0.0, min(4.0, end - time.monotonic())))
        if time.monotonic() >= end or engine.poll() is not None:
            return  # and what was sent has had its time


def pay(turn: int, port: int) -> None:
    body = json.dumps({"payment": turn, "amount": 25}).encode()
    request = urllib.request.Request(WEBHOOK.format(port=port), body, {"Content-Type": "application/json"})
    for _ in range(50):
        try:
            urllib.request.urlopen(request, timeout=5).close()
            return
        except urllib.error.URLError:
            time.sleep(0.1)  # the engine is still starting


if __name__ == "__main__":
    sys.exit(main())
