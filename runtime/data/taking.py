"""Compatibility of a node with a data field, and the kind of its values.

A field fits where its numbers keep their places in the node's shape; classes become one-hot,
and numbers of tokens go in as they are. In a network unrolled in time, a field whose samples
are as long as its time is a sequence. Any other field is the same at all times.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pccompiler.components.sources import Field
from pccompiler.components.vocabulary import Role, Shape
from pccompiler.diagnostics.wording import plural
from pccompiler.ir.graph import Graph
from runtime.data.encoding import Kind, Taken
from runtime.data.layout import advice_on_axes, same_layout, sample_shape

Problem = tuple[str, str]
"""A problem, and what to do about it."""


def vocabulary(graph: Graph, node: str) -> int | None:
    """The number of tokens where an edge reads the node's values as numbers of tokens; the fewest
    where several do, None where none does."""
    edges = [edge for edge in graph.edges if edge.source == node and edge.operators]
    sizes = [edge.operators[0].token_count for edge in edges]
    return min((size for size in sizes if size is not None), default=None)


def take(field: Field, name: str, node: str, graph: Graph) -> Taken | Problem:
    """Returns how the node takes the field, or why it cannot."""
    given, shape = sample_shape(field.values), graph.node[node].shape or ()
    tokens = vocabulary(graph, node)
    kind = _kind(field, given, shape, tokens)
    if kind:
        return Taken(name, kind, tokens or _classes(field, given, kind))
    sequence = _kind(field, given[1:], shape, tokens) if given else None
    in_time = graph.time is not None or len(given) > 1 or field.kind == "classes"
    if sequence and in_time and not (graph.time is None and _are_one_hot(field, given)):
        problem = _misfit_in_time(field, name, node, graph)
        length = next(iter(given), None)
        return problem or Taken(name, sequence, tokens or _classes(field, given, sequence), length)
    return _misfit(field, name, node, graph)


def _kind(field: Field, given: Shape, shape: Shape, tokens: int | None) -> Kind | None:
    """The kind as which a node of this shape takes values of shape `given`; None where it
    cannot."""
    if tokens:
        return "tokens" if same_layout(given, shape) else None
    if field.kind == "features":
        return "features" if same_layout(given, shape) else None
    if field.kind == "classes" and _is_one_hot_of(field.classes, given, shape):
        return "classes"
    if not same_layout(given, shape):
        return None
    if _are_one_hot(field, given) and shape[-1] == given[-1]:
        return "one_hot"
    # True and False are numbers as well as classes
    return "target" if field.kind == "target" or _is_boolean(field) else None


def _classes(field: Field, given: Shape, kind: Kind) -> int:
    return {"classes": field.classes, "one_hot": given[-1] if given else 0}.get(kind, 0)


def _is_one_hot_of(classes: int, given: Shape, shape: Shape) -> bool:
    """Whether a node has a unit for each class of each label."""
    return bool(shape) and shape[-1] == classes and same_layout(given, shape[:-1])


def _are_one_hot(field: Field, given: Shape) -> bool:
    """Whether the values are one-hot rows: exactly one 1 along the last axis, else 0."""
    if not given or given[-1] < 2:
        return False
    values = np.asarray(field.values)
    if not values.size or np.shape(values)[-1] != given[-1]:
        return False
    ones = values == 1
    return bool(((values == 0) | ones).all() and (ones.sum(-1) == 1).all())


def _is_boolean(field: Field) -> bool:
    return np.asarray(field.values).dtype.kind == "b"


def _misfit(field: Field, name: str, node: str, graph: Graph) -> Problem:
    """The reason why the field does not fit the node, and what to do."""
    given, shape = sample_shape(field.values), graph.node[node].shape or ()
    if field.kind == "classes":
        return _class_misfit(field, name, node, shape)
    if math.prod(given) == math.prod(shape):
        return (
            f"field `{name}` has samples of shape {list(given)}, but node `{node}` has shape "
            f"{list(shape)}: as many units, along other axes",
            f"{advice_on_axes(name, given, shape)}, or give `{node}` the shape {list(given)}",
        )
    hint = ""
    if field.kind == "target" and given in ((), (1,)):
        if _are_labels(field.values, (shape or (1,))[-1]):
            return (
                f"field `{name}` holds whole numbers, 0 to {math.prod(shape) - 1}, as floats, but "
                f"node `{node}` has shape {list(shape)}",
                "if they are classes, store them as integers: `labels.astype(int)`",
            )
        hint = "; class labels must be whole numbers of an integer type, which are taken as classes"
    whole, steps = given, graph.time.steps if graph.time else None
    if len(given) > 1 and steps:
        whole = given[1:]
        hint = f" for each of the {steps} times"
        if given[0] != steps:
            hint = (
                f", and set time.steps to {given[0]}; or the shape {list(given)}, if its first "
                "axis is not time"
            )
    shapes = [list(whole), [math.prod(whole)]] if len(whole) > 1 else [[math.prod(whole)]]
    return (
        f"field `{name}` has shape {list(given)} ({math.prod(given)} numbers a sample), but "
        f"node `{node}` has shape {list(shape)} ({math.prod(shape)} units)",
        f"give `{node}` the shape {' or '.join(map(str, shapes))}{hint}",
    )


def _are_labels(values: Any, classes: int) -> bool:
    """Whether floats are the numbers of so many classes."""
    values = np.asarray(values)
    whole = values.size > 0 and (values == np.floor(values)).all()
    return bool(whole and classes > 1 and values.min() >= 0 and values.max() + 1 == classes)


def _class_misfit(field: Field, name: str, node: str, shape: Shape) -> Problem:
    """The reason why numbers of classes do not fit the node's shape."""
    values, given, units = np.asarray(field.values), sample_shape(field.values), (shape or (1,))[-1]
    wanted = [size for size in given if size > 1] + [field.classes]
    if _is_boolean(field):
        count = math.prod(given)
        return (
            f"field `{name}` is true or false, {count} {plural(count, 'value')} a sample, but node "
            f"`{node}` has shape {list(shape)}",
            f"give `{node}` the shape {[count]}, for numbers 0 and 1"
            + (", or [2], for two classes" if count == 1 else ""),
        )
    if _are_one_hot(field, given):
        return (
            f"field `{name}` is one-hot, of {given[-1]} classes, but node `{node}` has shape "
            f"{list(shape)}",
            f"give `{node}` the shape {list(given)}",
        )
    if same_layout(given, shape):
        seen = f"whole numbers from {values.min()} to {values.max()}"
        classes = f"or give `{node}` the shape {wanted}, if they are classes"
        if len(np.unique(values)) < field.classes:
            classes = (
                f"or, if they are classes, number them from 0 with "
                f"`numpy.unique({name}, return_inverse=True)[1]` and give `{node}` the shape "
                f"{[*wanted[:-1], len(np.unique(values))]}"
            )
        return (
            f"field `{name}` has {seen}, which are taken as numbers of classes, but node `{node}` "
            f"has shape {list(shape)}",
            f"store them as floats, `{name}.astype(float)`, if they are numbers to be predicted, "
            + classes,
        )
    if field.classes == units + 1 and values.min() == 1:
        return (
            f"field `{name}` has the classes 1 to {units}, which need {field.classes} units as "
            f"classes count from 0, but node `{node}` has shape {list(shape)}",
            f"store labels from 0 to {units - 1}, or give `{node}` the shape {wanted}",
        )
    seen = np.unique(values)
    if len(seen) < field.classes and values.min() >= 0:
        fits = len(seen) == units
        return (
            f"field `{name}` has {len(seen)} different labels, from {seen[0]} to {seen[-1]}, which "
            f"need {field.classes} units as classes count from 0, but node `{node}` has shape "
            f"{list(shape)}",
            "number the labels from 0: "
            f"`names, {name} = numpy.unique({name}, return_inverse=True)`"
            + ("" if fits else f", and give `{node}` the shape {[*wanted[:-1], len(seen)]}"),
        )
    classes = f"{field.classes} {plural(field.classes, 'class', 'classes')}"
    return (
        f"field `{name}` has {classes}, but node `{node}` has shape {list(shape)}",
        f"give `{node}` the shape {wanted}: classes are one-hot",
    )


def _misfit_in_time(field: Field, name: str, node: str, graph: Graph) -> Problem | None:
    """The reason why a field of sequences does not fit the network's time."""
    given = sample_shape(field.values)
    length, time = given[0], graph.time
    sequences = f"field `{name}` holds sequences of {length} steps"
    if time is None:
        whole = [*given, field.classes] if field.kind == "classes" else list(given)
        return (
            f"{sequences}, but the network has no time",
            f"add `time: {{steps: {length}}}` to the spec, or give `{node}` the shape {whole}",
        )
    if length != time.steps:
        return (
            f"{sequences}, but the network has {time.steps}",
            f"set time.steps to {length}, or give samples of {time.steps} steps",
        )
    if graph.node[node].role is Role.OUTPUT and not time.every:
        return (
            f"field `{name}` has a target for each of the {length} steps, but the network is "
            "read at the last one only",
            "set `time.targets: every`, or give one target a sample",
        )
    return None
