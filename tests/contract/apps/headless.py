"""A typical job of the Ecosystem: state from the environment, progress, files, an output."""

import os
from pathlib import Path

import supervisely as sly


def main() -> None:
    api = sly.Api.from_env()
    task_id = sly.env.task_id()
    progress = sly.Progress("Counting", 3)
    for _ in range(3):
        progress.iter_done_report()
    report = Path(sly.app.get_data_dir()) / "report.txt"
    report.write_text(f"report of {task_id}")
    api.task.upload_files(task_id, [str(report)], ["report.txt"])
    seen = {
        "lr": os.environ["modal.state.lr"],  # noqa: SIM112 - the agent's spelling
        "names": os.environ["modal.state.names"],  # noqa: SIM112 - as above
        "absent": os.environ.get("modal.state.none"),  # noqa: SIM112 - as above
        "project": sly.env.project_id(),
        "places": [sly.env.team_id(), sly.env.workspace_id(), sly.env.agent_id(), sly.env.user_id()],
        "production": sly.is_production(),
        "header": api.headers.get("x-task-id"),
        "info": api.task.get_info_by_id(task_id)["status"],
    }
    sly.logger.info("seen", extra=seen)
    api.task.set_output_text(task_id, "counted", "3 of 3")


if __name__ == "__main__":
    sly.main_wrapper("main", main)
