"""A service that notes its start and its stop; files in its folder make it slow, broken or undeployed."""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder = os.environ["modal.state.folder"]


def there(name):
    return os.path.exists(os.path.join(folder, name))


def note(word):
    open(os.path.join(folder, "notes"), "a").write(word + "\n")


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        command = self.path.strip("/")
        if command == "die":
            os._exit(3)
        if command == "sly/shutdown":
            note("stopped " + os.environ["TASK_ID"])
            threading.Thread(target=self.server.shutdown).start()
        status, content = 200, {}
        if command == "is_running":
            content = {"running": True}
        if command == "is_ready":
            status, content = (503, {"detail": "not yet"}) if there("slow") else (200, {"status": "ready"})
        if command == "is_deployed":
            content = {"deployed": not there("undeployed")}
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if there("broken"):
    sys.exit("no weights")
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["VIRTUAL_PORT"])), Handler)
note("up " + os.environ["TASK_ID"])
server.serve_forever(0.01)
