"""Checks of the caller's arrays: errors name the node, instead of arising deep inside JAX."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from typing import cast as cast_type

import jax
import jax.numpy as jnp
import numpy as np

from pccompiler.components.vocabulary import Params, Role
from pccompiler.ir.graph import Graph
from pccompiler.lowering.learning import TrainState
from pccompiler.lowering.states import Hold, States, at_all_times, state_shape
from pccompiler.planning.plan import PhasePlan, UpdatePlan

Clamp = Mapping[str, Any]
"""{node: value} or {node: (value, mask)}: entries where the mask is true are held."""


def cast(
    graph: Graph, params: Params, arrays: Mapping[str, Any], required: Iterable[str] = ()
) -> States:
    """The arrays in the parameters' dtype, each (batch, *shape) of its node, or, in a network
    unrolled in time, also (batch, time, *shape).

    Raises ValueError for an unknown node, a wrong shape, different numbers of samples, a
    `required` node that is missing, or arguments in another order.
    """
    _check_order(graph, params, arrays)
    for name in required:
        if name not in arrays:
            given = ", ".join(f"`{n}`" for n in arrays) or "nothing"
            raise ValueError(f"an array for the node `{name}` is missing; given: {given}")
    leaves = jax.tree.leaves(params)
    dtype = leaves[0].dtype if leaves else jnp.float32
    result: States = {}
    for name, given in arrays.items():
        array, shape = jnp.asarray(given), shape_of(graph, name)
        whole = state_shape(graph, name, array.shape[0] if array.ndim else 0)
        constant = graph.time is not None and array.shape[1:] == shape
        if not array.ndim or (array.shape != whole and not constant):
            raise ValueError(f"`{name}` wants shape {_wanted(graph, name)}, got {array.shape}")
        result[name] = array.astype(dtype)
    counts = {name: array.shape[0] for name, array in result.items()}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"`{name}` has {count}" for name, count in counts.items())
        raise ValueError(f"the arrays hold different numbers of samples: {found}")
    return result


def cast_states(
    graph: Graph, params: Params, arrays: Mapping[str, Any], required: Iterable[str] = ()
) -> States:
    """As `cast`, with a time axis for all: an array without one is repeated at all times."""
    return at_all_times(graph, cast(graph, params, arrays, required))


def cast_clamp(graph: Graph, params: Params, clamp: Clamp | None) -> Hold:
    """The values that the caller holds. Raises ValueError as `cast` does, and for a mask that
    cannot be broadcast to the shape of its value."""
    pairs = {name: _value_and_mask(given) for name, given in (clamp or {}).items()}
    for name in pairs:
        if name in graph.node and graph.node[name].passes_through:
            raise ValueError(f"`{name}` has energy none: it has no state to hold")
    values = cast_states(graph, params, {name: value for name, (value, _) in pairs.items()})
    masks = {name: jnp.asarray(mask, bool) for name, (_, mask) in pairs.items()}
    for name, mask in masks.items():
        shape = values[name].shape
        if graph.time and mask.ndim == len(shape) - 1:
            mask = jnp.expand_dims(mask, 1)  # the same at all times
        try:
            masks[name] = jnp.broadcast_to(mask, shape)
        except ValueError:
            message = f"the mask of `{name}` wants shape {shape}, got {mask.shape}"
            raise ValueError(message) from None
    return Hold(values, masks)


def refuse_other_params(wanted: Mapping[str, Any], params: Params, whole: bool = False) -> None:
    """Raises ValueError where parameters are not those of this network: where one is missing, or
    has another shape. Those of further edges do no harm and are left alone, but where the
    parameters are to be the `whole` tree.

    wanted: the tree of parameters, with something that has a `shape` at its leaves.
    """
    for edge, tree in wanted.items():
        expected, found = dict(_leaves(tree)), dict(_leaves(params.get(edge)))
        if all(found.get(name) == shape for name, shape in expected.items()):
            continue
        missing = f"found {_listed(found)}" if found else "there is nothing under that name"
        holds = ", ".join(f"`{name}`" for name in params) or "nothing"
        raise ValueError(
            f"these are not the parameters of this network: `{edge}` wants {_listed(expected)}; "
            f"{missing}. `params` holds {holds}"
        )
    further = [name for name in params if name not in wanted]
    if whole and further:
        raise ValueError(
            f"these are not the parameters of this network: it has no edge `{further[0]}`"
        )


def phase_of(plan: UpdatePlan, name: str | None) -> PhasePlan:
    """The phase that a caller names, or the one that the rule reports. Raises ValueError for
    an unknown one."""
    try:
        return plan.phase(name or plan.reported)
    except KeyError as error:
        raise ValueError(error.args[0]) from None


def params_of(state: Any) -> Params:
    """The parameters of a training state. Raises ValueError for anything else."""
    if not isinstance(state, TrainState):
        raise ValueError(
            f"training goes on from what `init_training` or a step made, not from a "
            f"{type(state).__name__}"
        )
    return state.params


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every array; a name inside a mapping as `dense.weight`."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif tree is not None:
        yield path, tuple(tree.shape) if hasattr(tree, "shape") else np.shape(tree)


def _listed(leaves: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(
        f"{name or 'an array of shape'} {list(shape)}" for name, shape in leaves.items()
    )


def shape_of(graph: Graph, name: str) -> tuple[int, ...]:
    """The shape of one sample of a node. Raises ValueError if there is no such node, or if it
    has neither a state nor targets."""
    if name not in graph.node:
        names = ", ".join(node.name for node in graph.variables)
        raise ValueError(f"there is no node `{name}`; the nodes are {names}")
    if graph.node[name].passes_through and graph.node[name].role is not Role.OUTPUT:
        raise ValueError(f"`{name}` has energy none: it has no state to hold or read")
    return graph.node[name].shape or ()


def _check_order(graph: Graph, params: Any, arrays: Any) -> None:
    """Parameters are mappings by edge, arrays stand by node; a bare array is neither. The
    message shows what kind of value was found, never its numbers."""
    wanted = "the parameters come first, then a dictionary of arrays by the names of nodes, "
    wanted += f"such as {{{next(iter(graph.node))!r}: array}}"
    if not isinstance(arrays, Mapping):
        raise ValueError(f"{wanted}; found {_kind(arrays)} in place of the arrays")
    if not isinstance(params, Mapping):
        raise ValueError(f"{wanted}; found {_kind(params)} in place of the parameters")
    tree = cast_type(Mapping[str, Any], params)
    nodes = [name for name in tree if name in graph.node and not isinstance(tree[name], Mapping)]
    if nodes:
        raise ValueError(f"{wanted}; found an array of `{nodes[0]}` among the parameters")


def _kind(value: Any) -> str:
    """A value in a few words: `an array of shape (32, 2)`."""
    shape = getattr(value, "shape", None)
    return f"a {type(value).__name__}" if shape is None else f"an array of shape {shape}"


def _wanted(graph: Graph, name: str) -> str:
    shape = ", ".join(map(str, shape_of(graph, name)))
    if graph.time is None:
        return f"(batch, {shape})"
    return f"(batch, {shape}) or (batch, {graph.time.steps}, {shape})"


def _value_and_mask(given: Any) -> tuple[Any, Any]:
    """A clamp as (value, mask); a value alone is held whole."""
    if isinstance(given, tuple):
        value, mask = given
        return value, mask
    return given, jnp.ones(jnp.shape(given), bool)
