"""From a data source to arrays per node: binding, splits, scaling, standardisation, batches.

Everything here is a pure function of the spec and the files, so that a resumed run sees
exactly the samples, in exactly the order, of one that was never interrupted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pccompiler.components.sources import Dataset, DataSource, Field
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.ir.graph import Graph
from pccompiler.spec.models import DataSpec
from pccompiler.spec.tree import dotted
from runtime.data.binding import bind, refuse_misfits
from runtime.data.encoding import Encoding, Taken, taken_labels
from runtime.data.held_values import Fault, energies_where_held, fault_in
from runtime.data.partition import Parts, at_random, in_order, shortened, shuffled, stratified
from runtime.data.span import SpanOf
from runtime.data.untaken import untaken_fields
from runtime.data.warnings import data_warnings

SPLITS = ("train", "validation", "test")

Arrays = Mapping[str, np.ndarray]
"""float32 arrays by node name: (samples, *shape), or (samples, time, *shape) of sequences."""


@dataclass(frozen=True)
class Data:
    """The splits of a data source, ready for the network. A split that is absent is empty."""

    train: Arrays
    validation: Arrays
    test: Arrays
    encodings: tuple[Encoding, ...]
    warnings: tuple[Diagnostic, ...] = ()

    def split(self, name: str) -> Arrays:
        """`train`, `validation` or `test`."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all splits, to notice that the data changed under a run."""
        total = hashlib.sha256()
        for name in SPLITS:
            arrays = self.split(name)
            for node in sorted(arrays):
                total.update(f"{name} {node}{arrays[node].shape}".encode())
                total.update(np.ascontiguousarray(arrays[node]).data)
        return total.hexdigest()


def samples(arrays: Arrays) -> int:
    """The number of samples in a split."""
    return len(next(iter(arrays.values()))) if arrays else 0


def search_folders(data: DataSpec, spec_folder: Path | None = None) -> tuple[Path, ...]:
    """The folders in which the source of a spec looks for its files, in order."""
    return folders_of(data.source, data.root, spec_folder)


def folders_of(
    source: DataSource | type[DataSource], root: str | None, spec_folder: Path | None = None
) -> tuple[Path, ...]:
    """The folders in which a source looks for its files, in order.

    `root`, or else the variable PCC_DATA, each with a subfolder of the source's name first;
    then, unless `root` is given, the current folder and the spec's (for sources whose option is
    a path), and the source's default folders.
    """
    if not source.in_folders:
        return ()
    named = root or os.environ.get("PCC_DATA")
    folders: list[Path] = []
    if named:
        base = Path(named).expanduser()
        folders = [base / source.name, base / source.name.replace("_", "-"), base]
    if source.shorthand and not root:
        folders += [Path.cwd()] + ([spec_folder] if spec_folder else [])
    if not root:
        folders += [Path(folder) for folder in source.default_folders]
    return tuple(dict.fromkeys(folders))


