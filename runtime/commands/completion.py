"""`pcc completion`: what makes a shell complete commands, options and values."""

from __future__ import annotations

import click

from runtime.commands.options import ending


@click.command(
    "completion", epilog=ending("pcc completion bash", exits="Exit codes: 0 good; 2 usage.")
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="SHELL")
def command(shell: str) -> None:
    """Print what makes a shell complete commands, options and codes.

    SHELL is bash, zsh or fish. The line that belongs into its start file:

    \b
      bash (4.4 or newer)   eval "$(pcc completion bash)"
      zsh                   eval "$(pcc completion zsh)"
      fish                  pcc completion fish | source
    """
    from click.shell_completion import get_completion_class

    from runtime.commands.shells import use_shells

    use_shells()
    kind = get_completion_class(shell)
    assert kind is not None, "click knows these three"
    main = click.get_current_context().find_root().command
    click.echo(kind(main, {}, "pcc", "_PCC_COMPLETE").source())
