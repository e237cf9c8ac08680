"""The notebook of the documents runs from top to bottom, and shows what is printed now."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

NOTEBOOK = Path(__file__).parent.parent / "docs" / "python_interface.ipynb"
SMALL = 100_000
"""Bytes of a notebook that is read in one go."""


def run_cell(source: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    """Executes a cell; its outputs, as a notebook stores them."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, NOTEBOOK.name, "exec"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        lines = printed.getvalue().splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": lines})
    for number in plt.get_fignums():
        picture = io.BytesIO()
        plt.figure(number).savefig(picture, format="png", dpi=72, metadata={"Software": None})
        data = {"image/png": base64.b64encode(picture.getvalue()).decode() + "\n"}
        outputs.append({"data": data, "metadata": {}, "output_type": "display_data"})
    plt.close("all")
    return outputs


def shown(outputs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Kind and text of the outputs; decimals may differ between machines."""
    text = ["".join(output.get("text", [])) for output in outputs]
    kinds = [output["output_type"] for output in outputs]
    return [(k, re.sub(r"\d+\.\d+", "#", t)) for k, t in zip(kinds, text, strict=True)]


def test_the_notebook_runs_and_its_outputs_are_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """`--renew-golden` stores the outputs anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.switch_backend("agg")
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    count = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        count += 1
        outputs = run_cell("".join(cell["source"]), names)
        if request.config.getoption("--renew-golden"):
            cell |= {"execution_count": count, "outputs": outputs}
        assert shown(outputs) == shown(cell["outputs"]), "".join(cell["source"])
        assert cell["execution_count"] == count
    if request.config.getoption("--renew-golden"):
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        NOTEBOOK.write_text(text, encoding="utf-8")


def test_the_notebook_is_small_and_of_the_format() -> None:
    assert NOTEBOOK.stat().st_size < SMALL
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    identifiers = [cell["id"] for cell in notebook["cells"]]
    assert len(set(identifiers)) == len(identifiers)