def prepare(
    data: DataSpec,
    graph: Graph,
    nodes: Sequence[str],
    folders: Sequence[Path],
    span_of: SpanOf = lambda path: None,
) -> Data:
    """Reads the source and makes the arrays of these nodes of the graph, all that take data.

    Raises DataError (PC501 to PC505, PC507) for the files and SpecError (PC510 to PC512, PC517 to
    PC519, PC536, PC537) where the data does not fit the network or the batch size.
    """
    layouts = data.source.layouts(folders)
    if layouts is not None and _count(layouts):
        refuse_misfits(data, layouts, graph, nodes, span_of)
    dataset = data.source.load(folders)
    if not _count(dataset.train):
        message = f"the source `{data.source.name}` holds no samples"
        help = "give it data; the first axis of every array counts the samples"
        raise _refusal("PC512", message, help, "source", span_of)
    taken = bind(data, dataset, graph, nodes, span_of)
    untaken = untaken_fields(data, dataset, graph, taken, span_of)
    errors = [problem for problem in untaken if problem.severity == "error"]
    if errors:
        raise SpecError(errors)
    parts = _parts(data, dataset, taken, span_of)
    encodings = tuple(
        Encoding.fit(
            node, graph.node[node].shape or (), way, dataset.train[way.field], parts.train, data
        )
        for node, way in taken.items()
    )
    held_out = dataset.test if dataset.test is not None else dataset.train
    faults: dict[str, Fault] = {}

    def encoded(source: Mapping[str, Field], rows: Any) -> dict[str, np.ndarray]:
        if not len(rows):
            return {}
        arrays: dict[str, np.ndarray] = {}
        for code in encodings:
            raw = source[code.field].values[rows]
            arrays[code.node] = code.encode(raw)
            energies = energies_where_held(graph, code.node)
            fault = fault_in(code, energies, raw, arrays[code.node], rows)
            if fault:
                faults.setdefault(code.node, fault)
        return arrays

    ready = Data(
        encoded(dataset.train, parts.train),
        encoded(dataset.train, parts.validation),
        encoded(held_out, parts.test),
        encodings,
    )
    if faults:
        path = ("data", "source")
        raise SpecError(
            Diagnostic(fault.code, fault.message, span_of(path), dotted(path), help=fault.help)
            for fault in faults.values()
        )
    return replace(
        ready, warnings=(*untaken, *data_warnings(dataset, ready.encodings, parts, span_of))
    )


def _parts(data: DataSpec, dataset: Dataset, taken: Mapping[str, Taken], span_of: SpanOf) -> Parts:
    """Row numbers of the three splits; those of the source's own test where it has one.

    Raises SpecError (PC512) where a batch is larger than the training split, PC537 for a split by
    classes where there are none.
    """
    total = _count(dataset.train)
    labels = taken_labels(taken, dataset.train)
    way = data.split or ("random" if labels is None else "stratified")
    test = data.test if dataset.test is None else 0.0
    if way == "in_order":
        parts = in_order(total, data.validation, test)
    elif way == "random":
        parts = at_random(total, data.validation, test, data.split_seed)
    elif labels is None:
        message = "data.split is stratified, but no node takes one class for each sample"
        help = "split at `random` or `in_order`; classes are integers, text or one-hot rows"
        raise _refusal("PC537", message, help, "split", span_of)
    else:
        parts = stratified(labels, data.validation, test, data.split_seed)
    shares = labels if way == "stratified" else None
    train = shortened(parts.train, data.train_samples, shares)
    if len(train) < data.batch_size:
        message = (
            f"a batch of {data.batch_size} is larger than the training split, which has "
            f"{len(train)} samples"
        )
        help = f"set data.batch_size to at most {len(train)}"
        if not len(train):
            help = "lower data.validation and data.test"
        raise _refusal("PC512", message, help, "batch_size", span_of)
    own_test = None if dataset.test is None else np.arange(_count(dataset.test))
    return Parts(train, parts.validation, parts.test if own_test is None else own_test)


def _refusal(code: str, message: str, help: str, key: str, span_of: SpanOf) -> SpecError:
    path = ("data", key)
    return SpecError(Diagnostic(code, message, span_of(path), dotted(path), help=help))


def _count(fields: Mapping[str, Field]) -> int:
    return len(next(iter(fields.values())).values)


def epoch_batches(count: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """Row numbers of every training batch of an epoch: int32, (batches, batch_size).

    The last partial batch is left out. Each epoch has its own order, so every sample is
    seen in time.
    """
    batches = count // batch_size
    order = shuffled(count, seed, epoch)[: batches * batch_size]
    return order.reshape(batches, batch_size).astype(np.int32)


def padded_batches(arrays: Arrays, size: int) -> Iterator[tuple[Arrays, np.ndarray]]:
    """Batches of exactly `size` rows and their weights (size,): 1 for a sample, 0 for padding."""
    count = samples(arrays)
    for start in range(0, count, size):
        rows = np.arange(start, start + size)
        weight = (rows < count).astype(np.float32)
        rows = np.minimum(rows, count - 1)
        yield {node: values[rows] for node, values in arrays.items()}, weight
