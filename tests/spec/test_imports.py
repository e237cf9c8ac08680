"""Checking a spec stays light."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ["jax", "numpy", "scipy", "matplotlib", "sklearn", "rich", "optax", "jsonschema"]


def test_loading_a_spec_imports_no_heavy_library() -> None:
    program = (
        "import sys\n"
        "from pccompiler.spec.load import load\n"
        "from pccompiler.diagnostics.render import render\n"
        "from pccompiler.diagnostics.diagnostic import SpecError\n"
        "load('specs/digits_mlp.yaml')\n"
        "try: load('specs/digits_mlp.yaml', ['a.b=1'])\n"
        "except SpecError as error: render(error.diagnostics)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
