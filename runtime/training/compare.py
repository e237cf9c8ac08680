"""The same network under several rules and seeds: what `pcc compare` calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from pccompiler.diagnostics.diagnostic import DataError, Diagnostic, RunError, SpecError
from pccompiler.spec.overrides import parse
from pccompiler.spec.resolved import resolved
from pccompiler.spec.tree import Mapping as Tree
from pccompiler.spec.tree import dotted
from runtime.data.splits import samples
from runtime.runs.run_folder import RunFolder, free_folder, refuse_occupied
from runtime.training.fit import fit, resume
from runtime.training.opened_run import Run, load_run
from runtime.training.reporter import Reporter, Silent
from runtime.training.session import Session, open_session, refuse_changed_data, refuse_changed_spec

MOST_SEEDS = 1000
_ELSEWHERE = "name another folder with --runs, or move that run away"


@dataclass(frozen=True)
class Row:
    """One rule over all seeds: test scores with the last parameters, and speed.

    A value and a loss are None for a seed with which training diverged; mean and spread are
    then None too. Spreads are sample standard deviations over seeds; None with a single seed.
    The speed is None where training was too short to measure it apart from compiling.
    """

    rule: str
    seeds: tuple[int, ...]
    metric: str
    values: tuple[float | None, ...]
    losses: tuple[float | None, ...]
    folders: tuple[Path, ...]
    milliseconds_per_step: float | None

    @property
    def diverged(self) -> tuple[int, ...]:
        """The seeds with which training diverged."""
        pairs = zip(self.seeds, self.values, strict=True)
        return tuple(seed for seed, value in pairs if value is None)

    @property
    def mean(self) -> float | None:
        values = self._values_of_all()
        return mean(values) if values else None

    @property
    def spread(self) -> float | None:
        values = self._values_of_all()
        return stdev(values) if len(values) > 1 else None

    def _values_of_all(self) -> list[float]:
        """The values, if all seeds have one: a mean over the others would be too good."""
        return [] if self.diverged else [value for value in self.values if value is not None]

    def as_json(self) -> dict[str, Any]:
        def by_seed(values: Sequence[Any]) -> dict[str, Any]:
            return dict(zip(map(str, self.seeds), values, strict=True))

        return {
            "rule": self.rule,
            "metric": self.metric,
            "mean": self.mean,
            "spread": self.spread,
            "seeds": by_seed(self.values),
            "loss": by_seed(self.losses),
            "diverged": list(self.diverged),
            "runs": by_seed([str(folder) for folder in self.folders]),
            "milliseconds_per_step": self.milliseconds_per_step,
        }


@dataclass(frozen=True)
class _Planned:
    """One training: its rule and seed as overrides, its folder and its resolved spec."""

    rule: str
    overrides: tuple[str, ...]
    folder: RunFolder
    spec_text: str


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
    included, is the same for all. A run that `folder` already holds, of the same spec and data,
    is used if it has finished and resumed if not, so that an interrupted comparison can be
    continued. A training that diverges is told as a warning, and the others go on.

    Every combination and folder is checked before the first one trains. Raises what `fit`
    raises but RunError; SpecError: PC561 for a rule or a seed that comes twice or is overridden
    too, PC512 without a test split; DataError for a folder that holds another run (PC524,
    PC526), anything else (PC520), or a run that trains (PC521).
    """
    import pccompiler

    _refuse_repeats("rule", rules, [_folder_name(rule) for rule in rules])
    _refuse_repeats("seed", seeds, seeds)
    _refuse_overridden(overrides)
    trainings = [
        (rule, seed, (*overrides, f"learning.rule={rule}", f"training.seed={seed}"))
        for rule in rules
        for seed in seeds
    ]
    texts = [resolved(pccompiler.check(spec, every).spec) for *_, every in trainings]
    session = open_session(spec, trainings[0][-1])
    _refuse_without_test(session)
    metric = "accuracy" if session.classes else "loss" if session.model.plan.outputs else "energy"
    parent = folder or free_folder(f"{session.spec.name}-compare")
    del session  # its data is read again for each run
    plans = [
        _Planned(rule, every, RunFolder(parent / f"{_folder_name(rule)}-seed{seed}"), text)
        for (rule, seed, every), text in zip(trainings, texts, strict=True)
    ]
    _refuse_other_runs(spec, plans)
    rows = []
    for rule in rules:
        of_rule = [plan for plan in plans if plan.rule == rule]
        runs = [_trained(spec, plan, reporter() if reporter else Silent()) for plan in of_rule]
        rows.append(_row(rule, tuple(seeds), metric, [plan.folder.path for plan in of_rule], runs))
    return tuple(rows)


