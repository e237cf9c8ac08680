"""The paths at which the language has a key: for those who write `epochs` and mean
`training.epochs`."""

from __future__ import annotations

from collections.abc import Sequence

from pccompiler.diagnostics.suggest import closest
from pccompiler.spec.language import Place, place
from pccompiler.spec.tree import KeyPath, Mapping, Scalar, Tree, child_of, dotted

NAME = "NAME"
"""Stands for the name of a node, or of the member that a spec chooses."""
_ITEMS: dict[str, tuple[KeyPath, KeyPath]] = {
    "nodes": (("nodes", NAME), ("nodes", NAME)),
    "edges": (("edges", 0), ("edges", "NUMBER")),
}
"""The path to one of many, and how it is shown."""
_LIKE = 0.8


def paths_to(key: str, tree: Mapping | None = None) -> list[str]:
    """The shortest key paths that end in this key, or else in one much like it.

    Of a choice, such as that of an optimiser, the member is the one that `tree` or the default
    names; without a tree NAME stands for it.
    """
    found: dict[str, list[KeyPath]] = {}
    todo: list[tuple[KeyPath, KeyPath]] = [((), ())]
    for path, shown in todo:  # it grows meanwhile
        here = place(path)
        if here.choice:
            members = here.keys if tree is None else _chosen(path, here, tree)
            todo += [((*path, name), (*shown, NAME if tree is None else name)) for name in members]
            continue
        for name in here.keys:
            found.setdefault(name, []).append((*shown, name))
            todo.append(_ITEMS.get(name) or ((*path, name), (*shown, name)))
    near = key if key in found else closest(key, sorted(found), cutoff=_LIKE)
    paths = found[near] if near else []
    shortest = min(map(len, paths), default=0)
    return list(dict.fromkeys(dotted(path) for path in paths if len(path) == shortest))


def _chosen(path: KeyPath, here: Place, tree: Mapping) -> Sequence[str]:
    """The member that is chosen at a path."""
    node: Tree | None = tree
    for segment in path:
        node = child_of(node, segment) if node else None
    if isinstance(node, Mapping):
        names = list(node.entries)
    else:
        names = [str(node.value) if isinstance(node, Scalar) else here.default]
    return [name for name in names if name in here.keys]
