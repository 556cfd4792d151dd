"""A stand-in for a stack. usage: stub_stack.py PORT PREFIX MOOD, where the mood is good, sick or dying."""

import http.server
import sys

port, prefix, mood = int(sys.argv[1]), sys.argv[2], sys.argv[3]


class Stub(http.server.BaseHTTPRequestHandler):
    """Alive and at version 9, or sick and always 503."""

    def do_GET(self) -> None:
        known = self.path in (f"{prefix}/health/live", f"{prefix}/health")
        body = b'{"status":"alive","version":"9"}'
        self.send_response(503 if mood == "sick" else 200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if mood == "dying":
    sys.exit("BadSetting: this stack cannot start")
http.server.ThreadingHTTPServer(("127.0.0.1", port), Stub).serve_forever()
