"""The commands that train networks and use trained ones."""

from __future__ import annotations

from typing import Any

import click

from pccompiler.components.rules import RULES
from runtime.commands.options import (
    DEVICE,
    JSON,
    RUN,
    SET,
    SPEC,
    WHICH,
    SpecCommand,
    completing,
    ending,
)

RUN_EXITS = "Exit codes: 0 good; 2 usage; 3 a folder that is no run, or cannot be used."
RULE_NAMES = [rule.name for rule in RULES]


@click.command(
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
def train(
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
    from runtime.commands import actions as commands

    if smoke and (dry_run or run_dir):
        other = "--dry-run" if dry_run else "--run"
        raise click.UsageError(f"--smoke keeps nothing, so it does not go with {other}")
    if dry_run:
        commands.dry_run(spec, overrides, run_dir, device, as_json)
    elif smoke:
        commands.smoke(spec, overrides, device, as_json)
    else:
        commands.train(spec, overrides, run_dir, device, as_json)


@click.command(
    cls=SpecCommand,
    epilog=ending(
        "pcc resume runs/net-001",
        "pcc resume runs/net-001 -s training.epochs=40 --allow-changed    # train longer",
    ),
)
@RUN
@SET
@click.option("--allow-changed", is_flag=True, help="Go on although the spec or the data changed.")
@click.option(
    "--strict",
    is_flag=True,
    help="Fail if the newest checkpoint is damaged, instead of going on from the one before.",
)
@DEVICE
@JSON
def resume(
    run: str,
    overrides: tuple[str, ...],
    allow_changed: bool,
    strict: bool,
    device: str,
    as_json: bool,
) -> None:
    """Continue a run exactly where it stopped.

    Reads the spec and the newest checkpoint in the run folder RUN, and the data again; writes
    into the same folder. A run that has finished is only scored again.

    On the same machine the result has the bits of a run that was never interrupted.
    """
    from runtime.commands import actions as commands

    commands.resume(run, overrides, allow_changed, strict, device, as_json)


@click.command(
    epilog=ending(
        "pcc evaluate runs/net-001",
        "pcc evaluate runs/net-001 --split validation --checkpoint best --json",
    )
)
@RUN
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
    help="Which part of the data.",
)
@WHICH
@click.option(
    "--allow-changed",
    is_flag=True,
    help="Measure on the data even if it differs from what the run was saved with.",
)
@JSON
def evaluate(run: str, split: str, which: Any, allow_changed: bool, as_json: bool) -> None:
    """Measure a trained network on a split of its data.

    Reads the run folder RUN, and its data; prints accuracy (of classes), loss and energy, means
    per sample; writes nothing.
    """
    from runtime.commands import actions as commands

    commands.evaluate(run, split, which, allow_changed, as_json)


@click.command(
    epilog=ending(
        "pcc predict RUN x.npz -o y.csv                      # the outputs",
        "pcc predict RUN digits/ -o y.json                   # of all pictures in a folder",
        "pcc predict RUN -o dream.png --clamp label=3 --read image",
        "pcc predict RUN x.npz -o whole.png --mask image=seen.npy --read image",
    )
)
@RUN
@click.argument("data", nargs=-1, type=click.Path())
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(),
    help="File to write: .csv, .npz, .json, or .png, which draws nodes that are pictures.",
)
@click.option(
    "--clamp",
    multiple=True,
    metavar="NODE=VALUE",
    help="Hold a node at a class, a number, a file like DATA, or a folder. May be repeated; "
    "default: the inputs are held at DATA.",
)
@click.option(
    "--read",
    multiple=True,
    metavar="NODE",
    help="Read this node; then only the nodes given are held. May be repeated; default: the "
    "outputs, or prediction.read of the spec.",
)
@click.option(
    "--mask",
    multiple=True,
    metavar="NODE=FILE",
    help="Hold a node only where this array or picture is not zero, and fill in the rest, if "
    "something predicts the node (feedback, a decoder); else the rest stays as it starts. May be "
    "repeated; default: none.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="Inference steps, where prediction relaxes; default: the spec's.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    help="Repeat what is held for so many samples; default: as many as DATA has, or 1.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of states that start at random.",
)
@WHICH
def predict(
    run: str,
    data: tuple[str, ...],
    output: str,
    clamp: tuple[str, ...],
    read: tuple[str, ...],
    mask: tuple[str, ...],
    steps: int | None,
    samples: int | None,
    seed: int,
    which: Any,
) -> None:
    """Predict, imagine or complete, with a trained network.

    RUN is its run folder, DATA one of these; values are in the units of the training data.

    \b
      .npz   one array per node, by its name; the first axis counts samples
      .npy   a single array, for a single input; also in an .npz file
      .csv   a row per sample; a header such as `x[0],x[1],label` names nodes
             and their units; without one, the units of a single input in order
      .png   a picture per sample, grey or colour, of the size of its node:
             one file, several, or a folder of them, in the order of names

    A node of classes takes class numbers. Black is 0, white the largest value of the data
    source (255 of bytes, 16 of digits, else 1).
    """
    from runtime.commands import actions as commands
    from runtime.prediction.request import request_from_words

    request = request_from_words(clamp, mask, read, steps, samples, seed)
    commands.predict(run, data, output, which, request)


