"""The partition of samples into training, validation and test."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Parts(NamedTuple):
    """Row numbers of the splits, in the order in which they are used."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def shuffled(count: int, *key: int) -> np.ndarray:
    """A permutation of 0..count-1 that is a pure function of the key, int64.

    Sorting raw Philox words rather than Generator.permutation: NumPy promises that the raw
    stream never changes between versions, and a resumed run depends on it.
    """
    words = np.random.Philox(np.random.SeedSequence(key)).random_raw(count)
    return np.argsort(words, kind="stable")


def at_random(total: int, validation: float, test: float, seed: int) -> Parts:
    """Parts of a permutation; no test where `test` is 0."""
    order = shuffled(total, seed)
    cut = part_of(test, total)
    rest = order[cut:]
    kept = part_of(validation, len(rest))
    return Parts(rest[kept:], rest[:kept], order[:cut])


def in_order(total: int, validation: float, test: float) -> Parts:
    """Parts of the samples as they are: those that train come first, those that test last."""
    cut = part_of(test, total)
    kept = part_of(validation, total - cut)
    ends = np.cumsum([total - cut - kept, kept])
    return Parts(*np.split(np.arange(total), ends))


def stratified(labels: np.ndarray, validation: float, test: float, seed: int) -> Parts:
    """Parts of a permutation in which each class has its share, as near as whole samples allow.

    A class of which there are enough samples is in every part; of one sample, in training.
    """
    order = shuffled(len(labels), seed)
    test_rows, rest = _drawn(order, labels, part_of(test, len(order)))
    kept, train = _drawn(rest, labels, part_of(validation, len(rest)))
    return Parts(train, kept, test_rows)


def shortened(rows: np.ndarray, count: int | None, labels: np.ndarray | None) -> np.ndarray:
    """The first so many rows; where there are labels, with a share of each class."""
    if count is None or count >= len(rows):
        return rows
    return rows[:count] if labels is None else _drawn(rows, labels, count, keep=0)[0]


def part_of(fraction: float, total: int) -> int:
    """The number of samples in a fraction: at least one, unless it is 0."""
    return max(1, round(fraction * total)) if fraction > 0 else 0


def _drawn(
    order: np.ndarray, labels: np.ndarray, count: int, keep: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """`count` rows with a share of each class, and the others, both in their order; the others
    keep so many of each class, if that can be."""
    classes, numbers = np.unique(labels[order], return_inverse=True)
    sizes = np.bincount(numbers, minlength=len(classes))
    shares = _shares(sizes, count, keep)
    # the place of each row among those of its class
    by_class = np.argsort(numbers, kind="stable")
    places = np.empty(len(order), np.int64)
    places[by_class] = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = places < shares[numbers]
    return order[chosen], order[~chosen]


def _shares(sizes: np.ndarray, count: int, keep: int) -> np.ndarray:
    """Divides `count` over the classes: in proportion, at least one where `keep` remain."""
    exact = count * sizes / max(1, sizes.sum())
    most = np.maximum(sizes - keep, 0)
    shares = np.minimum(np.maximum(np.floor(exact).astype(np.int64), 1), most)
    while (missing := count - int(shares.sum())) != 0:
        if missing > 0:
            free = np.where(shares < most, exact - shares, -np.inf)
            if np.isinf(free).all():  # only samples that should have been kept are left
                free = np.where(shares < sizes, exact - shares, -np.inf)
            shares[free.argmax()] += 1
        else:
            # classes of two samples or more give first, then those that have one
            spare = np.where(shares > 1, shares - exact, -np.inf)
            if np.isinf(spare).all():
                spare = np.where(shares > 0, shares - exact, -np.inf)
            shares[spare.argmax()] -= 1
    return shares


def counts(labels: Any, rows: np.ndarray, classes: int) -> np.ndarray:
    """The number of these rows in each class."""
    return np.bincount(np.asarray(labels)[rows].reshape(-1), minlength=classes)
