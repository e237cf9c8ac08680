"""Options that several commands share, and what their help ends with."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from pccompiler.diagnostics.diagnostic import PccError
from pccompiler.diagnostics.render import render
from runtime.host.json_text import finite
from runtime.host.streams import tell

if TYPE_CHECKING:
    from pccompiler.driver import Checked

EXITS = (
    "Exit codes: 0 good; 1 the run failed or diverged; 2 usage or spec; 3 data or checkpoint; "
    "130 interrupted, 143 terminated."
)


def ending(*examples: str, exits: str = EXITS) -> str:
    """The end of a command's help: examples, and what its exit codes mean."""
    shown = "\n".join(f"  {example}" for example in examples)
    return f"\b\nExamples:\n{shown}\n\n{exits}"


class SpecCommand(click.Command):
    """A command with -s: whoever gives it a key of the language as an option is told how."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            advice = "" if error.possibilities else _override_for(error.option_name, given)
            if not advice:
                raise
            raise click.NoSuchOption(
                error.option_name, f"{error.message.rstrip('.')}. {advice}", ctx=error.ctx
            ) from None


def _override_for(option: str, given: Sequence[str]) -> str:
    """`Write -s training.epochs=3.` for `--epochs 3`."""
    from pccompiler.spec.elsewhere import NAME, paths_to

    key = option.removeprefix("--").replace("-", "_")
    paths = paths_to(key) if option.startswith("--") else []
    value = next((word.partition("=")[2] for word in given if word.startswith(f"{option}=")), "")
    if option in given[:-1]:
        after = given[given.index(option) + 1]
        value = "" if after.startswith("--") else after  # which is another option
    meant = " or ".join(f"-s {path}={value or '...'}" for path in paths)
    named = f", with the {NAME} that the spec says" if NAME in meant else ""
    return f"Write {meant}{named}." if meant else ""


class _Device(click.Choice):
    """A kind of device; whoever names the maker's interface is told ours."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in ("cuda", "rocm"):
            self.fail(f"{value!r} is called gpu here: write --device gpu.", param, ctx)
        return super().convert(value, param, ctx)


def completing(
    names: Sequence[str] | Callable[[], Sequence[str]], after: str = ""
) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Returns the shell completion of one of these names; `after` separates the names of a list."""

    def complete(ctx: click.Context, _option: click.Parameter, begun: str) -> list[str]:
        known = names
        if callable(known):
            plugins_of(ctx)
            known = known()
        before, sign, last = begun.rpartition(after) if after else ("", "", begun)
        return [f"{before}{sign}{name}" for name in known if name.startswith(last)]

    return complete


def _override(_ctx: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """Completions of `training.ep` and `learning.rule=ba`: keys of the language, followed by `.`
    where they hold others, and the values that a key may have, where they are listed."""
    from pccompiler.spec.language import place

    key, sign, value = begun.partition("=")
    if sign:
        there = place(tuple(key.split(".")))
        known = [str(name) for name in there.values or (there.keys if there.choice else ())]
        known += ["true", "false"] if there.expected == "true or false" else []
        return [f"{key}={name}" for name in known if name.startswith(value)]
    *path, last = key.split(".")
    before = "".join(f"{part}." for part in path)
    found: list[str] = []
    for name in place(tuple(path)).keys:
        if name.startswith(last):
            there = place((*path, name))
            holds_keys = there.keys and not there.choice
            found.append(f"{before}{name}{'.' if holds_keys else '='}")
    return found


SPEC = click.argument("spec", type=click.Path())
SET = click.option(
    "-s",
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=_override,
    help="Override a value of the spec: a key path as messages show it, and YAML, such as "
    "-s inference.steps=40 -s 'nodes.h[1..2].activation=relu'. May be repeated; default: none.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
RUN = click.argument("run", type=click.Path())
SEEDS = click.IntRange(min=0, max=2**31 - 1)
"""Seeds: those of the language, which JAX's 32-bit integers hold."""
COUNTS = click.IntRange(min=1, max=10**9 - 1)
"""Numbers of steps or samples: those of the language."""
WHICH = click.option(
    "--checkpoint",
    "which",
    type=click.Choice(["last", "best"]),
    default="last",
    show_default=True,
    help="The newest parameters, or those with the best value of training.monitor.",
)
DEVICE = click.option(
    "--device",
    type=_Device(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="Where to compute; gpu is CUDA or ROCm, auto takes what JAX finds.",
)


PLUGIN = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE|MODULE",
    help="Python file, or module, with operators, energies, rules, ... of your own; may stand "
    "after the command too, and be repeated. Default: those that PCC_PLUGINS names.",
)


def use_plugins(plugins: Sequence[str]) -> None:
    """Registers the members of plugins, and of those that PCC_PLUGINS names."""
    if plugins or os.environ.get("PCC_PLUGINS"):
        from pccompiler.components.plugins import load_plugins

        load_plugins(plugins)


def plugins_of(ctx: click.Context) -> None:
    """Registers the plugins that a command line has named so far: completion runs no command."""
    with suppress(PccError):
        use_plugins(ctx.find_root().params.get("plugins") or ())


def plugins_first(words: Sequence[str]) -> list[str]:
    """The words of a command line with every `--plugin` before the command, where the group
    takes it."""
    first: list[str] = []
    rest = list(words)
    end = rest.index("--") if "--" in rest else len(rest)
    position = 0
    while position < end:
        word = rest[position]
        size = 1 if word.startswith("--plugin=") else 2 if word == "--plugin" else 0
        first += rest[position : position + size]
        del rest[position : position + size]
        end -= size
        position += not size
    return [*first, *rest]


def echo_json(value: Any) -> None:
    """Prints a value as JSON on stdout; a number that is not finite, of which JSON knows none,
    as null."""
    import json

    click.echo(json.dumps(finite(value), indent=2, allow_nan=False))


def checked_spec(spec: str, overrides: tuple[str, ...], **options: Any) -> Checked:
    """The checked spec; its warnings go to stderr."""
    from pccompiler.driver import check

    checked = check(spec, overrides, **options)
    if checked.warnings:
        tell(render(checked.warnings))
    return checked
