"""Every rule, form and energy names its source, with an identifier to look it up by."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from pccompiler.components.energies import LOSSES, NODE_ENERGIES, PRIORS
from pccompiler.components.forms import FORMS
from pccompiler.components.rules import RULES

WITH_MATHEMATICS = sorted(
    {
        Path(inspect.getfile(member))
        for member in (*NODE_ENERGIES, *LOSSES, *PRIORS, *FORMS, *RULES)
        if not getattr(member, "passes_through", False)
    }
)
IDENTIFIER = re.compile(r"arXiv:\d{4}\.\d{4,5}\b|doi:10\.\d{4,}/\S+")


@pytest.mark.parametrize("path", WITH_MATHEMATICS, ids=lambda path: path.stem)
def test_the_file_of_a_formula_names_its_source_with_an_identifier(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert IDENTIFIER.search(docstring), f"add `arXiv:...` or `doi:...` to {path.name}"
