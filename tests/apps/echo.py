"""A service that repeats what it is asked, in answers, errors and its log."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        state = json.loads(self.rfile.read(int(self.headers["Content-Length"]))).get("state", {})
        print("asked", self.path, json.dumps(state) if self.path != "/quiet" else "", flush=True)
        answers = {
            "/echo": (200, {"said": state, "plain": "fine"}),
            "/error": (200, {"error": {"message": f"bad key {state}"}}),
            "/refuse": (400, {"message": "x" * 270 + str(state.get("key"))}),
            "/is_running": (200, {"running": True}),
            "/is_ready": (200, {"status": "ready"}),
            "/missing": (200, {"padding": "x" * 175, "said": state}),
        }
        if self.path == "/sly/shutdown":
            os._exit(0)
        status, content = answers.get(self.path, (200, {}))
        content = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["VIRTUAL_PORT"])), Handler)
server.daemon_threads = True
server.serve_forever(0.01)
