"""An app with an HTTP server, in the shape of the vendor's own (wire protocol 4.9), of the standard library alone."""

import argparse
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, content, kind="application/json", **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self.chunk, b""))
        self.react(self.path.partition("?")[0].strip("/").replace("/", "_"), body)

    do_POST = do_PUT = do_HEAD = do_GET

    def chunk(self):
        data = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return data

    def react(self, command, body):
        if command == "is_running":
            self.answer(405 if self.command == "GET" else 200, {"running": True, "mode": "production"})
        elif command == "is_ready":
            ready = os.path.exists(os.environ["SLY_APP_DATA_DIR"] + "/ready")
            self.answer(*((200, {"status": "ready"}) if ready else (503, {"detail": "Service not ready"})))
        elif command == "sly_shutdown":
            self.answer(200, None)
            print("asked to leave", flush=True)
            threading.Thread(target=self.server.shutdown).start()
        elif command == "fail":
            self.answer(500, {"detail": {"title": "Oops", "message": "no such model"}})
        elif command == "empty":
            self.answer(200, b"")
        elif command == "broken":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            self.close_connection = True
        elif command == "nonsense":
            self.wfile.write(b"this is not HTTP\r\n\r\n")
            self.close_connection = True
        elif command == "sleep":
            time.sleep(600)
        elif command == "note":
            print("noted", flush=True)
            self.answer(200, {})
        elif command == "page":
            self.answer(200, b"<html>", "text/html", **{"X-App": "yes"})
        else:
            seen = {"verb": self.command, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}
            self.answer(200, {**seen, "body": body.decode()})

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True


parser = argparse.ArgumentParser()
parser.add_argument("--host")
parser.add_argument("--port", type=int)
chosen = parser.parse_args()
server = Server((chosen.host, chosen.port), Handler)
print("listening at", chosen.host, chosen.port, flush=True)
server.serve_forever(0.01)
print("left by itself", flush=True)
