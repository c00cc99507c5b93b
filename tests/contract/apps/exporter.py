"""A job that publishes a file and its workflow nodes with helpers of the SDK."""

from pathlib import Path

import supervisely as sly


def main() -> None:
    api = sly.Api.from_env()
    result = Path(sly.app.get_data_dir()) / "result.txt"
    result.write_text("lemons")
    api.app.workflow.add_output_file("/lemons.txt")
    sly.output.set_download(str(result))


if __name__ == "__main__":
    sly.main_wrapper("main", main)
