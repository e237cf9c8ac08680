"""`pcc predict`: the outputs of a trained network, written to files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pccompiler.diagnostics.render import render
from pccompiler.diagnostics.wording import plural
from runtime.commands.options import COUNTS, RUN, SEEDS, WHICH, ending
from runtime.commands.results import opened
from runtime.host.streams import tell


@click.command(
    "predict",
    epilog=ending(
        "pcc predict RUN x.npz -o y.csv                      # the outputs",
        "pcc predict RUN digits/ -o y.json                   # of all pictures in a folder",
        "pcc predict RUN -o dream.png --clamp label=3 --read image",
        "pcc predict RUN x.npz -o whole.png --mask image=seen.npy --read image",
    ),
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
    help="Hold a node at a class (its number or name), a number, several of these with commas "
    "between them, one for each sample, a file like DATA, or a folder. May be repeated; default: "
    "the inputs are clamped to DATA.",
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
    type=COUNTS,
    help="Inference steps, where prediction relaxes; default: the spec's.",
)
@click.option(
    "--samples",
    type=COUNTS,
    help="Repeat what is held for so many samples; default: as many as DATA has, or 1.",
)
@click.option(
    "--seed",
    type=SEEDS,
    default=0,
    show_default=True,
    help="Seed of states that start at random.",
)
@click.option(
    "--header/--no-header",
    default=None,
    help="Whether the first row of a table is a header; default: unless it holds numbers other "
    "than 0, 1, ..., those of the columns.",
)
@WHICH
def command(
    run: str,
    data: tuple[str, ...],
    output: str,
    clamp: tuple[str, ...],
    read: tuple[str, ...],
    mask: tuple[str, ...],
    steps: int | None,
    samples: int | None,
    seed: int,
    header: bool | None,
    which: Any,
) -> None:
    """Predict, imagine or complete, with a trained network.

    RUN is its run folder, DATA one of these; values are in the units of the training data.

    \b
      .npz   one array per node, by its name; the first axis counts samples
      .npy   a single array, for a single input; also in an .npz file
      .csv   a row per sample; a header such as `x[0],x[1],label` names nodes
             and their units; without one, the units of a single input in order;
             a first row 0,1,... is a header, as pandas writes it
      .png   a picture per sample, grey or colour, of the size of its node:
             one file, several, or a folder of them, in the order of names

    A node of classes takes class numbers, and names in --clamp. Black is 0, white the largest
    value of the data source (255 of bytes, 16 of digits, else 1).
    """
    from runtime.prediction.predict import predict_file
    from runtime.prediction.request import request_from_words

    request = request_from_words(clamp, mask, read, steps, samples, seed, header)
    sources = [Path(name) for name in data]
    written = predict_file(opened(run), sources, Path(output), which, request, header)
    if written.warnings:
        tell(render(written.warnings))
    files = ", ".join(str(file) for file in written.files)
    tell(f"wrote {written.samples} {plural(written.samples, 'prediction')} to {files}")
