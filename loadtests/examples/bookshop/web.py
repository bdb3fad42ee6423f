"""A small web server: routes, an account of what each answered, and a page that shows it."""

import re
import signal
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROUTES = []
COUNTS = Counter()
LOCK = threading.Lock()


def route(method, path):
    """Has a function answer a route: (request, *values of the path) → status, body[, fields]."""

    def known(answer):
        pattern = re.compile(re.sub(r"\{\w+\}", "([^/]+)", path) + "$")
        ROUTES.append((method, pattern, f"{method} {path}", answer))
        return answer

    return known


def count(name, **labels):
    with LOCK:
        COUNTS[name + "".join(f',{key}="{value}"' for key, value in labels.items())] += 1


def page():
    """The account, as Prometheus reads it."""
    with LOCK:
        counts = sorted(COUNTS.items())
    lines = ["# TYPE http_requests_total counter"]
    for series, number in counts:
        name, _, labels = series.partition(",")
        lines.append(f"{name}{{{labels}}} {number}" if labels else f"{name} {number}")
    return "\n".join(lines) + "\n"


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # An answer leaves in one piece.

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self):
        if self.path in ("/health", "/metrics"):
            return self.send(200, page() if self.path == "/metrics" else "fine\n")
        for method, pattern, name, answer in ROUTES:
            found = pattern.match(self.path)
            if found and method == self.command:
                status, *rest = answer(self, *found.groups())
                count("http_requests_total", route=name, status=status)
                return self.send(status, *rest)
        self.body()
        self.send(404, "there is nothing here\n")

    do_GET = do_POST = do_PUT = answer

    def send(self, status, body, fields={}):
        body = body.encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **fields}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Whoever wants to know what was answered looks at the account."""


def serve(address, port):
    ThreadingHTTPServer.request_queue_size = 128
    server = ThreadingHTTPServer((address, int(port)), Request)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.serve_forever()