@click.command(
    cls=SpecCommand,
    epilog=ending(
        "pcc compare net.yaml",
        "pcc compare net.yaml --rules z_il,backprop --seeds 0..4 -s training.epochs=5",
        "pcc compare net.yaml --rules 'backprop,{equilibrium_propagation: {beta: 0.1}}'",
    ),
)
@SPEC
@SET
@click.option(
    "--rules",
    default="predictive_coding,backprop",
    show_default=True,
    metavar="A,B,...",
    shell_complete=completing(RULE_NAMES, after=","),
    help=f"Rules to compare, as in learning.rule: {', '.join(RULE_NAMES)}.",
)
@click.option(
    "--seeds",
    default="0..2",
    show_default=True,
    metavar="A..B",
    help="Seeds of parameters and order of samples: a range 0..4, or a list 0,3,7.",
)
@click.option(
    "--runs",
    type=click.Path(),
    help="Folder for the runs, or of those that a comparison left behind; default: "
    "runs/NAME-compare-001.",
)
@JSON
def compare(
    spec: str, overrides: tuple[str, ...], rules: str, seeds: str, runs: str | None, as_json: bool
) -> None:
    """Compare rules on the same network.

    Reads SPEC and its data, and writes a run folder for each training into the folder --runs.
    Trains the spec once for each rule and seed, and prints the test scores with their mean
    and spread. All runs share the same split of the data. If one diverges, the others go on,
    and the exit code is 1.

    Of the runs that --runs holds already, those that have finished are used and the others
    resumed, so the same command continues a comparison that was interrupted. Before anything
    trains it is refused if a folder in there holds anything but such a run of the same spec and
    data.
    """
    from runtime.commands import actions as commands

    commands.compare(spec, overrides, rules, seeds, runs, as_json)


@click.group()
def runs() -> None:
    """List, compare or delete run folders."""


@runs.command(
    name="list",
    epilog=ending("pcc runs list", "pcc runs list runs/net-compare-001 --json", exits=RUN_EXITS),
)
@click.argument("folder", default="runs", type=click.Path())
@JSON
def runs_list(folder: str, as_json: bool) -> None:
    """List the runs in a folder and in the folders in it.

    FOLDER is by default `runs`. Shows the state of each, its epochs, the best value of its
    monitored metric on the validation split, and the test scores of its last parameters.
    """
    from runtime.commands import actions as commands

    commands.runs_list(folder, as_json)


@runs.command(
    name="compare", epilog=ending("pcc runs compare runs/net-001 runs/net-002", exits=RUN_EXITS)
)
@click.argument("paths", nargs=-1, required=True, metavar="RUN...", type=click.Path())
@JSON
def runs_compare(paths: tuple[str, ...], as_json: bool) -> None:
    """Compare runs: their scores, and in what their specs differ.

    Scores are means per sample, times are seconds spent in training steps.
    """
    from runtime.commands import actions as commands

    commands.runs_compare(paths, as_json)


@runs.command(
    name="delete", epilog=ending("pcc runs delete runs/net-001 runs/net-002", exits=RUN_EXITS)
)
@click.argument("paths", nargs=-1, required=True, metavar="RUN...", type=click.Path())
def runs_delete(paths: tuple[str, ...]) -> None:
    """Delete run folders, with their checkpoints and metrics. Nothing is asked.

    Refuses, and then deletes none of them, if one is no run folder, if a run is training, or if
    a folder holds files that pcc did not write.
    """
    from runtime.commands import actions as commands

    commands.runs_delete(paths)


RUN_COMMANDS: tuple[click.Command, ...] = (train, resume, evaluate, predict, compare, runs)