def _refuse_overridden(overrides: Sequence[str]) -> None:
    """Raises SpecError (PC561) for an override of what every run gets for itself."""
    for word in overrides:
        override = parse(word, [])
        if override is None:
            continue  # what is wrong with it is told when the spec is checked
        path = tuple(text for text, _ in override.segments)
        for section, key, option in (("learning", "rule", "rules"), ("training", "seed", "seeds")):
            value = override.value if path == (section,) else None
            inside = isinstance(value, Tree) and key in value.entries
            if inside or path[:2] == (section, key):
                message = f"`-s {word}` sets {section}.{key}, which is another one in each run"
                help = f"name what to compare with --{option}"
                raise SpecError(Diagnostic("PC561", message, help=help))


def _refuse_without_test(session: Session) -> None:
    if not samples(session.data.test):
        path = ("data", "test")
        raise SpecError(
            Diagnostic(
                "PC512",
                "there is no test split to compare rules on",
                session.document.span(path),
                dotted(path),
                help="set data.test, for example to 0.2",
            )
        )


def _refuse_other_runs(spec: str, plans: Sequence[_Planned]) -> None:
    """Raises DataError with every folder that holds something else than the planned run."""
    problems: list[Diagnostic] = []
    sessions: dict[str, Session] = {}  # of one rule, as rules may hold different nodes
    for plan in plans:
        try:
            if not plan.folder.spec.is_file():
                refuse_occupied(plan.folder.path)
                continue
            plan.folder.refuse_in_use()
            saved = plan.folder.spec_text()
            refuse_changed_spec(plan.spec_text, plan.folder, saved, _ELSEWHERE)
            checkpoint, _ = plan.folder.checkpoints().latest()
            if checkpoint is None:
                continue
            if plan.rule not in sessions:
                sessions = {plan.rule: open_session(spec, plan.overrides)}
            digest = checkpoint.position.data_digest
            refuse_changed_data(sessions[plan.rule], plan.folder, digest, _ELSEWHERE)
        except DataError as error:
            problems += error.diagnostics
    if problems:
        raise DataError(problems)


def _trained(spec: str, plan: _Planned, reporter: Reporter) -> Run | None:
    """The finished run; None if it diverged, which is told."""
    path = plan.folder.path
    try:
        if not plan.folder.spec.is_file():
            return fit(spec, path, plan.overrides, reporter)
        run = load_run(path)
        return run if _scores(run) else resume(path, reporter=reporter)
    except RunError as error:
        for problem in error.diagnostics:
            reporter.warn(problem)
        return None


def _scores(run: Run) -> Mapping[str, Any]:
    """The test scores of the last parameters; none of a run that has not finished."""
    return ((run.result or {}).get("test") or {}).get("last") or {}


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
    """`0..4` or `0,3,7`. Raises SpecError (PC561) for anything else, and for too many."""
    try:
        if ".." in text:
            first, last = text.split("..")
            seeds: Sequence[int] = range(int(first), int(last) + 1)
        else:
            seeds = tuple(int(part) for part in text.split(","))
    except ValueError:
        seeds = ()
    help = "write a range 0..4 or a list 0,3,7"
    if not seeds:
        raise SpecError(Diagnostic("PC561", f"`{text}` names no seeds", help=help))
    if seeds[MOST_SEEDS:]:
        message = f"`{text}` names more than {MOST_SEEDS:,} seeds"
        raise SpecError(Diagnostic("PC561", message, help=help))
    return tuple(seeds)


def _refuse_repeats(what: str, given: Sequence[object], keys: Sequence[object]) -> None:
    """Raises SpecError (PC561) for the first thing whose key an earlier one has."""
    known: set[object] = set()
    for value, key in zip(given, keys, strict=True):
        if key in known:
            message = f"the {what} `{value}` comes twice"
            raise SpecError(Diagnostic("PC561", message, help=f"name each {what} once"))
        known.add(key)


def _row(
    rule: str,
    seeds: tuple[int, ...],
    metric: str,
    folders: Sequence[Path],
    runs: Sequence[Run | None],
) -> Row:
    scores = [_scores(run) if run else {} for run in runs]
    columns = [run.column("steps_per_second", "epoch")[1] for run in runs if run]
    # the first epoch compiles; alone, it is all there is
    later = [rate for column in columns for rate in (column[1:] if len(column) > 1 else column)]
    rates = [rate for rate in later if rate > 0]
    values = tuple(score.get(metric) for score in scores)
    losses = tuple(score.get("loss") for score in scores)
    milliseconds = 1000 / median(rates) if rates else None
    return Row(rule, seeds, metric, values, losses, tuple(folders), milliseconds)


def _folder_name(rule: str) -> str:
    return "".join(letter if letter.isalnum() or letter == "_" else "-" for letter in rule)
