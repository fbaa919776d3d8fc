"""Layers import downwards only, planning does without torch, and files stay short."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import alchemi_core

ROOT = Path(alchemi_core.__file__).parent

LAYERS = (
    "errors frozenmap atomic_write",
    "quantities unit_table units option_units bibliography",
    "contract scripting weights weight_algebra weight_factors neighbors.config neighbors.routing offers hookspecs",
    "outputs plugin_records distributions compatibility versions",
    "models selection regions",
    "topology",
    "planning",
    "data neighbors",
    "derivatives reductions",
    "runtime sampling finishing requirements provision strategies stacking restriction cut_bonds",
    "refusals discovery builtins factory registry toolkits",
    "declaration evaluation partitioned",
    "prepared",
    "pipeline",
    "algebra committees embedding expressions expression_reader expression_source expression_literals "
    "expression_weights serialization forms",
    "ase_results batching",
    "ase",
    "cli testing scaffold",
)
"""From the bottom up. A module may import its own layer and those above it in this list."""

ORDER = {name: level for level, names in enumerate(LAYERS) for name in names.split()}
MAX_LINES = 300


def modules():
    return sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def level_of(module):
    """Layer of a module: its own entry, or that of the package around it."""
    parts = module.split(".")
    known = [ORDER[name] for n in range(len(parts), 0, -1) if (name := ".".join(parts[:n])) in ORDER]
    assert known, f"{module} is in no layer: add it to LAYERS"
    return known[0]


def imported(path):
    """Yield modules of alchemi_core imported anywhere in a file, with whether only type checkers see it."""
    tree = ast.parse(path.read_text())
    hidden = {id(node) for block in ast.walk(tree) if is_type_checking(block) for node in ast.walk(block)}
    for node in ast.walk(tree):
        for name in names_in(node):
            if name.startswith("alchemi_core."):
                yield name.removeprefix("alchemi_core."), id(node) in hidden


def is_type_checking(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def names_in(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def test_every_import_is_absolute():
    relative = [
        f"{name_of(path)}: line {node.lineno}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_layers_import_downwards(path):
    own = level_of(name_of(path))
    upward = [target for target, hidden in imported(path) if not hidden and level_of(target) > own]
    assert upward == []


def test_planning_sees_no_tensors_even_in_its_types():
    banned = ("data", "neighbors.lists", "runtime", "pipeline", "derivatives")
    found = [
        (name_of(path), target)
        for path in (ROOT / "planning").glob("*.py")
        for target, _ in imported(path)
        if target.startswith(banned)
    ]
    assert found == []


def test_a_derivative_knows_nothing_of_models_plans_or_the_registry():
    banned = ("models", "planning", "registry", "runtime", "pipeline", "topology")
    found = [
        (name_of(path), target)
        for path in (ROOT / "derivatives").glob("*.py")
        for target, hidden in imported(path)
        if not hidden and target.startswith(banned)
    ]
    assert found == []


@pytest.mark.parametrize("path", [*modules(), ROOT / "__init__.py"], ids=name_of)
def test_files_are_short(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES


PROGRAM = """
import importlib, pkgutil, sys
import alchemi_core.planning as package
names = [module.name for module in pkgutil.iter_modules(package.__path__)]
for name in names:
    importlib.import_module(f"alchemi_core.planning.{name}")
assert len(names) > 5, names
print(sorted(name for name in ("torch", "numpy", "ase", "vesin") if name in sys.modules))
"""


def test_planning_imports_no_torch(prints):
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
