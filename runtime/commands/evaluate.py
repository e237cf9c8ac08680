"""`pcc evaluate`: the scores of a trained network."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from runtime.commands.options import JSON, RUN, WHICH, echo_json, ending
from runtime.commands.results import opened, scores_text


@click.command(
    "evaluate",
    epilog=ending(
        "pcc evaluate runs/net-001",
        "pcc evaluate runs/net-001 --split validation --checkpoint best --json",
    ),
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
def command(run: str, split: str, which: Any, allow_changed: bool, as_json: bool) -> None:
    """Measure a trained network on a split of its data.

    Reads the run folder RUN, and its data; prints accuracy (of classes), loss and energy, means
    per sample; writes nothing.
    """
    scores = asdict(opened(run).evaluate(split, which, allow_changed=allow_changed))
    if as_json:
        echo_json({"run": run, "split": split, **scores})
        return
    click.echo(f"{split}: {scores_text(scores)}")
