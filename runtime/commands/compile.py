"""`pcc compile`: compiles a network and prints the program at any stage."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import click

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.driver import Checked, Observe, lower
from pccompiler.ir.graph import Graph
from pccompiler.ir.print import print_graph
from pccompiler.passes import OPTIONAL, STAGES
from pccompiler.planning.plan import UpdatePlan
from pccompiler.planning.print import print_plan
from runtime.commands.options import SET, SPEC, SpecCommand, checked_spec, completing, ending
from runtime.host.streams import tell


@click.command(
    "compile",
    cls=SpecCommand,
    epilog=ending(
        "pcc compile net.yaml",
        "pcc compile net.yaml --emit cost > cost.json",
        "pcc compile net.yaml --emit plan --disable wavefront --time-passes",
        "pcc compile net.yaml --print-after infer_shapes",
        exits="Exit codes: 0 good; 2 usage or spec.",
    ),
)
@SPEC
@SET
@click.option(
    "--emit",
    type=click.Choice(["graph", "plan", "jaxpr", "hlo", "cost"]),
    help="What to print: the typed graph, the update plan, the JAX expression of a training "
    "step, its optimised HLO, or XLA's estimate of its cost, as JSON; default: that it compiles.",
)
@click.option(
    "--print-after",
    metavar="PASS",
    shell_complete=completing((*STAGES, "all")),
    help=f"Print the result of a pass: {', '.join(STAGES)}, or all; default: of none.",
)
@click.option(
    "--disable",
    multiple=True,
    metavar="PASS",
    shell_complete=completing(OPTIONAL),
    help=f"Leave out an optimising pass: {', '.join(OPTIONAL)}. May be repeated; default: none.",
)
@click.option(
    "--time-passes",
    is_flag=True,
    help="Print on stderr how many milliseconds each pass took, with the check of its result.",
)
def command(
    spec: str,
    overrides: tuple[str, ...],
    emit: str | None,
    print_after: str | None,
    disable: tuple[str, ...],
    time_passes: bool,
) -> None:
    """Compile a network; print the program at any stage.

    Reads SPEC, not its data, and writes nothing. The passes that optimise never change a
    result, so leaving one out only shows what it does.
    """
    printer = PassPrinter(print_after, disable)
    observe = PassTimer(printer) if time_passes else printer
    checked = checked_spec(spec, overrides, disable=disable, observe=observe)
    if emit or not print_after:
        click.echo(emitted(checked, emit), nl=False)


class PassPrinter:
    """Prints the result of one pass, or of all, while the compiler runs.

    Raises SpecError (PC401) for the name of a pass that does not exist, or that may not be
    disabled.
    """

    def __init__(self, after: str | None, disable: Sequence[str]) -> None:
        self.after = after
        if after is not None and after not in (*STAGES, "all"):
            raise _unknown_pass(after, (*STAGES, "all"))
        for name in disable:
            if name not in OPTIONAL:
                raise _unknown_pass(name, OPTIONAL)

    def __call__(self, name: str, result: Graph | UpdatePlan) -> None:
        if self.after in (name, "all"):
            text = print_graph(result) if isinstance(result, Graph) else print_plan(result)
            click.echo(f"# after {name}\n{text}")


class PassTimer:
    """Says on stderr how long each pass took, with the check of its result; the time of `build`
    begins with the reading of the spec. What `then` does with a result is not counted.
    """

    def __init__(self, then: Observe) -> None:
        self.then = then
        self.begin = perf_counter()

    def __call__(self, name: str, result: Graph | UpdatePlan) -> None:
        milliseconds = 1000 * (perf_counter() - self.begin)
        tell(f"{name:{max(map(len, STAGES))}} {milliseconds:9.2f} ms")
        self.then(name, result)
        self.begin = perf_counter()


def emitted(checked: Checked, form: str | None) -> str:
    """The program as `graph`, `plan`, `jaxpr`, `hlo` or `cost`; with None, that it compiles."""
    if form == "graph":
        return print_graph(checked.graph)
    if form == "plan":
        return print_plan(checked.plan)

    from runtime.host.backend import use_device

    use_device()  # before anything imports JAX, whose variables it looks at
    from pccompiler.lowering import program_text

    model = lower(checked)
    if form is None:
        return program_text.confirmation(model)
    return {
        "jaxpr": program_text.jaxpr,
        "hlo": program_text.hlo,
        "cost": program_text.xla_cost,
    }[form](model)


def _unknown_pass(name: str, known: Sequence[str]) -> SpecError:
    return SpecError(
        Diagnostic("PC401", f"there is no such pass `{name}`", help=suggestion(name, known))
    )
