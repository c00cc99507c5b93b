"""The layers, the importers of each library and the sizes, read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "taskspec"

FLOORS = (
    {"json_tree", "wording"},
    {
        "diagnostics",
        "values",
        "plainfile",
        "schemas",
        "targets",
        "hiding",
        "projectroot",
        "processmark",
        "filelock",
        "__init__",
    },
    {"errors", "sensitive"},
    {"appfolder", "beside", "graph", "textfiles"},
    {"spec"},
    {"template", "layout"},
    {"state"},
    {"plan"},
    {"api"},
    {"local"},
    {"engine"},
    {"rehearsal"},
    {"composition"},
    {"operations"},
    {"statefile"},
    {"origins"},
    {"offline", "knowing", "standing", "upkeep", "explain", "scaffold"},
    {"view"},
    {"cli"},
    {"__main__"},
)
"""The layers, lowest first; a package may import from lower layers, and from itself."""

NEVER = {
    "local": {"spec", "template", "state", "plan", "engine", "operations", "upkeep", "view", "cli", "graph"},
    "api": {"template", "state", "plan", "local"},
    "engine": {"view", "cli", "local"},
    "rehearsal": {"local"},
    "plan": {"api", "local"},
    "template": {"state"},
}
"""Packages that must not know each other although one is below the other."""

DOORS = {
    "yaml": {"taskspec.spec.reader", "taskspec.layout.reading"},
    "jsonschema": {"taskspec.spec.schema"},
    "jinja2": {f"taskspec.template.{name}" for name in ("environment", "expression", "filters", "missing")},
    "networkx": {"taskspec.graph"},
    "requests": {"taskspec.api.transport"},
    "urllib3": {"taskspec.api.transport"},
    "click": {"taskspec.cli"},
    "rich": {"taskspec.view.live", "taskspec.cli.commands.apply"},
    "starlette": {"taskspec.local"},
    "uvicorn": {"taskspec.local"},
    "h11": {"taskspec.local"},
    "python_multipart": {"taskspec.local"},
    "jsonpatch": {"taskspec.local.documentpatch"},
    "orjson": {"taskspec.local.encoding"},
    "sqlite3": {"taskspec.state", "taskspec.local"},
    "dotenv": {"taskspec.api.credentials"},
    "platformdirs": {"taskspec.local.home"},
    # A program of its own, started by its path, is the one that cannot import the module.
    "fcntl": {"taskspec.filelock", "taskspec.local.appenv"},
    "psutil": {"taskspec.processmark", "taskspec.state.lease", "taskspec.local"},
}
"""The modules (or packages) that may import a library."""

PURE = (
    "values", "json_tree", "sensitive", "graph", "diagnostics", "spec", "template", "plan",
    "state.model", "state.chain",
    "engine.frontier", "engine.slots", "engine.admission", "engine.ready", "engine.rules", "engine.run", "layout",
)  # fmt: skip
IMPURE_MODULES = {"os", "socket", "subprocess", "threading", "time", "random", "requests", "sqlite3", "uuid"}
MODULE_LIMIT = 330
FUNCTION_LIMIT = 60


def module_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Every module that is imported, wherever in the file; `from a import b` counts as a.b when that is a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = ROOT / Path(*node.module.split("."), alias.name)
                is_module = inner.with_suffix(".py").exists() or inner.is_dir()
                yield f"{node.module}.{alias.name}" if is_module else node.module, node


def floor(name: str) -> int:
    return next(index for index, rooms in enumerate(FLOORS) if name in rooms)


ALL = [pytest.param(path, id=module_name(path)) for path in module_files()]


@pytest.mark.parametrize("path", ALL)
def test_a_module_imports_only_from_floors_below(path: Path) -> None:
    here = room(module_name(path))
    for imported, _ in imports(path):
        if imported.startswith("taskspec"):
            there = room(imported)
            assert here == there or floor(there) < floor(here), f"{module_name(path)} reaches up to {imported}"
            assert there not in NEVER.get(here, set()), f"{module_name(path)} must not know {imported}"


@pytest.mark.parametrize("path", ALL)
def test_every_library_has_one_door(path: Path) -> None:
    name = module_name(path)
    for imported, _ in imports(path):
        doors = DOORS.get(imported.split(".")[0])
        if doors is not None:
            assert any(name == door or name.startswith(door + ".") for door in doors), f"{name} imports {imported}"


@pytest.mark.parametrize("path", ALL)
def test_the_middle_is_pure(path: Path) -> None:
    name = module_name(path).removeprefix("taskspec.")
    if any(name == pure or name.startswith(pure + ".") for pure in PURE):
        touched = {imported for imported, _ in imports(path) if imported.split(".")[0] in IMPURE_MODULES}
        assert not touched, f"{name} is pure and imports {touched}"


@pytest.mark.parametrize("path", ALL)
def test_modules_and_functions_have_a_bounded_size(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MODULE_LIMIT, "find the missing noun"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LIMIT, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", ALL)
def test_an_import_inside_a_function_says_what_it_saves(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lines = path.read_text(encoding="utf-8").splitlines()
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert "PLC0415" in lines[node.lineno - 1], f"{module_name(path)}:{node.lineno} hides an import"


def test_no_circle_of_modules() -> None:
    known = {module_name(path): path for path in module_files()}
    needs: dict[str, set[str]] = {}
    for name, path in known.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = {node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)}
        needs[name] = {i for i, node in imports(path) if node in top and i in known and i != name}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' → '.join([*path[path.index(name) :], name])}"
        if name not in done:
            for other in sorted(needs[name]):
                visit(other, (*path, name))
            done.add(name)

    for name in known:
        visit(name, ())


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {path.stem for path in module_files()}
    assert not names & {"utils", "util", "helpers", "common", "base", "manager", "misc"}


def test_every_module_says_what_it_is_for() -> None:
    trees = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in module_files()}
    silent = [name for name, tree in trees.items() if tree.body and not ast.get_docstring(tree)]
    assert not silent
