"""Ports: the points where edges meet the sides of their boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pccompiler.diagrams.hierarchy import Hierarchy

SPACING = 11.0
"""Pixels between edges on one side of a box; less where the side is short."""

_STRAIGHT = 0.5  # pixels by which a straight edge may be off

Ports = Mapping[str, tuple[float, float]]
"""For every edge, its coordinate across where it leaves its lower node and enters its higher."""


def ports(hierarchy: Hierarchy, place: Sequence[float], breadth: Mapping[str, float]) -> Ports:
    """Spreads the edges of each side in the order of their next items, so that none cross.

    An edge that runs straight on keeps the middle of the side and the others stand beside
    it; without one they are centred.
    """
    leaving: dict[int, list[str]] = defaultdict(list)
    entering: dict[int, list[str]] = defaultdict(list)
    for name, chain in hierarchy.chains.items():
        leaving[chain[0]].append(name)
        entering[chain[-1]].append(name)
    starts: dict[str, float] = {}
    ends: dict[str, float] = {}
    for sides, port, following in ((leaving, starts, 1), (entering, ends, -2)):
        for node, names in sides.items():
            aims = {name: place[hierarchy.chains[name][following]] for name in names}
            names.sort(key=aims.__getitem__)
            offsets = spread(
                [aims[name] - place[node] for name in names],
                breadth[hierarchy.items[node].owner],
            )
            for name, offset in zip(names, offsets, strict=True):
                port[name] = place[node] + offset
    return {name: (starts[name], ends[name]) for name in hierarchy.chains}


def spread(aims: list[float], breadth: float) -> list[float]:
    """Offsets from the middle of a side for edges that lead to `aims`, in ascending order."""
    nearest = min(range(len(aims)), key=lambda i: abs(aims[i]))
    centre = nearest if abs(aims[nearest]) < _STRAIGHT else (len(aims) - 1) / 2
    most = max(centre, len(aims) - 1 - centre)
    spacing = min(SPACING, (breadth / 2 - 7) / most) if most else 0.0
    return [(i - centre) * spacing for i in range(len(aims))]
