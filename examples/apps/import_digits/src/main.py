"""Import digits: an app without an SDK. Params arrive in the environment, the output goes back over HTTP."""

import csv
import gzip
import json
import os
import urllib.request
from pathlib import Path

STATE = json.loads(os.environ["MODAL_STATE"])


def main() -> None:
    count, share = int(STATE["count"]), float(STATE["testShare"])
    source = Path(__file__).parent.parent / "data" / "digits.csv.gz"
    with gzip.open(source, "rt", encoding="ascii") as file:
        rows = [[int(float(cell)) for cell in row] for row in csv.reader(file)][:count]
    split = round(len(rows) * (1 - share))
    folder = Path(os.environ["AGENT_STORAGE"]) / STATE["folder"]
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", rows[:split]), ("test", rows[split:])):
        with (folder / f"{name}.csv").open("w", encoding="ascii", newline="") as file:
            csv.writer(file).writerows(part)
        print(f"{name}: {len(part)} images", flush=True)
    set_output({"general": {"title": str(folder), "description": f"{len(rows)} images", "titleUrl": folder.as_uri()}})


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
