"""The contents that pcc writes in a run folder; it deletes nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runtime.runs.checkpoints import NAME, PARTS, TEMPORARY

LOCK = ".lock"
OLD_ENVIRONMENT = "environment.unreadable-"
"""How the names of files begin that were environment.json, but could not be read."""
PLOTS = ("loss", "accuracy", "energy", "inference", "state_gradient", "gradient_norm")

Contents = Mapping[re.Pattern[str], Any]
"""What a folder may hold: patterns of names, each with None for a file, else with the contents
of that folder."""


def _files(*patterns: str) -> Contents:
    """Files whose names are like one of these, and what a killed process leaves of them."""
    some = "|".join(patterns)
    return {re.compile(rf"(?:{some})|\.(?:{some})\.tmp"): None}


CHECKPOINT = _files(*map(re.escape, sorted(PARTS)))
RUN: Contents = {
    **_files(
        *map(re.escape, ("spec.yaml", "members.json", "environment.json", "result.json")),
        *map(re.escape, ("preprocessing.npz", "metrics.jsonl")),
        rf"{re.escape(OLD_ENVIRONMENT)}\d+\.json",
        r"metrics_(?:step|epoch|test)\.csv",
    ),
    re.compile(re.escape(LOCK)): None,
    re.compile("tensorboard"): {re.compile(r"events\.out\.tfevents\..*"): None},
    re.compile("plots"): _files(*(rf"{name}\.png" for name in PLOTS)),
    re.compile("checkpoints"): {
        re.compile(rf"{NAME.pattern}|{re.escape(TEMPORARY)}(?:[a-z]+-)?{NAME.pattern}"): CHECKPOINT
    },
}


def of_others(folder: Path, contents: Contents = RUN) -> Iterator[Path]:
    """Entries of a run folder that pcc did not write, from its top: files and folders of other
    names, files in the place of folders and the other way round, links. Raises OSError."""
    for entry in sorted(folder.iterdir()):
        written = [inner for name, inner in contents.items() if name.fullmatch(entry.name)]
        if not written or entry.is_symlink() or entry.is_dir() != (written[0] is not None):
            yield entry
        elif written[0] is not None:
            yield from of_others(entry, written[0])


LEFTOVERS = frozenset({LOCK, ".spec.yaml.tmp"})
"""All that a process may leave which is killed before its run folder holds a spec."""


def is_free(folder: Path) -> bool:
    """Whether a run may begin in a folder: it is not there, or holds nothing but what a start that
    was killed has left. Raises OSError for what is no folder."""
    # The lock file may also be that of a process which is beginning a run here just now.
    return not folder.exists() or all(entry.name in LEFTOVERS for entry in folder.iterdir())
