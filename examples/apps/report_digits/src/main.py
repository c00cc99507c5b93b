"""Report digits: one self-contained HTML page about several trained classifiers."""

import csv
import json
import os
import urllib.request
from html import escape
from pathlib import Path

STATE = json.loads(os.environ["MODAL_STATE"])
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}.best{font-weight:bold}.matrix td{border:1px solid #eee;min-width:1.6rem}
figure{display:inline-block;margin:.3rem;text-align:center;font-size:12px}svg{border:1px solid #ccc;background:#fff}"""


def main() -> None:
    runs = [load(Path(folder)) for folder in STATE["runs"]]
    best = max(runs, key=lambda run: run["summary"]["accuracy"])
    folder = Path(os.environ["AGENT_STORAGE"]) / STATE["folder"]
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "report.html"
    page.write_text(render(runs, best), encoding="utf-8")
    print(f"best: {best['summary']['name']}; {page}", flush=True)
    set_output({"general": {"title": str(page), "titleUrl": page.as_uri(), "description": best["summary"]["name"]}})


def load(folder: Path) -> dict:
    with (folder / "predictions.csv").open(encoding="ascii") as file:
        rows = [[int(cell) for cell in row] for row in csv.reader(file)]
    return {"summary": json.loads((folder / "summary.json").read_text(encoding="ascii")), "rows": rows}


def render(runs: list[dict], best: dict) -> str:
    rows = "".join(
        f"<tr class={'best' if run is best else 'run'}><td>{escape(run['summary']['name'])}</td>"
        f"<td>{run['summary']['neighbours']}</td><td>{run['summary']['accuracy']:.1%}</td></tr>"
        for run in runs
    )
    wrong = [row for row in best["rows"] if row[0] != row[1]]
    pictures = "".join(picture(row[2:], f"{row[0]} read as {row[1]}") for row in wrong[:40])
    return (
        f"<!doctype html><meta charset=utf-8><title>Digits</title><style>{STYLE}</style><h1>Handwritten digits</h1>"
        f"<table><tr><th>run<th>neighbours<th>accuracy</tr>{rows}</table>"
        f"<h2>What {escape(best['summary']['name'])} confuses</h2>{matrix(best['rows'])}"
        f"<h2>The {len(wrong)} images it got wrong</h2>{pictures}"
    )


def matrix(rows: list[list[int]]) -> str:
    counts = {(truth, guess): 0 for truth in range(10) for guess in range(10)}
    for truth, guess, *_ in rows:
        counts[truth, guess] += 1
    head = "".join(f"<th>{guess}" for guess in range(10))
    body = "".join(
        f"<tr><th>{truth}" + "".join(f"<td>{counts[truth, guess] or ''}" for guess in range(10)) for truth in range(10)
    )
    return f"<table class=matrix><tr><th>is \\ read as{head}</tr>{body}</table>"


def picture(pixels: list[int], caption: str) -> str:
    squares = "".join(
        f'<rect x="{index % 8}" y="{index // 8}" width="1" height="1" fill="#000" fill-opacity="{value / 16:.2f}"/>'
        for index, value in enumerate(pixels)
        if value
    )
    return f'<figure><svg viewBox="0 0 8 8" width="56" height="56">{squares}</svg><br>{caption}</figure>'


def set_output(output: dict) -> None:
    body = json.dumps({"taskId": int(os.environ["TASK_ID"]), "output": output}).encode()
    request = urllib.request.Request(
        f"{os.environ['SERVER_ADDRESS']}/public/api/v3/tasks.output.set",
        data=body,
        headers={"x-api-key": os.environ["API_TOKEN"], "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=30).close()


if __name__ == "__main__":
    main()
