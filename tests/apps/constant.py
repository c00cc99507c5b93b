"""A service that answers every command in the same way."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps({"running": True, "status": "ready", "deployed": True, "map": 0.5}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/sly/shutdown":
            threading.Thread(target=self.server.shutdown).start()

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(os.environ["VIRTUAL_PORT"])), Handler).serve_forever(0.01)
