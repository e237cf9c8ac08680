"""The equations of a network in JAX: predictions, energies and the feedforward pass.

For node n with incoming edges e from sources s(e):

    mu_n = act_n( sum_e pipeline_e(x_s(e)) )
    F    = sum_n precision_n energy_n(x_n, mu_n) + beta sum_out loss(target, x_out)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from pccompiler.components.activations import ACTIVATIONS
from pccompiler.components.operators import Parameter
from pccompiler.components.vocabulary import Array, Params
from pccompiler.ir.graph import Edge, Graph
from pccompiler.lowering.plan import PhasePlan
from pccompiler.lowering.randomness import named_key

States = dict[str, Array]
"""Arrays of shape (batch, *shape) by node name."""

EdgeValues = Mapping[str, Array]
"""What edges contribute to their target's prediction, by edge name."""


@partial(jax.tree_util.register_dataclass, data_fields=["values", "masks"], meta_fields=[])
@dataclass(frozen=True)
class Hold:
    """Values that the caller fixes on free nodes: x = value where mask is true."""

    values: Mapping[str, Array] = field(default_factory=dict)
    masks: Mapping[str, Array] = field(default_factory=dict)

    def on(self, states: Mapping[str, Array]) -> States:
        """The states with the fixed values put in."""
        return {
            name: jnp.where(self.masks[name], self.values[name], x) if name in self.values else x
            for name, x in states.items()
        }

    def still(self, gradients: Mapping[str, Array]) -> States:
        """The gradients with those of fixed values set to zero."""
        return {
            name: jnp.where(self.masks[name], 0, g) if name in self.masks else g
            for name, g in gradients.items()
        }


def parameter_table(graph: Graph) -> dict[str, Any]:
    """Shape and initialiser of every parameter, as the tree that holds the parameters.

    An edge with one parametric operator owns `{weight: ..., bias: ...}`; with several, each
    has a mapping of its own: `{dense: {...}, dense2: {...}}`.
    """
    table: dict[str, Any] = {}
    for edge in graph.edges:
        own = dict(_operator_parameters(edge).values())
        if own:
            table[edge.name] = next(iter(own.values())) if len(own) == 1 else own
    return table


def init_params(graph: Graph, key: Array, dtype: Any) -> dict[str, Any]:
    """Fresh parameters. Each array's numbers depend on the key and on its own name only."""

    def draw(path: tuple[Any, ...], parameter: Parameter) -> Array:
        own_key = named_key(key, *(part.key for part in path))
        return parameter.initializer.sampler()(own_key, parameter.shape, dtype)

    return jax.tree_util.tree_map_with_path(
        draw, parameter_table(graph), is_leaf=lambda leaf: isinstance(leaf, Parameter)
    )


def feedforward(
    graph: Graph,
    params: Params,
    given: Mapping[str, Array],
    hold: Hold,
    batch_size: int,
    dtype: Any,
) -> tuple[States, States, dict[str, Array]]:
    """One pass in forward order: (states, predictions, edge values).

    A node in `given` has that state; a free root is zero; every other node stands at its
    prediction.
    """
    states: States = {}
    predictions: States = {}
    values: dict[str, Array] = {}
    for node in graph.nodes:
        with jax.named_scope(node.name):
            for edge in graph.incoming(node.name):
                values[edge.name] = edge_value(edge, params, states[edge.source])
            if not graph.is_root(node.name):
                predictions[node.name] = _prediction(graph, node.name, values)
            if node.name in given:
                state = given[node.name]
            elif node.name in predictions:
                state = predictions[node.name]
            else:
                state = jnp.zeros((batch_size, *(node.shape or ())), dtype)
            states |= hold.on({node.name: state})
    return states, predictions, values


def edge_value(edge: Edge, params: Params, x: Array) -> Array:
    """What the edge contributes to its target's prediction, from its source's state."""
    slots = _operator_parameters(edge)
    own = params.get(edge.name, {})
    for index, operator in enumerate(edge.operators):
        if index not in slots:
            x = operator.apply({}, x)
        else:
            x = operator.apply(own if len(slots) == 1 else own[slots[index][0]], x)
    return x


def energies(
    graph: Graph,
    plan: PhasePlan,
    params: Params,
    states: Mapping[str, Array],
    live: Iterable[str],
    reused: EdgeValues,
) -> dict[str, Array]:
    """Energy per sample, shape (batch,), of each live node, precision included.

    The edges in `reused` contribute the given value; gradients flow as if it had been
    computed here.
    """
    result: dict[str, Array] = {}
    for name in live:
        with jax.named_scope(name):
            values: dict[str, Array] = {}
            for edge in graph.incoming(name):
                value = edge_value(edge, params, states[edge.source])
                if edge.name in reused:
                    value = _with_value(value, reused[edge.name])
                values[edge.name] = value
            mu = _prediction(graph, name, values)
            precision = graph.node[name].precision
            result[name] = precision * plan.energies[name].value(states[name], mu)
    return result


def external_energy(
    graph: Graph, plan: PhasePlan, states: Mapping[str, Array], targets: Mapping[str, Array]
) -> Array | None:
    """beta C per sample, shape (batch,); None where nothing is nudged."""
    nudged = plan.phase.nudged
    if not nudged:
        return None
    losses = [graph.loss.value(targets[name], states[name]) for name in nudged]
    return plan.phase.beta * sum(losses[1:], start=losses[0])


def _prediction(graph: Graph, node: str, values: EdgeValues) -> Array:
    terms = [values[edge.name] for edge in graph.incoming(node)]
    return ACTIVATIONS[graph.node[node].activation](sum(terms[1:], start=terms[0]))


def _operator_parameters(edge: Edge) -> dict[int, tuple[str, Mapping[str, Parameter]]]:
    """For each parametric operator of the pipeline, by position: its key and parameters."""
    slots: dict[int, tuple[str, Mapping[str, Parameter]]] = {}
    seen: dict[str, int] = {}
    for index, operator in enumerate(edge.operators):
        parameters = operator.parameters(edge.shapes[index], edge.shapes[index + 1])
        if parameters:
            seen[operator.name] = count = seen.get(operator.name, 0) + 1
            slots[index] = (operator.name if count == 1 else f"{operator.name}{count}", parameters)
    return slots


@jax.custom_jvp
def _with_value(computed: Array, known: Array) -> Array:
    """`known`, differentiated as if it were `computed`: XLA then drops the computation."""
    return known


@_with_value.defjvp
def _with_value_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> Any:
    return primals[1], tangents[0]
