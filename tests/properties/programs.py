"""Running a compiled model on a generated case, and comparing trees of arrays."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

import pccompiler as pcc
from tests.reference.network import leaves
from tests.strategies import Case, Spec

Tree = dict[str, Any]


def everything(model: pcc.CompiledModel, params: Tree, batch: Tree) -> Tree:
    """Traces of all phases, gradients and predictions, as one compiled program."""
    return jax.jit(lambda p, b: _everything(model, p, b))(params, batch)


def run(case: Case, spec: Spec | None = None, disable: tuple[str, ...] = ()) -> Tree:
    """Everything that a case's network computes, perhaps from another way of writing it."""
    params, batch = case.numbers()
    return everything(pcc.compile(spec or case.spec, disable=disable), params, batch)


def _everything(model: pcc.CompiledModel, params: Tree, batch: Tree) -> Tree:
    phases = [planned.name for planned in model.plan.phases]
    return {
        "traces": {name: model.trace(params, batch, phase=name) for name in phases},
        "gradients": model.gradients(params, batch),
        "predictions": model.predict(params, batch),
    }


def expected(case: Case) -> Tree:
    """The same from the reference; without gradients where it does not derive them."""
    network = case.reference()
    params, batch = case.numbers()
    traces = {}
    for name in network.phases:
        trace = network.trace(params, batch, name)
        traces[name] = {"states": by_time(trace.states), "energies": by_time(trace.energies)}
    tree = {"traces": traces, "predictions": network.predict(params, batch)}
    if network.rule[0] == "backprop" and not network.feedforward_is_equilibrium():
        return tree
    return {**tree, "gradients": network.gradients(params, batch)}


def by_time(rows: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """One array per node with a leading time axis, as `trace` gives it."""
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def agree(ours: Any, theirs: Any, tolerance: float) -> None:
    """max|a - b| <= tolerance max(max|b|, 1) for every array of two trees."""
    found = leaves(ours)
    for path, wanted in leaves(theirs).items():
        assert found[path].shape == wanted.shape, path
        scale = max(np.abs(wanted).max(initial=0.0), 1.0)
        difference = np.abs(found[path] - wanted).max(initial=0.0)
        assert difference <= tolerance * scale, f"{path} differs by {difference}"
    assert set(found) == set(leaves(theirs))
