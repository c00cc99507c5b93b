"""Layers, importers and sizes, read from the source itself."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "taskspec"

LAYERS = (
    {"json_tree", "wording"},
    {"diagnostics", "values", "__init__"},
    {"errors", "graph"},
    {"files"},
    {"secrets"},
    {"specfile"},
    {"template", "fmt"},
    {"state"},
    {"plan"},
    {"api"},
    {"local"},
    {"engine"},
    {"rehearsal"},
    {"operations", "scaffold"},
    {"view"},
    {"cli"},
    {"__main__"},
)
"""Packages from the lowest layer up; a package may import from lower layers, and from itself."""

NEVER = {
    "local": {"specfile", "template", "state", "plan", "engine", "operations", "view", "cli", "graph"},
    "api": {"template", "state", "plan", "local"},
    "engine": {"view", "cli", "local"},
    "rehearsal": {"local"},
    "plan": {"api", "local"},
    "template": {"state"},
}
"""Packages that must not import each other although one lies in a lower layer."""

IMPORTERS = {
    "yaml": {"taskspec.specfile.yaml.yaml_reader", "taskspec.fmt.reading"},
    "jsonschema": {"taskspec.specfile.schema"},
    "jinja2": {f"taskspec.template.expressions.{name}" for name in ("sandbox", "expression", "filters", "undefined")},
    "networkx": {"taskspec.graph"},
    "requests": {"taskspec.api.transport"},
    "urllib3": {"taskspec.api.transport"},
    "click": {"taskspec.cli"},
    "rich": {"taskspec.view.live_table", "taskspec.cli.commands.apply"},
    "starlette": {"taskspec.local"},
    "uvicorn": {"taskspec.local"},
    "h11": {"taskspec.local"},
    "python_multipart": {"taskspec.local"},
    "jsonpatch": {"taskspec.local.db.documents"},
    "orjson": {"taskspec.local.http.bodies"},
    "sqlite3": {"taskspec.state", "taskspec.local"},
    "dotenv": {"taskspec.api.credentials"},
    "platformdirs": {"taskspec.local.home"},
    # A program of its own, started by its path, is the one that cannot import the module.
    "fcntl": {"taskspec.files.file_lock", "taskspec.local.agent.venv_program"},
    "psutil": {"taskspec.files.process_mark", "taskspec.state.lease", "taskspec.local"},
}
"""The modules (or packages) that may import each library."""

PURE = (
    "values", "json_tree", "secrets.redaction", "secrets.sensitive", "graph", "diagnostics", "specfile", "template",
    "plan", "state.model", "engine.schedule", "engine.rules", "engine.run", "fmt",
)  # fmt: skip
IMPURE_MODULES = {"os", "socket", "subprocess", "threading", "time", "random", "requests", "sqlite3", "uuid"}
MODULE_LIMIT = 330
FUNCTION_LIMIT = 60
FOLDER_LIMIT = 15
FREE_STEMS = {"__init__", "__main__", "model"}
"""Names of files that may occur in several packages; the commands and the routes may repeat a name too."""


def module_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def top_package(module: str) -> str:
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


def layer(name: str) -> int:
    return next(index for index, packages in enumerate(LAYERS) if name in packages)


def modules_needed() -> dict[str, set[str]]:
    """The modules of the package that each module imports; imports for types and in functions count."""
    known = {module_name(path): path for path in module_files()}
    return {name: {i for i, _ in imports(path) if i in known and i != name} for name, path in known.items()}


def circle(needs: dict[str, set[str]]) -> list[str]:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name not in done:
            for other in sorted(needs.get(name, ())):
                if found := visit(other, (*path, name)):
                    return found
            done.add(name)
        return []

    return next((found for name in sorted(needs) if (found := visit(name, ()))), [])


ALL = [pytest.param(path, id=module_name(path)) for path in module_files()]


@pytest.mark.parametrize("path", ALL)
def test_a_module_imports_only_from_lower_layers(path: Path) -> None:
    here = top_package(module_name(path))
    for imported, _ in imports(path):
        if imported.split(".")[0] == "taskspec":
            there = top_package(imported)
            assert here == there or layer(there) < layer(here), f"{module_name(path)} imports {imported}"
            assert there not in NEVER.get(here, set()), f"{module_name(path)} must not import {imported}"


@pytest.mark.parametrize("path", ALL)
def test_a_library_is_imported_only_by_its_importers(path: Path) -> None:
    name = module_name(path)
    for imported, _ in imports(path):
        importers = IMPORTERS.get(imported.split(".")[0])
        if importers is not None:
            assert any(name == one or name.startswith(one + ".") for one in importers), f"{name} imports {imported}"


def test_the_tables_name_only_modules_that_exist() -> None:
    known = {module_name(path) for path in module_files()}
    named = {one for importers in IMPORTERS.values() for one in importers} | {f"taskspec.{name}" for name in PURE}
    assert not named - known


@pytest.mark.parametrize("path", ALL)
def test_pure_modules_import_nothing_that_acts(path: Path) -> None:
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
    assert not circle(modules_needed())


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_no_circle_of_packages(depth: int) -> None:
    """A package is cut to `depth` names below taskspec; a module that lies in no deeper package counts by itself."""
    needs: dict[str, set[str]] = {}
    packages = {module_name(path) for path in module_files() if path.name == "__init__.py"}

    def cut(module: str) -> str:
        parts = module.split(".")[: depth + 1]
        return ".".join(parts)

    for name, others in modules_needed().items():
        # The exports of a package are not a module of it: they stand above the modules.
        if name not in packages:
            deeper = {cut(i) for i in others if i not in packages}
            needs.setdefault(cut(name), set()).update(deeper - {cut(name)})
    assert not circle(needs)


def test_a_folder_holds_few_modules() -> None:
    folders = Counter(path.parent for path in module_files() if path.name != "__init__.py")
    crowded = {module_name(folder / "__init__.py"): count for folder, count in folders.items() if count > FOLDER_LIMIT}
    assert not crowded


def test_a_file_name_occurs_once() -> None:
    repeatable = {PACKAGE / "cli" / "commands", PACKAGE / "local" / "http" / "routes"}
    stems = Counter(path.stem for path in module_files() if path.parent not in repeatable)
    assert not {stem for stem, count in stems.items() if count > 1} - FREE_STEMS


def test_a_class_name_occurs_once() -> None:
    names = Counter(
        node.name
        for path in module_files()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    )
    assert not {name for name, count in names.items() if count > 1}


def test_the_page_on_architecture_lists_every_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = {path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("__init__.py")} - {"."}
    assert not {package for package in packages if f"`{package}/`" not in page}


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {path.stem for path in module_files()}
    assert not names & {"utils", "util", "helpers", "common", "base", "manager", "misc"}


def test_every_module_says_what_it_is_for() -> None:
    trees = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in module_files()}
    silent = [name for name, tree in trees.items() if tree.body and not ast.get_docstring(tree)]
    assert not silent
