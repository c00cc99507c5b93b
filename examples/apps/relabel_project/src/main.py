"""Relabel a project: writes new labels over the old ones."""

import json
import os
import urllib.request

STATE = json.loads(os.environ["MODAL_STATE"])
TASK_ID = int(os.environ["TASK_ID"])


def main() -> None:
    project = call("projects.info", {"id": int(STATE["slyProjectId"])})
    old = project.get("customData") or {}
    new = {image: STATE["rename"].get(label, label) for image, label in old.items()}
    changed = sum(old[image] != new[image] for image in old)
    call("projects.editInfo", {"id": project["id"], "customData": new})
    print(f"project {project['id']}: {changed} labels overwritten", flush=True)
    call("tasks.output.set", {"taskId": TASK_ID, "output": {"general": {"title": str(changed)}}})


def call(method: str, body: dict) -> dict:
    request = urllib.request.Request(
        f"{os.environ['SERVER_ADDRESS']}/public/api/v3/{method}",
        data=json.dumps(body).encode(),
        headers={"x-api-key": os.environ["API_TOKEN"], "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
