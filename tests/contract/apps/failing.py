"""A job that fails with an exception."""

import supervisely as sly


def main() -> None:
    raise ValueError("no lemons in project 7")


if __name__ == "__main__":
    sly.main_wrapper("export", main)
