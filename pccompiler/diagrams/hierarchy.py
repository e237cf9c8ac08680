"""The proper hierarchy: every edge is cut at every rank, so that segments join neighbours.

Layer l of the nodes is rank 2l; the odd ranks between hold the labels. An edge from layer a
to layer b passes through one item on each rank between: a `label` item on one of the odd
ones, `bend` items elsewhere. Items have a size, so labels get room exactly as nodes do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from pccompiler.diagrams.layers import layers, turned_edges
from pccompiler.diagrams.picture import Picture, PictureEdge
from pccompiler.diagrams.styles import precedence
from pccompiler.spec.names import natural_key

NODE, LABEL, BEND = "node", "label", "bend"


@dataclass(frozen=True)
class Size:
    """Extents of an item: `length` along the reading direction, and across it `before` and
    `after` the line on which its edges meet it; `margin` is the free space on either side."""

    length: float
    before: float
    after: float
    margin: float


@dataclass(frozen=True)
class Item:
    """One place on a rank; `owner` is the name of a node or of an edge."""

    kind: str
    owner: str
    rank: int
    size: Size


@dataclass(frozen=True)
class Hierarchy:
    """Items by number; `chains` gives each edge's items from its lower rank to its higher.

    `turned` edges run against the ranks, so their chain starts at their target.
    """

    items: tuple[Item, ...]
    chains: Mapping[str, tuple[int, ...]]
    turned: frozenset[str]
    ranks: int
    above: tuple[tuple[int, ...], ...] = field(repr=False)
    below: tuple[tuple[int, ...], ...] = field(repr=False)


def hierarchy(
    picture: Picture,
    node_sizes: Mapping[str, Size],
    label_sizes: Mapping[str, Size],
    bend: Size,
) -> Hierarchy:
    """Places nodes, labels and bends on ranks. Edges from a node to itself are left out."""
    turned = turned_edges(picture)
    layer = layers(picture, turned)
    items = [Item(NODE, n.name, 2 * layer[n.name], node_sizes[n.name]) for n in picture.nodes]
    number = {item.owner: i for i, item in enumerate(items)}
    chains: dict[str, tuple[int, ...]] = {}
    labels_on: dict[int, float] = defaultdict(float)
    for edge in _shortest_first(picture, layer):
        low, high = edge.source, edge.target
        if edge.name in turned:
            low, high = high, low
        ranks = range(2 * layer[low] + 1, 2 * layer[high])
        label_size = label_sizes.get(edge.name)
        label_rank = _label_rank(ranks, labels_on) if label_size else None
        chain = [number[low]]
        for rank in ranks:
            chain.append(len(items))
            if label_size and rank == label_rank:
                labels_on[rank] += label_size.before + label_size.after
                items.append(Item(LABEL, edge.name, rank, label_size))
            else:
                items.append(Item(BEND, edge.name, rank, bend))
        chains[edge.name] = (*chain, number[high])
    above: list[list[int]] = [[] for _ in items]
    below: list[list[int]] = [[] for _ in items]
    for chain in chains.values():
        for upper, lower in pairwise(chain):
            below[upper].append(lower)
            above[lower].append(upper)
    return Hierarchy(
        tuple(items),
        {edge.name: chains[edge.name] for edge in picture.edges if edge.name in chains},
        turned,
        1 + max((item.rank for item in items), default=-1),
        tuple(map(tuple, above)),
        tuple(map(tuple, below)),
    )


def _shortest_first(picture: Picture, layer: Mapping[str, int]) -> list[PictureEdge]:
    """Edges between different nodes; short ones first, as they have no choice of label rank.

    Of equal ones the first kind comes first, so that each kind tends to one side; then h2
    before h10, so that a fan stands in the order in which people count.
    """

    def key(edge: PictureEdge) -> tuple[object, ...]:
        length = abs(layer[edge.source] - layer[edge.target])
        ends = natural_key(edge.source), natural_key(edge.target)
        return length, precedence(edge.kind), *ends, natural_key(edge.name)

    return sorted((edge for edge in picture.edges if edge.source != edge.target), key=key)


def _label_rank(ranks: range, labels_on: Mapping[int, float]) -> int:
    """The odd rank with the fewest labels; of equals, the one nearest to the middle."""
    middle = (ranks[0] + ranks[-1]) / 2
    odd = [rank for rank in ranks if rank % 2]
    return min(odd, key=lambda rank: (labels_on[rank], abs(rank - middle), rank))
