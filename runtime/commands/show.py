"""`pcc show`: shapes, parameters, FLOPs and memory of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pccompiler.planning.cost import bytes_text
from runtime.commands.options import JSON, SET, SPEC, SpecCommand, checked_spec, echo_json, ending
from runtime.commands.tables import print_table

if TYPE_CHECKING:
    from pccompiler.summary import Summary


@click.command(
    "show",
    cls=SpecCommand,
    epilog=ending(
        "pcc show net.yaml",
        "pcc show net.yaml -s params.width=256 --json",
        exits="Exit codes: 0 good; 2 usage or spec.",
    ),
)
@SPEC
@SET
@JSON
def command(spec: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show shapes, parameters, FLOPs and memory.

    FLOPs are for one sample, a multiply-add counting as two; memory is what a training step
    of one batch needs, in 32-bit numbers.
    """
    from pccompiler.summary import summarise

    summary = summarise(checked_spec(spec, overrides))
    if as_json:
        echo_json(summary.as_json())
        return
    _print_summary(summary)


def _print_summary(summary: Summary) -> None:
    """Nodes, edges and totals of a network."""
    print_table(
        f"{summary.name}: nodes",
        ("node", "role", "shape", "activation", "energy"),
        ((n.name, n.role, _shape(n.shape), n.activation, n.energy or "-") for n in summary.nodes),
    )
    print_table(
        "edges",
        ("edge", "kind", "operators", "shapes", "parameters#", "FLOPs/sample#"),
        (
            (
                e.name,
                e.kind,
                e.operators,
                f"{_shape(e.source_shape)} -> {_shape(e.target_shape)}",
                f"{e.parameters:,}",
                f"{e.flops:,}",
            )
            for e in summary.edges
        ),
    )
    if summary.own:
        print_table(
            f"arrays of {summary.rule}",
            ("of", "array", "shape", "learns by"),
            ((a.owner, a.name, _shape(a.shape), a.learns or "-") for a in summary.own),
        )
    totals = summary.totals
    print_table(
        "totals",
        ("what", "amount#"),
        (
            ("parameters", f"{totals.parameters:,}"),
            ("FLOPs of a feedforward pass, per sample", f"{totals.forward_flops:,}"),
            (f"FLOPs of a {summary.rule} step, per sample", f"{totals.step_flops:,}"),
            ("memory of parameters, gradient and optimiser", bytes_text(totals.parameter_bytes)),
            (
                f"memory of the states of a batch of {totals.batch_size}",
                bytes_text(totals.state_bytes),
            ),
        ),
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in shape)
