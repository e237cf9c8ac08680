"""The command line of pcc. Every command is a few lines over a function elsewhere.

Results go to stdout, progress and messages to stderr. Exit codes: 0 good, 1 the run failed or
diverged, 2 usage or spec, 3 data or checkpoint, 130 and 143 on signals.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pccompiler.diagnostics.diagnostic import Diagnostic, PccError
from pccompiler.diagnostics.render import render, render_explanation

if TYPE_CHECKING:
    from pccompiler.driver import Checked

SPEC = click.argument("spec", type=click.Path())
SET = click.option(
    "-s",
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a value of the spec, e.g. -s inference.steps=40. May be repeated.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
RUN = click.argument("run", type=click.Path())
WHICH = click.option(
    "--checkpoint",
    "which",
    type=click.Choice(["last", "best"]),
    default="last",
    show_default=True,
    help="The newest parameters, or those with the best validation score.",
)
DEVICE = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes what JAX finds.",
)


class _Group(click.Group):
    """Turns the project's errors into messages and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PccError as error:
            click.echo(render(error.diagnostics), err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(130)
        except BrokenPipeError:
            # whoever read our output has left; keep the interpreter from complaining at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pcc", prog_name="pcc")
def main() -> None:
    """Compile and train energy-based networks described in YAML.

    Start with `pcc check SPEC`, then `pcc train SPEC`. `pcc explain CODE` says more about
    any message.
    """


@main.command()
@click.argument("specs", nargs=-1, required=True, type=click.Path())
@SET
@click.option(
    "--format",
    "style",
    type=click.Choice(["full", "concise", "json", "github"]),
    default="full",
    show_default=True,
    help="How messages are written: with the quoted line, one line each, for programs, or for "
    "GitHub's annotations.",
)
def check(specs: tuple[str, ...], overrides: tuple[str, ...], style: Any) -> None:
    """Check one or more specs, without running anything.

    Prints every mistake of every file. Exit code 2 if there is an error; warnings do not
    count.
    """
    from pccompiler.driver import check as check_spec

    found: list[Diagnostic] = []
    for spec in specs:
        try:
            found += check_spec(spec, overrides).warnings
        except PccError as error:
            found += error.diagnostics
    errors = sum(diagnostic.severity == "error" for diagnostic in found)
    if found or style == "json":
        click.echo(render(found, style))
    if style == "full":
        _check_summary(len(specs), errors, len(found) - errors)
    raise SystemExit(2 if errors else 0)


@main.command()
@click.argument("code")
def explain(code: str) -> None:
    """Explain the code of a message.

    Says what a code such as PC303 means, with a wrong and a right example.
    """
    click.echo(render_explanation(code))


@main.command()
def schema() -> None:
    """Print the JSON schema of specs, for editors."""
    from pccompiler.spec.schema import schema_text

    click.echo(schema_text(), nl=False)


@main.command()
@SPEC
@SET
@JSON
def show(spec: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show shapes, parameters, FLOPs and memory.

    FLOPs are for one sample, a multiply-add counting as two; memory is what a training step
    of one batch needs, in 32-bit numbers.
    """
    from pccompiler.summary import summarise

    summary = summarise(_checked(spec, overrides))
    if as_json:
        _echo_json(summary.as_json())
        return
    from runtime.tables import print_summary

    print_summary(summary)


@main.command()
@SPEC
@click.option("-o", "--output", required=True, type=click.Path(), help="File to write.")
@SET
@click.option(
    "--view",
    type=click.Choice(["network", "unrolled", "circuit"]),
    default="network",
    show_default=True,
    help="Nodes and edges as written; their copies in time; or units for values and errors.",
)
@click.option("--unroll", is_flag=True, help="Short for --view unrolled.")
def diagram(spec: str, output: str, overrides: tuple[str, ...], view: str, unroll: bool) -> None:
    """Draw a network into a file.

    The ending chooses the format: .svg, .dot or .gv (Graphviz), .mmd or .mermaid.
    """
    from pccompiler.diagrams import draw, format_of
    from runtime.durable import replace_file

    form = format_of(output)
    checked = _checked(spec, overrides)
    clamped = checked.plan.phases[-1].phase.clamped
    text = draw(
        checked.graph,
        form,
        clamped=clamped,
        description=checked.spec.description,
        view="unrolled" if unroll else view,
    )
    replace_file(Path(output), text.encode())
    click.echo(f"wrote {output}", err=True)


@main.command(name="compile")
@SPEC
@SET
@click.option(
    "--emit",
    type=click.Choice(["graph", "plan", "jaxpr", "hlo", "cost"]),
    help="What to print: the typed graph, the update plan, the JAX expression of a training "
    "step, its optimised HLO, or XLA's estimate of its cost.",
)
@click.option(
    "--print-after", metavar="PASS", help="Print the result of this pass, or of `all` passes."
)
@click.option(
    "--disable",
    multiple=True,
    metavar="PASS",
    help="Leave out an optimising pass. May be repeated.",
)
def compile_(
    spec: str,
    overrides: tuple[str, ...],
    emit: str | None,
    print_after: str | None,
    disable: tuple[str, ...],
) -> None:
    """Compile a network; print the program at any stage."""
    from runtime.listings import PassPrinter, emitted

    printer = PassPrinter(print_after, disable)
    checked = _checked(spec, overrides, disable=disable, observe=printer)
    if emit or not print_after:
        click.echo(emitted(checked, emit), nl=False)


@main.command()
@SPEC
@SET
@click.option(
    "--run", "run_dir", type=click.Path(), help="Run folder; default: runs/NAME-001, -002, ..."
)
@DEVICE
def train(spec: str, overrides: tuple[str, ...], run_dir: str | None, device: str) -> None:
    """Train a network, into a new run folder.

    Ctrl-C finishes the step, saves a checkpoint and exits; `pcc resume RUN` goes on exactly
    there.
    """
    from runtime.commands import train as train_run

    train_run(spec, overrides, run_dir, device)


@main.command()
@RUN
@SET
@click.option("--allow-changed", is_flag=True, help="Go on although the spec or the data changed.")
@click.option("--strict", is_flag=True, help="Fail if the newest checkpoint is damaged.")
@DEVICE
def resume(
    run: str, overrides: tuple[str, ...], allow_changed: bool, strict: bool, device: str
) -> None:
    """Continue a run exactly where it stopped.

    On the same machine the result has the bits of a run that was never interrupted.
    """
    from runtime.commands import resume as resume_run

    resume_run(run, overrides, allow_changed, strict, device)


@main.command()
@RUN
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
    help="Which part of the data.",
)
@WHICH
@JSON
def evaluate(run: str, split: str, which: Any, as_json: bool) -> None:
    """Measure a trained network on a split of its data."""
    from runtime.commands import evaluate as evaluate_run

    evaluate_run(run, split, which, as_json)


@main.command()
@RUN
@click.argument("data", required=False, type=click.Path())
@click.option(
    "-o", "--output", required=True, type=click.Path(), help="File to write: .npz, .csv or .png."
)
@click.option(
    "--clamp",
    multiple=True,
    metavar="NODE=VALUE",
    help="Hold a node at a class, a number, or a .npy or .npz file. May be repeated.",
)
@click.option(
    "--read",
    multiple=True,
    metavar="NODE",
    help="Read this node instead of the outputs; then only the nodes given are held.",
)
@click.option(
    "--mask",
    multiple=True,
    metavar="NODE=FILE",
    help="Hold a node only where the array of this file is not zero, and fill in the rest.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Inference steps; default: the spec's.")
@click.option(
    "--samples", type=click.IntRange(min=1), help="Repeat what is held for so many samples."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of a random start."
)
@WHICH
def predict(
    run: str,
    data: str | None,
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

    DATA (.npz) holds one array per node, by its name, or a single array (also .npy) for a
    single input; the first axis counts samples. Values are in the units of the training data.

    \b
      pcc predict RUN x.npz -o y.csv                      the outputs
      pcc predict RUN -o dream.png --clamp label=3 --read image
      pcc predict RUN x.npz -o whole.png --mask image=seen.npy --read image
    """
    from runtime.commands import predict as predict_run
    from runtime.holding import request_from_words

    request = request_from_words(clamp, mask, read, steps, samples, seed)
    predict_run(run, data, output, which, request)


@main.command()
@SPEC
@SET
@click.option(
    "--rules",
    default="predictive_coding,backprop",
    show_default=True,
    metavar="A,B,...",
    help="Rules to compare, by name.",
)
@click.option(
    "--seeds",
    default="0..2",
    show_default=True,
    metavar="A..B",
    help="Seeds of parameters and order of samples: a range or a list.",
)
@click.option(
    "--runs", type=click.Path(), help="Folder for the runs; default: runs/NAME-compare-001."
)
@JSON
def compare(
    spec: str, overrides: tuple[str, ...], rules: str, seeds: str, runs: str | None, as_json: bool
) -> None:
    """Compare rules on the same network.

    Trains the spec once for each rule and seed, and prints the test scores with their mean
    and spread. All runs share the same split of the data.
    """
    from runtime.commands import compare as compare_rules

    compare_rules(spec, overrides, rules, seeds, runs, as_json)


def _checked(spec: str, overrides: tuple[str, ...], **options: Any) -> Checked:
    """The checked spec; its warnings go to stderr."""
    from pccompiler.driver import check as check_spec

    checked = check_spec(spec, overrides, **options)
    if checked.warnings:
        click.echo(render(checked.warnings), err=True)
    return checked


def _check_summary(specs: int, errors: int, warnings: int) -> None:
    def count(number: int, thing: str) -> str:
        return f"{number} {thing}" + ("" if number == 1 else "s")

    verdict = (
        f"{count(errors, 'error')}, {count(warnings, 'warning')}" if errors or warnings else "ok"
    )
    click.echo(f"{count(specs, 'spec')} checked: {verdict}", err=True)


def _echo_json(value: Any) -> None:
    import json

    click.echo(json.dumps(value, indent=2))


if __name__ == "__main__":
    main()
