"""Serve digits: an app that stays up and answers over HTTP, in the shape of the platform's serving apps.

POST /is_running, /is_ready, /is_deployed say how far it is; /predict reads images, /evaluate a whole file of them.
The body of a call is {"state": {…}}.
"""

import argparse
import csv
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Image = list[float]
STATE = json.loads(os.environ["MODAL_STATE"])


class Model:
    """The mean image of each digit; the nearest one is the answer."""

    def __init__(self, rows: list[list[int]]) -> None:
        self.images = len(rows)
        by_label: dict[int, list[list[int]]] = {}
        for *pixels, label in rows:
            by_label.setdefault(label, []).append(pixels)
        self.means = {label: mean(found) for label, found in by_label.items()}

    def predict(self, pixels: Image) -> int:
        return min(
            self.means, key=lambda label: sum((a - b) ** 2 for a, b in zip(pixels, self.means[label], strict=True))
        )


def mean(images: list[list[int]]) -> Image:
    return [sum(column) / len(images) for column in zip(*images, strict=True)]


class Service:
    """The model, once it is loaded, and what can be asked of it."""

    def __init__(self) -> None:
        self.model: Model | None = None

    def load(self, data: Path) -> None:
        self.model = Model(read(data / "train.csv"))
        print(f"deployed: {len(self.model.means)} digits from {self.model.images} images", flush=True)

    def answer(self, command: str, state: dict) -> tuple[int, dict]:
        if command == "is_running":
            return 200, {"running": True, "mode": "production"}
        if command == "is_ready":
            return 200, {"status": "ready"}
        if command == "is_deployed":
            return 200, {"deployed": self.model is not None}
        if command not in ("predict", "evaluate"):
            return 404, {"detail": f"unknown command /{command}; use /predict or /evaluate"}
        if self.model is None:
            return 503, {"detail": "the model is still loading"}
        try:
            return 200, (predict if command == "predict" else evaluate)(self.model, state)
        except (KeyError, TypeError, ValueError, OSError) as error:
            return 400, {"detail": f"{type(error).__name__}: {error}"}


def predict(model: Model, state: dict) -> dict:
    """{"images": [[64 pixels], …]} → {"digits": [7, …]}"""
    return {"digits": [model.predict(pixels) for pixels in state["images"]]}


def evaluate(model: Model, state: dict) -> dict:
    """{"data": "folder of imported digits"} → {"accuracy": 0.9, "images": 200}"""
    rows = read(Path(state["data"]) / "test.csv")
    right = sum(model.predict(pixels) == label for *pixels, label in rows)
    return {"accuracy": round(right / len(rows), 4), "images": len(rows)}


def read(path: Path) -> list[list[int]]:
    with path.open(encoding="ascii") as file:
        return [[int(cell) for cell in row] for row in csv.reader(file)]


class Handler(BaseHTTPRequestHandler):
    service = Service()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        command = self.path.partition("?")[0].strip("/")
        if command == "sly/shutdown":
            self.reply(200, {})
            threading.Thread(target=self.server.shutdown).start()
            return
        try:
            asked = json.loads(body or b"{}")
        except ValueError:
            self.reply(400, {"detail": "the body is not valid JSON"})
            return
        self.reply(*self.service.answer(command, asked.get("state") or {}))

    def reply(self, status: int, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


def load_or_leave(data: Path) -> None:
    """A service without its model is of no use: it ends, and its log says why."""
    try:
        Handler.service.load(data)
    except (OSError, ValueError) as error:
        print(f"the digits cannot be read: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    chosen = parser.parse_args()
    server = ThreadingHTTPServer((chosen.host, chosen.port), Handler)
    server.daemon_threads = True
    threading.Thread(target=load_or_leave, args=(Path(STATE["data"]),), daemon=True).start()
    server.serve_forever(0.05)
    print("left by itself", flush=True)


if __name__ == "__main__":
    main()
