"""What our imports, and 20 deployments in YAML, cost a DAG processor beyond `airflow.sdk`.

Each round is a process of its own. CPU seconds count: a busy machine changes them least. A pass of
Python's garbage collector over what Airflow has imported takes several times as long as our own
imports and falls due about when they begin, so it is made before the clock starts; `--as-is` leaves
it in. `python -m benchmarks.parsing --help`.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["measure"]

ROOT = Path(__file__).resolve().parents[1]
FILES = 20
DEPLOYMENTS = f"{FILES} deployments in YAML, imports included"
LIMITS = {"all operators": 0.05, DEPLOYMENTS: 1.0}
PROGRAM = """
import gc, sys, time
from airflow.sdk import BaseHook, BaseOperator, ObjectStoragePath
{collect}
before = set(sys.modules)
start = time.process_time()
{imports}
print(time.process_time() - start, len(set(sys.modules) - before))
"""
SIDES = {
    "all operators": """
import pageloom_provider.operators as operators
for name in operators.__all__:
    getattr(operators, name)
""",
    "`@task.pageloom`, with the operators it needs": "import pageloom_provider.decorators.pageloom",
    "provider info": "import pageloom_provider.provider_info",
    DEPLOYMENTS: """
from pageloom_provider.blueprint import load_folder
dags = load_folder(sys.argv[1])
assert len(dags) == int(sys.argv[2]) and not any(name.startswith("broken") for name in dags)
""",
}


def measure(
    imports: str, rounds: int, folder: Path, collect: bool = True
) -> tuple[list[float], int]:
    """CPU seconds of each round, and how many modules were imported."""
    program = PROGRAM.format(imports=imports, collect="gc.collect()" if collect else "")
    command = [sys.executable, "-c", program, str(folder), str(FILES)]
    seconds, modules = [], 0
    for _ in range(rounds):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        spent, count = done.stdout.splitlines()[-1].split()
        seconds.append(float(spent))
        modules = int(count)
    return seconds, modules


def write_deployments(folder: Path) -> None:
    """The examples in dags/pipelines, again and again under other ids."""
    examples = sorted((ROOT / "dags" / "pipelines").glob("*.yaml"))
    for number, path in zip(range(FILES), itertools.cycle(examples)):
        text = path.read_text(encoding="utf8")
        text = text.replace(f"id: {path.stem}", f"id: {path.stem}-{number}", 1)
        (folder / f"{number:02}.yaml").write_text(text, encoding="utf8")


def main() -> None:
    """Print a table; exit with 1 where something costs more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--as-is", action="store_true", help="with the collector's pass")
    args = parser.parse_args()
    print("| | median CPU ms | range | modules |", "| --- | ---: | ---: | ---: |", sep="\n")
    dear = []
    with tempfile.TemporaryDirectory(prefix="pageloom-parsing-") as name:
        write_deployments(Path(name))
        for side, imports in SIDES.items():
            seconds, modules = measure(imports, args.rounds, Path(name), not args.as_is)
            median = statistics.median(seconds)
            low, high = 1000 * min(seconds), 1000 * max(seconds)
            print(f"| {side} | {1000 * median:.1f} | {low:.1f}-{high:.1f} | {modules} |")
            if median > LIMITS.get(side, median):
                dear.append(f"{side}: more than {1000 * LIMITS[side]:.0f} ms")
    if dear and not args.as_is:
        sys.exit("; ".join(dear))


if __name__ == "__main__":
    main()
