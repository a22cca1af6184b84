"""The table of layers (CONTRIBUTING.md) is true of every module of the package."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import git_pliny

PACKAGE = Path(git_pliny.__file__).parent
LAYERS = {
    "errors": 0,
    "model": 1,
    "plans": 2,
    "config": 2,
    "masking": 2,
    "git": 2,
    "runners": 2,
    "store": 3,
    "executor": 4,
    "sharing": 4,
    "api": 5,
    "cli": 5,
}
LONGEST = 330
PURE_FORBIDS = {
    "asyncio",
    "io",
    "os",
    "pathlib",
    "random",
    "secrets",
    "shutil",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
}
PURE_FORBIDS |= {"threading", "time", "uuid"}
HOMES = {"dulwich": {"git"}, "jinja2": {"plans"}, "rich": {"cli"}, "typer": {"cli"}}
"""Libraries that only some packages may import."""
IMPORTS_LATE = {
    "git_pliny.cli.loading",
    "git_pliny.plans.prompts",
    "git_pliny.runners.model",
    "git_pliny.runners.prices",
    "git_pliny.runners.requests",
}
"""Where what the command line asks for is imported, and the engine of templates when the first one is met."""


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
every_module = pytest.mark.parametrize("module", MODULES)


def imported(module: str, source: str, known: set[str]) -> Iterator[str]:
    """Every module that `source` imports, in full; of `from x import y` it is `x.y` where that is a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} line {node.lineno} imports relatively"
            assert node.module
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module


def unit(module: str) -> str:
    """The package or module directly below the root that `module` is, or belongs to."""
    return module.split(".")[1]


def against_the_layers(module: str, source: str, known: set[str]) -> list[str]:
    """The imports of our own that reach up, or sideways into another package."""
    own = unit(module)
    ours = [name for name in imported(module, source, known) if name.startswith("git_pliny.")]
    return [name for name in ours if unit(name) != own and LAYERS[unit(name)] >= LAYERS[own]]


def late_imports(source: str) -> list[int]:
    """The lines on which something is imported inside a function or class, or under a condition."""
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and "import" in ast.unparse(node.func)]
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return [node.lineno for node in (*calls, *statements) if node not in tree.body]


def names_used(source: str) -> set[str]:
    """Every name and dotted name that the code mentions."""
    return {ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name | ast.Attribute)}


def test_the_table_of_layers_names_every_package_and_module() -> None:
    assert {unit(module) for module in MODULES if module != "git_pliny"} <= set(LAYERS)


@every_module
def test_a_module_imports_only_from_lower_layers_or_its_own_package(module: str) -> None:
    if module == "git_pliny":
        assert list(imported(module, MODULES[module], set(MODULES))) == []
    else:
        assert against_the_layers(module, MODULES[module], set(MODULES)) == []


@every_module
def test_a_module_imports_at_its_top_only(module: str) -> None:
    assert bool(late_imports(MODULES[module])) == (module in IMPORTS_LATE)


PRINTS_WHEN_ASKED = {"git_pliny.api": {"sys.stdout"}}
"""`PlanExecutor.print_progress` is called to print, and its caller may give another stream."""


@every_module
def test_a_module_is_not_too_long(module: str) -> None:
    lines = MODULES[module].count("\n")
    assert lines <= LONGEST


@every_module
def test_a_library_is_imported_only_where_it_is_at_home(module: str) -> None:
    libraries = {name.partition(".")[0] for name in imported(module, MODULES[module], set(MODULES))}
    for library in libraries & set(HOMES):
        assert unit(module) in HOMES[library]


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("git_pliny.model")])
def test_the_model_is_pure(module: str) -> None:
    roots = {name.partition(".")[0] for name in imported(module, MODULES[module], set(MODULES))}
    assert roots & PURE_FORBIDS == set()
    assert names_used(MODULES[module]) & {"open", "print"} == set()


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith("git_pliny.cli")])
def test_only_the_command_line_reads_the_environment_prints_and_exits(module: str) -> None:
    theirs = {"os.environ", "os.environb", "os.getenv", "print", "sys.argv", "sys.exit", "sys.stdout", "sys.stderr"}
    assert names_used(MODULES[module]) & theirs == PRINTS_WHEN_ASKED.get(module, set())


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {module: set(imported(module, source, set(MODULES))) & set(MODULES) for module, source in MODULES.items()}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a cycle: {' -> '.join(reversed(error.args[1]))}")


KNOWN = {"git_pliny.model.plan", "git_pliny.store.journal", "git_pliny.git.refs", "git_pliny.plans.yaml"}


def test_an_import_from_a_higher_layer_is_found() -> None:
    source = "from git_pliny.store import journal\nfrom git_pliny.model.plan import Plan\n"
    assert against_the_layers("git_pliny.git.refs", source, KNOWN) == ["git_pliny.store.journal"]


def test_an_import_from_another_package_of_the_same_layer_is_found() -> None:
    assert against_the_layers("git_pliny.plans.yaml", "import git_pliny.git.refs", KNOWN) == ["git_pliny.git.refs"]


def test_an_import_inside_a_function_or_a_condition_is_found() -> None:
    source = "import a\ndef f():\n    import b\nif a:\n    from c import d\n__import__('e')\n"
    assert sorted(late_imports(source)) == [3, 5, 6]
