"""Random specs for as long as you like: what `check` accepts must do everything a model does.

    python benchmarks/random_specs.py --seconds 600
    python benchmarks/random_specs.py --first 1000 --run

prints each new kind of failure with its seed and spec, and how many specs were accepted. Each
is traced; with `--run` it is also compiled and run, which takes several times as long. Ends with
status 1 if something failed. `tests/random_specs.py` says what is drawn.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
import warnings
from pathlib import Path

import jax

sys.path.insert(0, str(Path(__file__).parents[1]))  # for `tests`, which is not installed

from tests.exercise import exercise
from tests.random_specs import random_spec

JAX_COMPILATIONS_KEPT = 50
"""Specs after which JAX forgets its programs, which would fill the memory."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--run", action="store_true", help="run the programs too")
    options = parser.parse_args()
    warnings.simplefilter("error")
    seed, accepted, failures = options.first, 0, 0
    seen: set[tuple[str, str]] = set()
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        spec = random_spec(seed)
        try:
            accepted += exercise(spec, computed=options.run)
        except Exception as error:
            failures += 1
            kind = (type(error).__name__, _place(error))
            if kind not in seen:
                seen.add(kind)
                print(f"seed {seed}: {json.dumps(spec)}")
                traceback.print_exc(file=sys.stdout)
                sys.stdout.flush()
        seed += 1
        if seed % JAX_COMPILATIONS_KEPT == 0:
            jax.clear_caches()
    print(
        f"seeds {options.first} to {seed - 1}: {accepted} accepted and good, {failures} failed "
        f"in {len(seen)} ways, the others refused"
    )
    raise SystemExit(failures > 0)


def _place(error: Exception) -> str:
    """The last line of ours that it went through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "pccompiler" in f.filename or "runtime" in f.filename]
    return f"{(ours or frames)[-1].filename}:{(ours or frames)[-1].lineno}"


if __name__ == "__main__":
    main()
