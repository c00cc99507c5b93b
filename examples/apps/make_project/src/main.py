"""Make a project: its labels lie in the project's custom data, and the output names the project."""

import json
import os
import urllib.request

STATE = json.loads(os.environ["MODAL_STATE"])
TASK_ID = int(os.environ["TASK_ID"])


def main() -> None:
    labels = {f"image-{number}": label for number, label in enumerate(STATE["labels"])}
    body = {"workspaceId": int(os.environ["WORKSPACE_ID"]), "name": f"{STATE['name']} {TASK_ID}", "customData": labels}
    project = call("projects.add", body)
    print(f"project {project['id']} with {len(labels)} labels", flush=True)
    call("tasks.output.set", {"taskId": TASK_ID, "output": {"project": {"id": project["id"], "name": project["name"]}}})


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
