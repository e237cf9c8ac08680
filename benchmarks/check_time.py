"""How long `pcc check` takes, against importing what it cannot do without.

Prints the median seconds of a check of specs/digits_mlp.yaml and of a process that only
imports click, yaml, pydantic and networkx, run in turns, and their ratio.

    python benchmarks/check_time.py [RUNS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]

CHECK = [sys.executable, str(ROOT / "cli.py"), "check", str(ROOT / "specs/digits_mlp.yaml")]
IMPORTS = [sys.executable, "-c", "import click, yaml, pydantic, networkx"]


def main(runs: int = 9) -> None:
    seconds: dict[str, list[float]] = {"check": [], "imports": []}
    for command in (CHECK, IMPORTS):
        _seconds(command)  # writes the byte code, and warms the disk
    for _ in range(runs):
        seconds["check"].append(_seconds(CHECK))
        seconds["imports"].append(_seconds(IMPORTS))
    check, imports = median(seconds["check"]), median(seconds["imports"])
    print(f"pcc check  {check:.3f} s")
    print(f"imports    {imports:.3f} s")
    print(f"ratio      {check / imports:.2f}")


def _seconds(command: list[str]) -> float:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed programs have their byte code
    begin = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
