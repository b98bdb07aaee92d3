"""The floors of both packages: who imports whom, read from the source without running it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "pageloom": ROOT / "components" / "pageloom",
    "pageloom_provider": ROOT / "provider" / "pageloom_provider",
}
# From the ground up. A room may import what stands on its own floor or below.
FLOORS = {
    "pageloom": [
        {"errors"},
        {"models"},
        {"processing"},
        {"document", "ocr", "fields"},
        {"inference", "corpus"},
        {"training"},
        {"pipes"},
        {"report", "viewer", "serving", "cli", "__main__"},
    ],
    "pageloom_provider": [
        {"provider_info", "spec", "storage", "configuration", "stopping"},
        {
            "shards",
            "quarantine",
            "tables",
            "ledger",
            "sinks",
            "assets",
            "lineage",
            "metrics",
            "views",
        },
        {"hooks", "triggers", "worker"},
        {"operators", "decorators"},
        {"blueprint"},
        {"plugin", "cli", "ledger_cli", "__main__"},
    ],
}
MAY_KNOW = {
    "models": {"torch", "detectron2", "numpy", "pydantic", "safetensors",
               "huggingface_hub", "pageloom_weights"},
    "processing": {"numpy", "PIL", "tokenizers", "pytesseract", "torch"},
}  # fmt: skip
HEAVY = ("torch", "spacy", "thinc", "pageloom")


class Import(NamedTuple):
    """`module` is absolute; `at_import` tells whether it runs when the file is imported."""

    module: str
    at_import: bool
    for_types: bool
    line: int


def files(package: str) -> list[Path]:
    return sorted(PACKAGES[package].rglob("*.py"))


def module_name(package: str, file: Path) -> str:
    parts = file.relative_to(PACKAGES[package].parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def room(module: str) -> str:
    """`pageloom.models.layers` -> `models`; the package's own `__init__` -> ``."""
    return module.partition(".")[2].partition(".")[0]


@cache
def modules(package: str) -> frozenset[str]:
    return frozenset(module_name(package, file) for file in files(package))


@cache
def imports(package: str, file: Path) -> tuple[Import, ...]:
    name = module_name(package, file)
    here = name if file.name == "__init__.py" else name.rpartition(".")[0]

    def targets(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            return
        base = node.module or ""
        if node.level:
            above = here.split(".")[: len(here.split(".")) - node.level + 1]
            base = ".".join([*above, *([base] if base else [])])
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield inner if inner in modules(package) else base

    def walk(node: ast.AST, at_import: bool, for_types: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for target in targets(node):
                yield Import(target, at_import and not for_types, for_types, node.lineno)
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            at_import = False
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for child in node.body:
                yield from walk(child, at_import, True)
            for child in node.orelse:
                yield from walk(child, at_import, for_types)
            return
        for child in ast.iter_child_nodes(node):
            yield from walk(child, at_import, for_types)

    return tuple(walk(ast.parse(file.read_text(encoding="utf8")), True, False))


every_file = pytest.mark.parametrize(
    ("package", "file"),
    [(package, file) for package in PACKAGES for file in files(package)],
    ids=lambda value: str(value.relative_to(ROOT)) if isinstance(value, Path) else None,
)


@every_file
def test_imports_never_climb(package, file):
    def floor(name: str) -> int:
        found = [number for number, rooms in enumerate(FLOORS[package]) if room(name) in rooms]
        assert found, f"{name} stands on no floor: give it one in FLOORS, and in the design"
        return found[0]

    name = module_name(package, file)
    if name == package:
        return  # its public names come from every floor, lazily
    for item in imports(package, file):
        if item.for_types or item.module.partition(".")[0] != package:
            continue
        if item.module == package:
            # The worker and the CLI use the public names, as users do.
            assert floor(name) == len(FLOORS[package]) - 1, f"{file}:{item.line}"
            continue
        assert floor(item.module) <= floor(name), f"{file}:{item.line} imports {item.module}"


@pytest.mark.parametrize("package", PACKAGES)
def test_there_are_no_circles(package):
    graph = {
        module_name(package, file): {
            item.module
            for item in imports(package, file)
            if item.at_import and item.module in modules(package)
        }
        for file in files(package)
    }
    # A folder's __init__ may gather what lies in it.
    for name, below in graph.items():
        graph[name] = {other for other in below if other != name}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"imports go round: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("name", MAY_KNOW)
def test_lower_rooms_know_few_libraries_and_never_spacy(name):
    known = MAY_KNOW[name] | set(sys.stdlib_module_names) | {"pageloom"}
    for file in (PACKAGES["pageloom"] / name).rglob("*.py"):
        for item in imports("pageloom", file):
            top = item.module.partition(".")[0]
            assert top in known, f"{file}:{item.line} imports {item.module}"
            if name == "processing" and item.at_import:
                assert not top.startswith("torch"), (
                    f"{file}:{item.line} imports torch for every user"
                )


@pytest.mark.parametrize("file", files("pageloom_provider"), ids=lambda file: file.name)
def test_the_provider_parses_without_torch_and_spacy(file):
    in_worker = room(module_name("pageloom_provider", file)) == "worker"
    for item in imports("pageloom_provider", file):
        if item.for_types or item.module.partition(".")[0] not in HEAVY:
            continue
        assert in_worker, f"{file}:{item.line} imports {item.module}, which is the worker's to do"
        assert not item.at_import, f"{file}:{item.line} imports {item.module} outside a function"


@every_file
def test_files_are_short_and_have_a_subject(package, file):
    assert file.stem not in ("utils", "util", "helpers", "common", "misc")
    lines = len(file.read_text(encoding="utf8").splitlines())
    assert lines <= 450, f"{file} has {lines} lines: divide it by subject"


def test_every_installed_component_costs_spacy_users_nothing():
    program = """
import sys, spacy
nlp = spacy.blank("en")
for name in ("ocr", "layout_tokenizer", "layoutlmv2_tagger", "lilt_tagger", "document_classifier"):
    assert nlp.has_factory(name), "pageloom is not installed"
assert "pageloom.pipes.factories" in sys.modules
loaded = [
    name
    for name in sys.modules
    if name.startswith(("pageloom.models", "pageloom.inference", "pageloom.processing"))
    or name.partition(".")[0] in ("PIL", "transformers", "pypdfium2", "pytesseract", "rapidocr")
]
assert not loaded, loaded
print("light")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "light\n", done.stderr
