"""Champion: one file in the agent's storage says which model is in use."""

import json
import os
import urllib.request
from pathlib import Path

STATE = json.loads(os.environ["MODAL_STATE"])


def main() -> None:
    file = Path(os.environ["AGENT_STORAGE"]) / STATE["folder"] / "champion.json"
    if STATE["promote"] is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"model": STATE["promote"], "accuracy": STATE["accuracy"]}), encoding="utf-8")
    champion = {"model": "", "accuracy": 0.0}
    if file.exists():
        champion = json.loads(file.read_text(encoding="utf-8"))
    print(f"in use: {champion['model'] or 'nothing'}, accuracy {champion['accuracy']}", flush=True)
    data = {"artifacts_dir": champion["model"], "evaluation_metrics": {"accuracy": champion["accuracy"]}}
    set_output({"experiment": {"data": data}})


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
