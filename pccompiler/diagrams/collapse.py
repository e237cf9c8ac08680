"""Pictures in which what repeats is drawn once, as a stack with a count."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from pccompiler.diagrams.picture import Picture, PictureEdge, PictureNode
from pccompiler.diagrams.repeats import Run, pattern, runs
from pccompiler.diagrams.text import printable, wrapped_name
from pccompiler.diagrams.words import count


def collapsed(picture: Picture) -> tuple[Picture, int]:
    """The picture with a stack for every run of repeated blocks, and how many stacks it has.

    Pictures on a grid stay as they are.
    """
    if picture.grid is not None:
        return picture, 0
    found = runs(picture)
    stacks = [_stack(picture, run) for run in found]
    stack_of = {
        name: number for number, run in enumerate(found) for block in run.blocks for name in block
    }
    drawn: set[int] = set()
    nodes: list[PictureNode] = []
    for node in picture.nodes:
        number = stack_of.get(node.name)
        if number is None:
            nodes.append(node)
        elif number not in drawn:  # it stands where the first of its nodes did
            drawn.add(number)
            nodes.append(stacks[number])
    edges = _edges(picture, found, [stack.name for stack in stacks])
    words = picture.summary
    if stacks:
        words += f" · {sum(len(r.blocks) * len(r.blocks[0]) for r in found)} nodes in "
        words += count(len(stacks), "stack")
    return replace(picture, summary=words, nodes=tuple(nodes), edges=edges), len(stacks)


def _edges(picture: Picture, found_runs: list[Run], names: list[str]) -> tuple[PictureEdge, ...]:
    """The edges that do not lie within a stack; one for those that each block has."""
    block_of = {
        name: (number, position)
        for number, run in enumerate(found_runs)
        for position, block in enumerate(run.blocks)
        for name in block
    }
    order = {node.name: i for i, node in enumerate(picture.nodes)}

    def note(word: str, name: str, other: str) -> tuple[str, ...]:
        """A note on the block that is meant, where it is not the one at the other's side of the
        stack."""
        number, position = block_of.get(name, (None, 0))
        if number is None:
            return ()
        last = len(found_runs[number].blocks) - 1
        usual = last if order[other] > order[name] else 0
        return () if position == usual else (f"{word} {printable(name)}",)

    groups: dict[tuple[str, ...], list[PictureEdge]] = {}
    for edge in picture.edges:
        ends = [block_of.get(end, (None, 0))[0] for end in (edge.source, edge.target)]
        if ends[0] is not None and ends[0] == ends[1]:
            continue
        source, target = (
            end if number is None else names[number]
            for end, number in zip((edge.source, edge.target), ends, strict=True)
        )
        alone = ends == [None, None]
        what = [edge.name] if alone else [pattern(edge.name), pattern(" ".join(edge.label))]
        key = (source, target, edge.kind, str(edge.delayed), *what)
        groups.setdefault(key, []).append(edge)
    found: list[PictureEdge] = []
    for (source, target, *_), group in groups.items():
        first = group[0]
        if len(group) > 1:
            more: tuple[str, ...] = (f"× {len(group)}",)
            stands = ("stands for", f"{len(group)} edges, up to {group[-1].name}")
            first = replace(first, facts=(stands, *first.facts))
        else:
            more = note("from", first.source, first.target)
            more += note("to", first.target, first.source)
        found.append(replace(first, source=source, target=target, label=(*first.label, *more)))
    return tuple(found)


def _stack(picture: Picture, run: Run) -> PictureNode:
    """One node for all blocks of a run: what a block is made of, and how blocks are joined."""
    node = {node.name: node for node in picture.nodes}
    first, last = run.blocks[0], run.blocks[-1]
    ranges = [_range(a, b) for a, b in zip(first, last, strict=True)]
    within, between = _joints(picture, run)
    facts: list[tuple[str, str]] = [("what", f"{len(run.blocks)} blocks, drawn once")]
    for span, member in zip(ranges, first, strict=True):
        known = ", ".join(" ".join((key, value)).strip() for key, value in node[member].facts)
        facts.append((span, known))
    facts += [("within a block", words) for _, words in within]
    facts += [(_steps(far), words) for far, words in between]
    if len(first) == 1:
        title = wrapped_name(ranges[0])
        detail, more = node[first[0]].detail, [f"× {len(run.blocks)}"]
        more += [f"to itself: {words}" for words in _told(within, 0)]
    else:
        title, detail = (f"block × {len(run.blocks)}",), ""
        more = [_member(span, node[member]) for span, member in zip(ranges, first, strict=True)]
        more += [f"within: {words}" for words in _told(within, 0)]
    for far in sorted({far for far, _ in between}, key=lambda far: (far < 0, abs(far))):
        more += [f"{_steps(far)}: {words}" for words in _told(between, far)]
    name = _range(first[0], last[-1])
    return PictureNode(name, title, detail, "stack", False, tuple(facts), tuple(more))


def _range(first: str, last: str) -> str:
    return printable(f"{first}..{last}")


def _member(span: str, node: PictureNode) -> str:
    """A line about the nodes at one place of the blocks; those that add or join have a mark."""
    detail = node.detail
    if node.look in ("sum", "join"):
        detail = detail.replace(printable(node.name), node.title[0], 1)
    return f"{span} · {detail}" if detail else span


def _steps(far: int) -> str:
    """The words for an edge that spans so many blocks."""
    if abs(far) == 1:
        return "to the next" if far > 0 else "to the one before"
    return f"{abs(far)} blocks on" if far > 0 else f"{abs(far)} blocks back"


_Joint = tuple[int, str]
"""The number of blocks that an edge spans, and its words."""


def _joints(picture: Picture, run: Run) -> tuple[list[_Joint], list[_Joint]]:
    """The edges within the first block, and those between blocks; equal words are counted."""
    block_of = {
        name: (i, place) for i, block in enumerate(run.blocks) for place, name in enumerate(block)
    }
    found: dict[_Joint, str] = {}
    among: dict[_Joint, Counter[tuple[int, ...]]] = defaultdict(Counter)
    for edge in picture.edges:
        if edge.source not in block_of or edge.target not in block_of:
            continue
        (start, one), (end, other) = block_of[edge.source], block_of[edge.target]
        if start == end and start:
            continue
        words = " ".join(edge.label)
        if edge.kind not in ("feedforward", "coupling") or not words:
            words = f"{edge.kind.replace('_', ' ')} {words}".strip()
        key = (end - start, pattern(words))
        found.setdefault(key, words)
        among[key][start, one, other] += 1
    joints: list[_Joint] = []
    for key, words in found.items():
        first, _, _ = min(among[key])
        count = sum(n for (start, _, _), n in among[key].items() if start == first)
        joints.append((key[0], f"{words} × {count}" if count > 1 else words))
    return [joint for joint in joints if not joint[0]], [joint for joint in joints if joint[0]]


def _told(joints: list[_Joint], far: int) -> list[str]:
    """The text in the box; that errors enter and correct values everywhere is left out."""
    return [
        words
        for distance, words in joints
        if distance == far and not words.startswith(("comparison", "correction", "held"))
    ]
