"""`pcc train`: trains a network, or tries whether it could."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pccompiler.diagnostics.render import render
from pccompiler.planning.cost import bytes_text
from runtime.commands.options import DEVICE, JSON, SET, SPEC, SpecCommand, echo_json, ending
from runtime.commands.results import print_result, until_interrupted
from runtime.commands.tables import print_table
from runtime.host.signals import Interrupted
from runtime.host.streams import tell

if TYPE_CHECKING:
    from runtime.training.dry_run import Outlook


@click.command(
    "train",
    cls=SpecCommand,
    epilog=ending(
        "pcc train net.yaml",
        "pcc train net.yaml -s training.epochs=3 -s learning.rule=backprop",
        "pcc train net.yaml --dry-run",
    ),
)
@SPEC
@SET
@click.option(
    "--run",
    "run_dir",
    type=click.Path(),
    help="Run folder to make; default: the next free one of runs/NAME-001, -002, ...",
)
@DEVICE
@click.option(
    "--dry-run",
    is_flag=True,
    help="Check the spec, load the data, and print what would be trained; write nothing.",
)
@click.option(
    "--smoke",
    is_flag=True,
    help="Train two steps, score, save and draw in a temporary folder: does all of it work?",
)
@JSON
def command(
    spec: str,
    overrides: tuple[str, ...],
    run_dir: str | None,
    device: str,
    dry_run: bool,
    smoke: bool,
    as_json: bool,
) -> None:
    """Train a network, into a new run folder.

    Reads SPEC and its data. Writes the spec in full, metrics.jsonl, checkpoints, plots and
    result.json into the folder; test scores go to stdout, progress to stderr.

    Ctrl-C finishes the step, saves a checkpoint and exits; `pcc resume RUN` goes on exactly
    there.
    """
    from runtime.host.backend import use_device

    if smoke and (dry_run or run_dir):
        other = "--dry-run" if dry_run else "--run"
        raise click.UsageError(f"--smoke keeps nothing, so it does not go with {other}")
    use_device(device)
    if dry_run:
        _dry_run(spec, overrides, run_dir, as_json)
    elif smoke:
        _smoke(spec, overrides, as_json)
    else:
        _train(spec, overrides, run_dir, as_json)


def _train(spec: str, overrides: Sequence[str], run_dir: str | None, as_json: bool) -> None:
    """Trains and prints the result."""
    from runtime.commands.progress import reporter_for
    from runtime.training.fit import fit

    run = until_interrupted(lambda: fit(spec, run_dir, overrides, reporter_for()))
    print_result(run, as_json)


def _smoke(spec: str, overrides: Sequence[str], as_json: bool) -> None:
    """Trains two steps in a folder that is removed, and says how it went."""
    from runtime.commands.progress import reporter_for
    from runtime.training.dry_run import smoke

    try:
        done = smoke(spec, overrides, reporter_for())
    except Interrupted as stopped:
        tell("interrupted")
        raise SystemExit(stopped.exit_code) from None
    if as_json:
        echo_json(asdict(done))
        return
    click.echo(f"smoke test: {done.steps} training steps in {done.seconds:.1f} s; all is well")


def _dry_run(spec: str, overrides: Sequence[str], run_dir: str | None, as_json: bool) -> None:
    """Prints what would be trained."""
    from runtime.training.dry_run import outlook

    found = outlook(spec, run_dir, overrides)
    if found.warnings:
        tell(render(found.warnings))
    if as_json:
        echo_json(found.as_json())
    else:
        _print_outlook(found)
    tell("dry run: nothing was trained or written")


def _print_outlook(outlook: Outlook) -> None:
    """Prints the outlook of a training."""
    counts = ", ".join(f"{count:,} {split}" for split, count in outlook.samples.items())
    rows = {
        "network": outlook.name + (f": {outlook.description}" if outlook.description else ""),
        "parameters": f"{outlook.parameters:,}",
        "memory of a training step": bytes_text(outlook.bytes),
        "rule": outlook.rule,
        "inference": outlook.inference,
        "optimizer": outlook.optimizer,
        "schedule": outlook.schedule,
        "data": outlook.source,
        "files": "\n".join(outlook.files) or "none needed",
        "samples": counts,
        "training": f"{outlook.epochs:,} epochs of {outlook.steps_per_epoch:,} steps, each of "
        f"{outlook.batch_size:,} samples: {outlook.steps:,} steps",
        "monitor": outlook.monitor or "nothing: no validation split",
        "early stop": outlook.early_stop or "none",
        "checkpoints": f"every {outlook.checkpoint_every}"
        if outlook.checkpoint_every
        else "at the end",
        "seed": str(outlook.seed),
        "devices": ", ".join(outlook.devices),
        "run folder": outlook.folder,
    }
    print_table("would train", ("what", "value"), rows.items())
