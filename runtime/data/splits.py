"""From a data source to arrays per node: binding, splits, scaling, standardisation, batches.

Everything here is a pure function of the spec and the files, so that a resumed run sees
exactly the samples, in exactly the order, of one that was never interrupted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pccompiler.components.sources import Dataset, DataSource, Field
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.ir.graph import Graph
from pccompiler.spec.models import DataSpec
from pccompiler.spec.tree import dotted
from runtime.data.binding import Encoding, SpanOf, bind
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
    """How many samples a split holds."""
    return len(next(iter(arrays.values()))) if arrays else 0


def search_folders(data: DataSpec, spec_folder: Path | None = None) -> tuple[Path, ...]:
    """Where the source of a spec looks for its files, in this order."""
    return folders_of(data.source, data.root, spec_folder)


def folders_of(
    source: DataSource | type[DataSource], root: str | None, spec_folder: Path | None = None
) -> tuple[Path, ...]:
    """Where a source looks for its files, in this order.

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

    Raises DataError (PC501 to PC505, PC507) for the files and SpecError (PC510 to PC512) where the
    data does not fit the network or the batch size.
    """
    dataset = data.source.load(folders)
    if not _count(dataset.train):
        path = ("data", "source")
        message = f"the source `{data.source.name}` holds no samples"
        help = "give it data; the first axis of every array counts the samples"
        raise SpecError(Diagnostic("PC512", message, span_of(path), dotted(path), help=help))
    fields = bind(data, dataset, graph, nodes, span_of)
    train, validation, test = _split(data, dataset)
    if len(train) < data.batch_size:
        path = ("data", "batch_size")
        raise SpecError(
            Diagnostic(
                "PC512",
                f"a batch of {data.batch_size} is larger than the training split, which has "
                f"{len(train)} samples",
                span_of(path),
                dotted(path),
                help=f"set data.batch_size to at most {len(train)}"
                if len(train)
                else "lower data.validation and data.test",
            )
        )
    encodings = tuple(
        Encoding.fit(
            node,
            graph.node[node].shape or (),
            name,
            dataset.train[name],
            train,
            data,
            graph.time,
        )
        for node, name in fields.items()
    )
    held_out = dataset.test if dataset.test is not None else dataset.train

    def encoded(source: Mapping[str, Field], rows: Any) -> dict[str, np.ndarray]:
        if not len(rows):
            return {}
        return {code.node: code.encode(source[code.field].values[rows]) for code in encodings}

    return Data(
        encoded(dataset.train, train),
        encoded(dataset.train, validation),
        encoded(held_out, test),
        encodings,
        data_warnings(dataset, fields, train, span_of),
    )


def _split(data: DataSpec, dataset: Dataset) -> tuple[Any, Any, Any]:
    """Row numbers of the three splits; those of the source's own test where it has one."""
    total = _count(dataset.train)
    order = shuffled(total, data.split_seed)
    if dataset.test is not None:
        test, rest = np.arange(_count(dataset.test)), order
    else:
        cut = _part(data.test, total)
        test, rest = order[:cut], order[cut:]
    cut = _part(data.validation, len(rest))
    validation, train = rest[:cut], rest[cut:]
    return train[: data.train_samples], validation, test


def _part(fraction: float, total: int) -> int:
    return max(1, round(fraction * total)) if fraction > 0 else 0


def _count(fields: Mapping[str, Field]) -> int:
    return len(next(iter(fields.values())).values)


def shuffled(count: int, *key: int) -> np.ndarray:
    """A permutation of 0..count-1 that is a pure function of the key, int64.

    Sorting raw Philox words rather than Generator.permutation: NumPy promises that the raw
    stream never changes between versions, and a resumed run depends on it.
    """
    words = np.random.Philox(np.random.SeedSequence(key)).random_raw(count)
    return np.argsort(words, kind="stable")


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
