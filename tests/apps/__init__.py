"""Programs of apps for tests: each is one file of the standard library alone."""

from pathlib import Path


def source(name: str) -> str:
    return (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
