"""What tests of data share: networks of typed nodes, and reading a file for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pccompiler.components.vocabulary import Role, Shape
from pccompiler.diagnostics.diagnostic import SpecError
from pccompiler.ir.graph import Edge, Graph, Node, Stage
from pccompiler.spec.models import DataSpec
from runtime.data.splits import Data, prepare, search_folders


def network(edges: Sequence[Edge] = (), **nodes: tuple[Shape, Role]) -> Graph:
    return Graph.of(
        "g",
        Stage.TYPED,
        [Node(name, shape, role, "identity", 1.0) for name, (shape, role) in nodes.items()],
        edges,
    )


CLASSIFIER = network(
    image=((4,), Role.INPUT), hidden=((5,), Role.HIDDEN), label=((3,), Role.OUTPUT)
)


def spec(file: Path, **changes: Any) -> DataSpec:
    return DataSpec.model_validate({"source": {"npz": str(file)}, "batch_size": 4} | changes)


def load(file: Path, graph: Graph = CLASSIFIER, held: tuple[str, ...] = (), **changes: Any) -> Data:
    data = spec(file, **changes)
    nodes = [name for name, node in graph.node.items() if node.role is not Role.HIDDEN]
    return prepare(data, graph, [*nodes, *held], search_folders(data))


def mistakes(
    file: Path, graph: Graph = CLASSIFIER, held: tuple[str, ...] = (), **changes: Any
) -> list[str]:
    with pytest.raises(SpecError) as error:
        load(file, graph, held, **changes)
    return [f"{d.code} {d.path}: {d.message}; {d.help}" for d in error.value.diagnostics]
