"""The same network under several rules and seeds: what `pcc compare` calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from runtime.reporter import Reporter
from runtime.run import Run
from runtime.run_folder import free_folder
from runtime.training import fit


@dataclass(frozen=True)
class Row:
    """One rule over all seeds: test scores with the last parameters, and speed.

    Spreads are sample standard deviations over seeds; None with a single seed. The speed is
    None where training was too short to measure it apart from compiling.
    """

    rule: str
    seeds: tuple[int, ...]
    metric: str
    values: tuple[float, ...]
    milliseconds_per_step: float | None

    @property
    def mean(self) -> float:
        return mean(self.values)

    @property
    def spread(self) -> float | None:
        return stdev(self.values) if len(self.values) > 1 else None

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "metric": self.metric,
            "mean": self.mean,
            "spread": self.spread,
            "seeds": dict(zip(map(str, self.seeds), self.values, strict=True)),
            "milliseconds_per_step": self.milliseconds_per_step,
        }


def compare(
    spec: str,
    rules: Sequence[str],
    seeds: Sequence[int],
    overrides: Sequence[str] = (),
    folder: Path | None = None,
    reporter: Callable[[], Reporter] | None = None,
) -> tuple[Row, ...]:
    """Trains the spec once per rule and seed, into a folder of run folders.

    A rule is written as in `-s learning.rule=...`. Everything else, the split of the data
    included, is the same for all. Raises what `fit` raises, and SpecError (PC561) for a rule
    or a seed that comes twice; every combination is checked before the first one trains.
    """
    import pccompiler

    _refuse_repeats("rule", rules)
    _refuse_repeats("seed", seeds)
    checked = [
        pccompiler.check(spec, [*overrides, f"learning.rule={rule}", f"training.seed={seed}"])
        for rule in rules
        for seed in seeds
    ]
    folder = folder or free_folder(f"{checked[0].spec.name}-compare")
    rows = []
    for rule in rules:
        runs = [
            fit(
                spec,
                folder / f"{_folder_name(rule)}-seed{seed}",
                [*overrides, f"learning.rule={rule}", f"training.seed={seed}"],
                reporter() if reporter else None,
            )
            for seed in seeds
        ]
        rows.append(_row(rule, seeds, runs))
    return tuple(rows)


def split_rules(text: str) -> tuple[str, ...]:
    """The rules in a list with commas; those inside brackets belong to a rule's options."""
    rules, depth = [""], 0
    for letter in text:
        depth += (letter in "{[") - (letter in "}]")
        if letter == "," and depth <= 0:
            rules.append("")
        else:
            rules[-1] += letter
    return tuple(rule.strip() for rule in rules)


def parse_seeds(text: str) -> tuple[int, ...]:
    """`0..4` or `0,3,7`. Raises SpecError (PC561) for anything else."""
    try:
        if ".." in text:
            first, last = text.split("..")
            seeds = tuple(range(int(first), int(last) + 1))
        else:
            seeds = tuple(int(part) for part in text.split(","))
    except ValueError:
        seeds = ()
    if not seeds:
        message = f"`{text}` names no seeds"
        raise SpecError(Diagnostic("PC561", message, help="write a range 0..4 or a list 0,3,7"))
    return seeds


def _refuse_repeats(what: str, given: Sequence[object]) -> None:
    for index, value in enumerate(given):
        if value in given[:index]:
            message = f"the {what} `{value}` comes twice"
            raise SpecError(Diagnostic("PC561", message, help=f"name each {what} once"))


def _row(rule: str, seeds: Sequence[int], runs: Sequence[Run]) -> Row:
    scores = [(run.result or {})["test"]["last"] for run in runs]
    known = [name for name in ("accuracy", "loss", "energy") if scores[0][name] is not None]
    metric = known[0]
    columns = [run.column("steps_per_second", "epoch")[1] for run in runs]
    # the first epoch compiles; alone, it is all there is
    later = [rate for column in columns for rate in (column[1:] if len(column) > 1 else column)]
    rates = [rate for rate in later if rate > 0]
    values = tuple(score[metric] for score in scores)
    milliseconds = 1000 / median(rates) if rates else None
    return Row(rule, tuple(seeds), metric, values, milliseconds)


def _folder_name(rule: str) -> str:
    return "".join(letter if letter.isalnum() or letter == "_" else "-" for letter in rule)
