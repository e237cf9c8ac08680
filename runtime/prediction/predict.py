"""Predictions of a trained network for given inputs: what `pcc predict` calls."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import ge, le
from pathlib import Path
from typing import Any

import numpy as np

from pccompiler.components.vocabulary import Role
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.ir.graph import Graph
from runtime.data.encoding import Encoding
from runtime.prediction.input_files import read_inputs
from runtime.prediction.input_pictures import Pictures
from runtime.prediction.input_tables import has_numbered_header
from runtime.prediction.output_checks import alike, refuse_not_finite, warning
from runtime.prediction.request import AS_THE_SPEC_SAYS, Holder, Request, unfit, unusable
from runtime.prediction.write_predictions import refuse_other_endings, write
from runtime.training.opened_run import Run, Which

BATCH = 512
"""Samples predicted at once; predictions without a random start do not depend on it."""

MOST_LISTED = 8
"""Names in a message; a table may have thousands of columns."""


@dataclass(frozen=True)
class Written:
    """The files that a prediction has written."""

    samples: int
    files: tuple[Path, ...]
    warnings: tuple[Diagnostic, ...] = ()


def predict_file(
    run: Run,
    source: Path | Sequence[Path] | None,
    target: Path,
    which: Which = "last",
    request: Request = AS_THE_SPEC_SAYS,
    header: bool | None = None,
) -> Written:
    """Predicts for the inputs in a file, or for what the request holds alone.

    source: an .npz or .csv file of arrays by the name of their node, or of its field in the
    training data, or a single array (also .npy) where one input is wanted; (samples, *shape) in
    the units of the training data. Or pictures, several files or a folder of them, for the one
    node that is a picture.
    header: whether a table has one; None: unless its first row holds numbers other than 0, 1, ...
    target: `.npz` or `.json` with what is read by node name (classes also as `NODE_class`),
    `.csv` with a row per sample: the class, its name if it has one, then a column per unit, or
    `.png` with pictures.

    Raises what `predict` raises, SpecError (PC551) for the ending or what is no picture, and
    DataError for files.
    """
    refuse_other_endings(target)
    paths = [source] if isinstance(source, Path) else source or ()
    arrays = read_inputs(paths, header) if paths else {}
    found: list[Diagnostic] = []
    if isinstance(arrays, Pictures):
        arrays = {_node_of_pictures(run, request): arrays}
    elif paths and paths[0].suffix.lower() == ".csv":
        _refuse_other_columns(run, paths[0], arrays, request)
        if header is None and has_numbered_header(paths[0]):
            found.append(
                warning(
                    "PC542",
                    f"the first row of {paths[0]} numbers the columns, so it is taken for a header",
                    "--header or --no-header says which it is",
                )
            )
    outputs = predict(run, arrays, which, request)
    found += alike(outputs, request)
    files, told = write(target, outputs, run.encodings)
    return Written(len(next(iter(outputs.values()))), files, (*found, *told))


def predict(
    run: Run,
    arrays: Mapping[str, Any],
    which: Which = "last",
    request: Request = AS_THE_SPEC_SAYS,
) -> dict[str, np.ndarray]:
    """Returns the values read, by node name: (samples, *shape), or (samples, time, *shape) where
    targets hold at every time; in the units of the training data, and probabilities where the loss
    is a likelihood. Without `request.read`, these are the nodes that the spec predicts, and those
    it holds are wanted in `arrays`; with it, exactly the nodes in `arrays` and `request.clamp` are
    held, and all others relax.

    Raises DataError (PC550) for arrays that do not fit; RunError (PC541) for predictions that are
    not finite; SpecError: PC553 for nodes that are
    unknown or cannot be read or held so, PC554 for values and masks.
    """
    import jax

    task = _task(run, arrays, request)
    state, model = run.state(which), run.model
    if request.steps is not None:
        import pccompiler

        overrides = ["prediction.method=relax", f"prediction.steps={request.steps}"]
        model = pccompiler.compile(run.folder.spec, overrides)
    size = min(BATCH, task.samples)
    parts: list[dict[str, np.ndarray]] = []
    for number, start in enumerate(range(0, task.samples, size)):
        rows = np.minimum(np.arange(start, start + size), task.samples - 1)
        clamp = {name: (values[rows], mask[rows]) for name, (values, mask) in task.partly.items()}
        key = jax.random.fold_in(jax.random.key(request.seed), number)
        outputs = model.predict(
            state.params,
            {name: values[rows] for name, values in task.held.items()},
            read=task.read if task.chosen else None,
            clamp=clamp,
            key=key,
            aux=state.aux,
        )
        parts.append(jax.device_get(outputs))
    outputs = {
        name: np.concatenate([part[name] for part in parts])[: task.samples] for name in task.read
    }
    encodings = run.encodings
    for name, values in outputs.items():
        refuse_not_finite(name, values)
        if name not in task.partly:
            values = _probabilities(model.graph, name, values)
        outputs[name] = encodings[name].decode(values) if name in encodings else values
    return outputs


def _refuse_other_columns(
    run: Run, file: Path, arrays: Mapping[str, Any], request: Request
) -> None:
    """Raises DataError (PC550) for a table whose header names no node, or lacks the last units of
    one."""
    encodings = run.encodings
    known = {*run.model.graph.node, *(code.field for code in encodings.values())}
    wanted = [n for n in run.model.plan.prediction.clamped if n not in request.clamp]
    shape = encodings[wanted[0]].field_shape if wanted and wanted[0] in encodings else ()
    if shape and len(arrays) > 1 and not known & arrays.keys() and not request.read:
        first, last = (_unit(wanted[0], [end * (n - 1) for n in shape]) for end in (0, 1))
        alone = len(wanted) == 1 and len(arrays) == math.prod(shape)
        raise unfit(
            f"no column of {file} is named after a node; they are {_listed(arrays)}",
            f"name the columns {first} to {last}" + (", or leave out the header" if alone else ""),
        )
    nodes = _nodes_of_fields(run.model.graph, encodings)
    for name, values in arrays.items():
        node = nodes.get(name, name)
        if node not in encodings or name not in known:
            continue
        given, shape = np.shape(values)[1:], encodings[node].field_shape
        if len(given) != len(shape):
            continue
        missing = next((u for u in np.ndindex(shape) if any(map(ge, u, given))), None)
        if missing is not None and all(map(le, given, shape)):
            raise unfit(
                f"{file} has no column `{_unit(name, missing)}`, though others of `{name}`",
                f"give a column for each of the {math.prod(shape)} numbers of a sample",
            )


def _unit(name: str, index: Sequence[int]) -> str:
    return f"{name}[{','.join(map(str, index))}]" if index else name


def _node_of_pictures(run: Run, request: Request) -> str:
    """The node that pictures are for: the only one among those wanted in the input that is a
    picture, else, where the user says what is read, among the others that take data."""
    plan = run.model.plan
    holder = Holder(plan.graph, run.encodings)
    wanted = [*plan.prediction.clamped, *request.masks]
    free = [name for name in holder.encodings if name not in request.read] if request.read else []
    for names in (wanted, free):
        found = [
            name
            for name in dict.fromkeys(names)
            if name in plan.graph.node and name not in request.clamp and holder.image_shape(name)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            break
    else:
        raise unfit(
            f"none of the nodes that the input may hold is a picture: {_listed(wanted)}",
            "give their values in a file ending in .npz, .npy or .csv",
        )
    raise unfit(
        f"the pictures may be meant for {' or '.join(f'`{name}`' for name in found)}",
        f"say for which, with `--clamp {found[0]}=FILE.png`",
    )


@dataclass(frozen=True)
class _Task:
    """A prediction in the network's units: `held` nodes as arrays, `partly` held ones with
    their masks, and the nodes to `read`. `chosen`: the user chose what is held or read, so
    that it need not be what the spec says."""

    held: Mapping[str, np.ndarray]
    partly: Mapping[str, tuple[np.ndarray, np.ndarray]]
    read: tuple[str, ...]
    chosen: bool
    samples: int


def _task(run: Run, arrays: Mapping[str, Any], request: Request) -> _Task:
    plan = run.model.plan
    graph, usual = plan.graph, plan.prediction.clamped
    for name in (*request.clamp, *request.masks, *request.read):
        _refuse_unknown(graph, name)
    wanted = [name for name in (*usual, *request.masks) if name not in request.clamp]
    wanted = list(dict.fromkeys(wanted))
    arrays = _by_node(graph, run.encodings, arrays)
    if request.read:
        arrays = _known_arrays(graph, wanted, arrays)
    elif any(name not in request.masks for name in wanted) or arrays:
        arrays = _wanted_arrays(wanted, arrays)
    else:
        arrays = {}
    holder = Holder(graph, run.encodings)
    values = {
        name: holder.samples_of(name, array)
        for name, array in arrays.items()
        if name not in request.clamp
    }
    constant = {name: holder.given(name, value) for name, value in request.clamp.items()}
    for name in request.masks:
        if name not in values and name not in constant:
            raise unusable(
                f"there is a mask for `{name}`, but no value to hold where it is not zero",
                f"give it in the input, or with `--clamp {name}=...`",
            )
    samples = _samples(values, constant, request.samples)
    values = {name: _repeated(array, samples) for name, array in (values | constant).items()}
    partly = {
        name: (values[name], holder.mask(name, mask, samples))
        for name, mask in request.masks.items()
    }
    held = {name: array for name, array in values.items() if name not in partly}
    read = request.read or plan.read
    _refuse_held(read, held)
    chosen = bool(request.read) or any(name not in usual for name in held)
    return _Task(held, partly, read, chosen, samples)


def _refuse_unknown(graph: Graph, name: str) -> None:
    names = [node.name for node in graph.variables]
    if name not in graph.node:
        raise _impossible(f"there is no node `{name}`", suggestion(name, names))
    if name not in names:
        raise _impossible(
            f"`{name}` has no state to hold or read: its energy is none",
            f"name one of {_listed(names)}",
        )


def _refuse_held(read: Sequence[str], held: Mapping[str, Any]) -> None:
    if not read:
        raise _impossible(
            "the network has no output, so nothing says what to read",
            "name a node with `--read NODE`",
        )
    for name in read:
        if name in held:
            raise _impossible(
                f"`{name}` is held, so there is nothing to read in it",
                "read other nodes, or hold a part of it with `--mask`",
            )


def _by_node(
    graph: Graph, encodings: Mapping[str, Encoding], arrays: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The arrays under the names of nodes, where a file has those of the fields that were bound
    to them."""
    nodes = _nodes_of_fields(graph, encodings)
    bound = {field: node for field, node in nodes.items() if node not in arrays}
    return {bound.get(name, name): values for name, values in arrays.items()}


