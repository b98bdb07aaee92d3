"""The README's and the documentation's Python blocks run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- not run: [^>]+ -->\n)?```python\n(.*?)```", re.DOTALL)


def blocks():
    pages = [
        ROOT / "README.md",
        ROOT / "provider" / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
    ]
    for page in pages:
        for number, (skipped, code) in enumerate(BLOCK.findall(page.read_text(encoding="utf8"))):
            if not skipped:
                yield pytest.param(code, id=f"{page.relative_to(ROOT)}-{number}")


@pytest.mark.slow
@pytest.mark.parametrize("code", list(blocks()))
def test_a_block_runs(code, tmp_path):
    env = os.environ | {"AIRFLOW_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_links_between_pages_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def pages_in(nav):
    for entry in nav:
        targets = entry.values() if isinstance(entry, dict) else [entry]
        for target in targets:
            yield from [target] if isinstance(target, str) else pages_in(target)


def test_the_site_shows_every_page_once():
    named = list(pages_in(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    cards = (ROOT / "weights" / "pageloom_weights").glob("*/README.md")
    pages = [*(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md"), *cards]
    rest = [ROOT / "README.md", ROOT / "provider" / "README.md", ROOT / "recipes" / "README.md"]
    assert sorted(named) == sorted(str(page.relative_to(ROOT)) for page in [*pages, *rest])
