"""The provider's floors: DAG files parse on a scheduler that has neither torch nor spaCy."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROVIDER = ROOT / "provider" / "pageloom_provider"
WORKER_ONLY = ("pageloom", "spacy", "thinc", "torch", "PIL", "transformers", "pypdfium2")

BLOCKED = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {WORKER_ONLY!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed on this scheduler")

sys.meta_path.insert(0, Blocked())
"""


def run_without_worker_packages(code, tmp_path):
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    return subprocess.run(
        [sys.executable, "-c", BLOCKED + code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_every_module_and_the_dag_import_without_torch_and_spacy(tmp_path):
    modules = sorted(
        ".".join(path.relative_to(PROVIDER.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in PROVIDER.rglob("*.py")
    )
    ran = run_without_worker_packages(
        f"""
from importlib import import_module
for name in {modules!r}:
    import_module(name)
import pageloom_provider.operators as operators
for name in operators.__all__:
    getattr(operators, name)
import runpy
dag = runpy.run_path({str(ROOT / "dags" / "invoice_ingestion.py")!r})["dag"]
print(sorted(dag.task_ids))
loaded = sorted(set({WORKER_ONLY!r}) & set(sys.modules))
assert not loaded, loaded
""",
        tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == (
        "['export_fields', 'list_documents', 'ocr', 'tag_fields']"
    )


def imports(path):
    """(module, at module level) of each import that runs, so not those for type checkers."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    inside = {
        child
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for child in ast.walk(function)
    }
    for node in ast.walk(tree):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        for name in names:
            yield name, node not in inside


@pytest.mark.parametrize(
    "path", sorted(PROVIDER.rglob("*.py")), ids=lambda path: str(path.relative_to(PROVIDER))
)
def test_only_the_worker_imports_pageloom_and_only_inside_functions(path):
    heavy = [
        (name, at_top) for name, at_top in imports(path) if name.partition(".")[0] in WORKER_ONLY
    ]
    if path.parent.name == "worker":
        assert not [name for name, at_top in heavy if at_top]
    elif path.name == "renderer.py":  # a program of its own, run as a file
        assert {name for name, _ in heavy} == {"PIL", "pypdfium2"}
        assert not [name for name, at_top in heavy if at_top and name != "PIL"]
    else:
        assert not heavy


def test_provider_info_imports_nothing():
    assert [name for name, _ in imports(PROVIDER / "provider_info.py")] == ["__future__"]
