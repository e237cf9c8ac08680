"""The commands of `pcc`. Each is a file of `runtime/commands/`, imported when it is used."""

from __future__ import annotations

from runtime.commands.group import command_line, run_process

COMMANDS = (
    "new",
    "check",
    "explain",
    "schema",
    "show",
    "diagram",
    "compile",
    "train",
    "resume",
    "evaluate",
    "predict",
    "compare",
    "runs",
    "verify",
    "data",
    "doctor",
    "completion",
)
"""In the order in which `pcc --help` lists them."""

main = command_line(COMMANDS)


def run() -> None:
    """The process that `pcc` starts."""
    run_process(main)


if __name__ == "__main__":
    run()
