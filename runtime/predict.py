"""Predictions of a trained network for a file of inputs: what `pcc predict` calls."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pccompiler.components.energies import CrossEntropy
from pccompiler.components.sources.npz import read_npz
from pccompiler.components.vocabulary import Role
from pccompiler.diagnostics.diagnostic import DataError, Diagnostic, SpecError
from pccompiler.diagnostics.suggest import suggestion
from runtime.binding import Encoding
from runtime.data import padded_batches, samples
from runtime.durable import replace_file
from runtime.run import Run, Which

BATCH = 512
"""Samples predicted at once; the predictions do not depend on it."""


def predict_file(run: Run, source: Path, target: Path, which: Which = "last") -> int:
    """Predicts for the inputs in an .npz file; returns the number of samples.

    source: arrays named like the input nodes, or a single array where there is one input;
    (samples, *shape) in the units of the training data, before scaling.
    target: `.npz` with the outputs by node name (class outputs also as `NODE_class`), or
    `.csv` with a row per sample: the predicted class, then a column per unit. Under the
    cross-entropy loss the values are probabilities.

    Raises SpecError (PC550, PC551) for the arrays and the ending, DataError for files.
    """
    if target.suffix not in (".npz", ".csv"):
        message = f"cannot write predictions as `{target.name}`"
        raise SpecError(Diagnostic("PC551", message, help="name a file ending in .npz or .csv"))
    if not source.is_file():
        message = f"input file {source} is missing"
        raise DataError(Diagnostic("PC501", message, help="name an .npz file of inputs"))
    outputs = predict(run, read_npz(source), which)
    classes = {
        node: values.argmax(-1)
        for node, values in outputs.items()
        if run.folder.encodings()[node].kind == "classes"
    }
    replace_file(
        target, _as_npz(outputs, classes) if target.suffix == ".npz" else _as_csv(outputs, classes)
    )
    return samples(outputs)


def predict(run: Run, arrays: Mapping[str, Any], which: Which = "last") -> dict[str, np.ndarray]:
    """Outputs by node name, (samples, *shape), for inputs by node name in the units of the
    training data. Under the cross-entropy loss they are probabilities.

    Raises SpecError (PC550) where the arrays do not fit the inputs.
    """
    import jax

    encodings = run.folder.encodings()
    inputs = _inputs(run.model.graph.with_role(Role.INPUT), encodings, arrays)
    state = run.state(which)
    size = max(1, min(BATCH, samples(inputs)))
    parts = [
        jax.device_get(run.model.predict(state.params, batch, aux=state.aux))
        for batch, _ in padded_batches(inputs, size)
    ]
    outputs = {
        node: np.concatenate([part[node] for part in parts])[: samples(inputs)] for node in parts[0]
    }
    if isinstance(run.spec.energy.loss, CrossEntropy):
        outputs = {node: _softmax(values) for node, values in outputs.items()}
    return outputs


def _inputs(
    nodes: tuple[str, ...], encodings: Mapping[str, Encoding], arrays: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The arrays of the input nodes, scaled like the training data."""
    if len(nodes) == 1 and len(arrays) == 1:
        arrays = {nodes[0]: next(iter(arrays.values()))}
    for node in nodes:
        if node not in arrays:
            held = ", ".join(f"`{name}`" for name in arrays) or "nothing"
            unknown = [name for name in arrays if name not in nodes]
            advice = suggestion(unknown[0], nodes) if unknown else ""
            raise _unfit(
                f"there is no array for the input `{node}`; the file holds {held}",
                advice or f"store an array named `{node}`",
            )
    counts = {node: len(arrays[node]) for node in nodes}
    if len(set(counts.values())) > 1 or not all(counts.values()):
        found = ", ".join(f"`{node}` {count}" for node, count in counts.items())
        raise _unfit(
            f"the inputs have different numbers of samples, or none: {found}",
            "the first axis of every array counts the samples",
        )
    return {node: _encoded(encodings[node], np.asarray(arrays[node])) for node in nodes}


def _encoded(code: Encoding, values: np.ndarray) -> np.ndarray:
    size = int(np.prod(values.shape[1:]))
    if size != int(np.prod(code.field_shape)):
        raise _unfit(
            f"a sample of `{code.node}` has shape {values.shape[1:]}, but the network was "
            f"trained on {code.field_shape}",
            f"store an array of shape (samples, {', '.join(map(str, code.field_shape))})",
        )
    values = values.reshape(len(values), *code.field_shape)
    if code.kind == "classes":
        whole = values.dtype.kind in "iu" and values.min() >= 0 and values.max() < code.classes
        if not whole:
            raise _unfit(
                f"`{code.node}` wants class numbers from 0 to {code.classes - 1}",
                "store integers in that range",
            )
    return code.encode(values)


def _unfit(message: str, help: str) -> SpecError:
    return SpecError(Diagnostic("PC550", message, help=help))


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _as_npz(outputs: Mapping[str, np.ndarray], classes: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = dict(outputs)
    arrays |= {f"{node}_class": values for node, values in classes.items()}
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _as_csv(outputs: Mapping[str, np.ndarray], classes: Mapping[str, np.ndarray]) -> bytes:
    columns: dict[str, np.ndarray] = {"sample": np.arange(samples(outputs))}
    for node, values in outputs.items():
        if node in classes:
            columns |= _columns(f"{node}_class", classes[node])
        columns |= _columns(node, values)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    # float32 as text: the shortest that reads back as the same number
    writer.writerows(zip(*(values.astype(str) for values in columns.values()), strict=True))
    return text.getvalue().encode()


def _columns(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """One column per unit, named like `label[3]` or `image[0,5]`; a single one has no index."""
    if values.ndim == 1:
        return {name: values}
    return {
        f"{name}[{','.join(map(str, index))}]": values[(slice(None), *index)]
        for index in np.ndindex(values.shape[1:])
    }
