"""Import a batch: finishes whatever happens, and says in its output when something was wrong, as many imports do."""

import csv
import json
import os
import sys
import urllib.request
from pathlib import Path

STATE = json.loads(os.environ["MODAL_STATE"])
WIDTH = 65


def main() -> None:
    source = Path(__file__).parent.parent / "data" / f"{STATE['batch']}.csv"
    with source.open(encoding="ascii") as file:
        rows = list(csv.reader(file))
    good = [row for row in rows if len(row) == WIDTH]
    broken = len(rows) - len(good)
    print(f"{STATE['batch']}: {len(good)} scans, {broken} broken lines", flush=True)
    if broken and STATE["strict"]:
        sys.exit(f"{broken} broken lines in {source.name}")
    if broken:
        text = f"{broken} of {len(rows)} lines are cut off"
        set_output({"general": {"title": "Import failed", "description": text, "isError": True}})
        return
    folder = Path(os.environ["AGENT_STORAGE"]) / STATE["folder"]
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{STATE['batch']}.csv"
    with target.open("w", encoding="ascii", newline="") as file:
        csv.writer(file).writerows(good)
    set_output({"general": {"title": str(target), "description": str(len(good)), "titleUrl": target.as_uri()}})


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
