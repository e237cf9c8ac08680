"""A copy of a network with its wide hidden nodes made narrow, so that it is verified in seconds.

What a rule computes does not depend on widths, but double precision and thousands of steps
to rest take their time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.driver import check
from pccompiler.spec.load import SpecLike
from pccompiler.spec.resolved import resolved

WIDTHS = ("units", "channels")
"""The options of operators that say how wide a result is."""


def narrowed(spec: SpecLike, overrides: Sequence[str], width: int) -> tuple[dict[str, Any], bool]:
    """(the spec with at most `width` channels or units in hidden nodes, whether it changed).

    The last axis of a hidden node's shape, and the widths that operators on the edges into
    hidden nodes name, are cut. Raises SpecError where the spec is wrong, or where the copy
    would not fit together (PC557).
    """
    checked = check(spec, overrides)
    whole = yaml.safe_load(resolved(checked.spec))
    bound = {node.name for node in checked.graph.nodes if node.role != "hidden"}
    changed = False
    for name, node in whole["nodes"].items():
        shape = node.get("shape")
        if name not in bound and shape and shape[-1] > width:
            node["shape"] = [*shape[:-1], width]
            changed = True
    for edge in whole["edges"]:
        for operator in edge["op"]:
            for options in operator.values() if isinstance(operator, dict) else ():
                changed |= _cut(options, width)
    if not changed:
        return whole, False
    try:
        check(whole)
    except SpecError as error:
        problem = error.diagnostics[0].message
        raise SpecError(
            Diagnostic(
                "PC557",
                f"a copy of the network that is {width} wide does not fit together: {problem}",
                None,
                help="verify the whole network with --full, or pass another --narrow",
            )
        ) from None
    return whole, True


def _cut(options: Any, width: int) -> bool:
    """Cuts the widths that an operator's options name; whether there was one to cut."""
    if not isinstance(options, dict):
        return False
    wide = [key for key in WIDTHS if isinstance(options.get(key), int) and options[key] > width]
    for key in wide:
        options[key] = width
    return bool(wide)
