"""A service with one command for each way in which a call can end."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CALLS = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        command = self.path.lstrip("/")
        CALLS.append(command)
        open("CALLS", "a").write(command + chr(10))
        if command == "echo":
            self.answer(200, {"data": body["state"], "count": CALLS.count(command)})
        elif command == "fails":
            self.answer(200, {"error": {"message": "no such model"}})
        elif command == "breaks":
            self.answer(500, {"message": "boom"})
        elif command == "progress":
            done = CALLS.count(command) >= 3
            self.answer(200, {"status": "done", "map": 0.5} if done else {})
        elif command == "hang":
            time.sleep(600)
        elif command == "flaky":
            if CALLS.count(command) < 3:
                self.connection.close()
            else:
                self.answer(200, {"count": CALLS.count(command)})
        elif command == "fastapi":
            self.answer(422, {"detail": [{"loc": ["body", "lr"], "msg": "field required"}]})
        elif command == "leave":
            self.answer(200, {"done": False})
            os._exit(3)
        elif command == "sly/shutdown":
            os._exit(0)
        else:
            self.answer(200, {})

    def answer(self, status, content):
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
