"""The app: any program, in any language, that answers HTTP. This one needs nothing but Python."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # one connection for many events

    def do_POST(self) -> None:
        """The body is the data of an event, the headers `ce-...` its other attributes; the answer is its new data."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            data = json.loads(body)
            print(f"{self.path}: {data}", flush=True)
            self.answer(200, {"greeting": f"Hello, {data['name']}!", "time": data["time"]})
        except (ValueError, KeyError, TypeError) as error:
            self.answer(400, {"error": repr(error)})  # 400: this event is wrong, it becomes a dead letter

    def answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *_: object) -> None:
        """`do_POST` prints what is worth it."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("localhost", int(sys.argv[1]) if sys.argv[1:] else 8000), App)
    print(f"listening on http://localhost:{server.server_port}", flush=True)
    server.serve_forever()
