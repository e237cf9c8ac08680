"""The program as `pcc compile --emit` shows it: jaxpr, optimised HLO, and XLA's cost."""

from __future__ import annotations

import json
import time
from typing import Any

import jax
import jax.numpy as jnp

from pccompiler.components.vocabulary import Array
from pccompiler.lowering.model import CompiledModel
from pccompiler.lowering.questions import arrays_needed


def confirmation(model: CompiledModel) -> str:
    """One line that says that the training step compiles, and how long it took."""
    begin = time.perf_counter()
    _compiled(model)
    seconds = time.perf_counter() - begin
    device = jax.devices()[0].device_kind
    return f"{model.graph.name} compiles: one training step for {device} in {seconds:.2f} s\n"


def jaxpr(model: CompiledModel) -> str:
    """The training step as a JAX expression."""
    return f"{jax.make_jaxpr(model.step)(*_arguments(model))}\n"


def hlo(model: CompiledModel) -> str:
    """The training step after XLA's optimisation, for this machine's default device."""
    return _compiled(model).as_text()


def xla_cost(model: CompiledModel) -> str:
    """XLA's own estimate for one training step of one batch, as JSON; sizes in bytes.

    XLA counts the body of a loop once, however often it runs.
    """
    compiled = _compiled(model)
    analysis = compiled.cost_analysis()
    memory = compiled.memory_analysis()
    estimate = {
        "flops": analysis.get("flops"),
        "bytes_accessed": analysis.get("bytes accessed"),
        "argument_bytes": memory.argument_size_in_bytes,
        "output_bytes": memory.output_size_in_bytes,
        "temporary_bytes": memory.temp_size_in_bytes,
        "device": jax.devices()[0].device_kind,
    }
    return json.dumps(estimate, indent=2) + "\n"


def _compiled(model: CompiledModel) -> Any:
    return jax.jit(model.step).lower(*_arguments(model)).compile()


def _arguments(model: CompiledModel) -> tuple[Any, dict[str, Array]]:
    """Shapes of a training state and of one batch of the spec's size."""
    size = model.spec.data.batch_size if model.spec.data else 1
    key = jax.random.key(0)
    state = jax.eval_shape(lambda: model.init_training(key, horizon=1, batch_size=size))
    bound = {*model.graph.inputs, *arrays_needed(model.plan, "training", "")}
    batch = {
        node.name: jax.ShapeDtypeStruct((size, *(node.shape or ())), jnp.float32)
        for node in model.graph.nodes
        if node.name in bound
    }
    return state, batch
