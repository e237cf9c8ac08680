"""Everything that a spec is good for: checked, shown, drawn, compiled, trained and asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import pccompiler as pcc
from pccompiler.components.vocabulary import Role
from pccompiler.diagnostics.render import render
from pccompiler.diagrams import VIEWS, draw
from pccompiler.driver import Checked, lower
from pccompiler.ir.print import print_graph
from pccompiler.planning.print import print_plan
from pccompiler.summary import summarise
from tests.strategies import Spec

SAMPLES = 4

Call = Callable[..., Any]


def exercise(spec: Spec, computed: bool = False) -> bool:
    """Whether `check` accepts the spec. Raises what no user may see: anything but a SpecError
    of `check`, and whatever an accepted spec raises afterwards.

    Programs are traced, which finds all but what XLA itself refuses; `computed` compiles and
    runs them too, and then also many steps in one call and the search for what is not finite.
    """
    try:
        checked = pcc.check(spec)
    except pcc.SpecError as error:
        render(error.diagnostics, "full")
        return False
    show(checked)
    compute(checked, computed)
    return True


def show(checked: Checked) -> None:
    """Every text and picture of a network."""
    assert summarise(checked).as_json()
    assert print_graph(checked.graph)
    assert print_plan(checked.plan)
    for view in VIEWS:
        if view == "unrolled" and checked.graph.time is None:
            continue
        for form in ("svg", "dot", "mermaid"):
            assert draw(checked.graph, form, view=view)
        assert view == "unrolled" or draw(checked.graph, "svg", view=view, collapse=True)


def compute(checked: Checked, computed: bool) -> None:
    """Every question to the model, with the arrays of every node that data may be held at."""
    model, key = lower(checked), jax.random.key(0)
    call: Call = _run if computed else jax.eval_shape
    batch = data_of(checked)
    state = call(lambda: model.init_training(key, horizon=10, batch_size=SAMPLES))
    params, aux = state.params, state.aux
    inputs = {name: batch[name] for name in model.plan.prediction.clamped}
    call(model.step, state, batch)
    # it cuts off the steps that no sample took, so only its program can be traced
    recorded, taken = call(model._trajectories, state, batch)
    if computed:
        assert set(model.trajectories(state, batch)) == set(recorded)
    call(model.evaluate, params, aux, batch, jnp.ones(SAMPLES))
    if not model.plan.learning_phase:  # else there is no single gradient
        call(lambda p, a, b: model.gradients(p, b, aux=a), params, aux, batch)
    if inputs:
        outputs = call(lambda p, a, x: model.predict(p, x, aux=a), params, aux, inputs)
        assert set(outputs) == set(model.plan.read)
    for planned in model.plan.phases:
        name = planned.name

        def look(p: Any, b: Any, name: str = name) -> Any:
            trace = model.trace(p, b, phase=name)
            return trace, model.energy(p, model.infer(p, b, phase=name), b, phase=name)

        trace, _ = call(look, params, batch)
        if name not in taken:
            continue  # it does not relax
        for node, rows in recorded["energy"][name].items():
            assert rows.shape == (planned.steps + 1,)
            assert trace["energies"][node].shape == (planned.steps + 1, SAMPLES)
    if computed:
        order = np.zeros((3, SAMPLES), np.int32)
        model.train(state, batch, jnp.asarray(order), 2)
        model.diagnose(state, batch)


def data_of(checked: Checked) -> dict[str, Any]:
    """Normal values for every node that is bound to data, or clamped to it in some phase."""
    spec, rng = checked.spec, np.random.default_rng(0)
    held = {node.name for node in checked.graph.nodes if node.role is not Role.HIDDEN}
    held |= {*(spec.prediction.clamp or ())}
    held |= {name for names in spec.inference.clamp.values() for name in names}
    shapes = {name: (SAMPLES, *(checked.graph.node[name].shape or ())) for name in sorted(held)}
    return {n: jnp.asarray(rng.normal(size=shape), jnp.float32) for n, shape in shapes.items()}


def _run(function: Call, *arguments: Any) -> Any:
    return jax.block_until_ready(function(*arguments))