def _nodes_of_fields(graph: Graph, encodings: Mapping[str, Encoding]) -> dict[str, str]:
    """The node that each field was bound to; a name that a node has too is the node's."""
    return {code.field: node for node, code in encodings.items() if code.field not in graph.node}


def _known_arrays(
    graph: Graph, wanted: Sequence[str], arrays: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The arrays by node; a single one of another name is for the one node that is wanted."""
    if len(arrays) == 1 and len(wanted) == 1 and next(iter(arrays)) not in graph.node:
        return {wanted[0]: next(iter(arrays.values()))}
    for name in arrays:
        _refuse_unknown(graph, name)
    return arrays


def _wanted_arrays(wanted: Sequence[str], arrays: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arrays of the nodes that are wanted; others in the file do not matter."""
    if wanted and not arrays:
        raise _impossible(
            f"nothing is held at {_listed(wanted)}",
            f"give a file of inputs, or hold nodes with `--clamp {wanted[0]}=...`; with "
            "`--read NODE` only the nodes given are held",
        )
    if len(wanted) == 1 and len(arrays) == 1:
        return {wanted[0]: next(iter(arrays.values()))}
    for name in wanted:
        if name not in arrays:
            unknown = [given for given in arrays if given not in wanted]
            advice = suggestion(unknown[0], wanted) if unknown else ""
            raise unfit(
                f"there is no array for the input `{name}`; the file holds {_listed(arrays)}",
                advice or f"store an array named `{name}`",
            )
    return {name: arrays[name] for name in wanted}


def _samples(
    values: Mapping[str, np.ndarray], constant: Mapping[str, np.ndarray], wanted: int | None
) -> int:
    """The number of samples: as many as in the arrays, or as wanted of a single one."""
    if not values and not constant:
        raise _impossible(
            "nothing is held, so there is nothing to predict from",
            "give a file of inputs, or hold nodes with `--clamp NODE=VALUE`",
        )
    counts = {name: len(array) for name, array in values.items()}
    counts |= {name: len(array) for name, array in constant.items() if len(array) != 1}
    found = ", ".join(f"`{name}` {count}" for name, count in counts.items())
    if len(set(counts.values())) > 1 or not all(counts.values()):
        raise unfit(
            f"the inputs have different numbers of samples, or none: {found}",
            "the first axis of every array counts the samples",
        )
    given = next(iter(counts.values()), 1)
    if wanted is not None and given not in (1, wanted):
        raise unfit(
            f"{wanted} samples are asked for, but the arrays hold {given}",
            "leave out --samples, which repeats a single sample",
        )
    return given if wanted is None else wanted


def _repeated(array: np.ndarray, samples: int) -> np.ndarray:
    return np.broadcast_to(array, (samples, *array.shape[1:]))


def _probabilities(graph: Graph, name: str, values: np.ndarray) -> np.ndarray:
    """The probabilities of a predicted output whose loss takes logits."""
    node = graph.node[name]
    if node.role is not Role.OUTPUT:
        return values
    return np.asarray(graph.target_energy(node).expected(values))


def _impossible(message: str, help: str) -> SpecError:
    return SpecError(Diagnostic("PC553", message, help=help))


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = ", ..." if names[MOST_LISTED:] else ""
    return ", ".join(f"`{name}`" for name in names[:MOST_LISTED]) + more or "nothing"
