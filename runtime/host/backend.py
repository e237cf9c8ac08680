"""The device that JAX runs on, checked before it starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from typing import Any

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError

LOGGED = re.compile(r"^[A-Z]\d{4} [\d:.]+ +\d+ \S+\] ")
"""The prefix of XLA's log messages."""

_PROBE = "from jaxlib import xla_client; xla_client.CompileOptions()"
"""Makes XLA read its flags, and little else."""
_PROBE_SECONDS = 60
_SHOWN = 300
"""Characters of what XLA says."""


SETTINGS = {
    "jax_numpy_rank_promotion": "allow",
    "jax_numpy_dtype_promotion": "standard",
    "jax_transfer_guard": "allow",
    "jax_default_prng_impl": "threefry2x32",
}
"""JAX settings of commands, whatever the environment says: biases broadcast, numbers are promoted
and move to the device, and a seed always gives the same numbers."""


def use_device(device: str = "auto") -> None:
    """Makes JAX run on `cpu` or `gpu`; `auto` leaves the choice to it. Starts JAX's backend.

    Raises SpecError: PC560 where there is no such device, PC564 for flags that XLA would end
    the process for.
    """
    refuse_bad_flags()
    jax = _started()
    for setting, value in SETTINGS.items():
        jax.config.update(setting, value)
    if device != "auto":
        jax.config.update("jax_platforms", {"cpu": "cpu", "gpu": "cuda,rocm"}[device])
    try:
        jax.devices()
    except (RuntimeError, AssertionError):  # JAX asserts that a plugin it knows is installed
        help = "install JAX for your GPU (pip install '.[cuda]'), or use --device cpu"
        if device == "auto":
            device = os.environ.get("JAX_PLATFORMS") or device
            help = "correct the variable JAX_PLATFORMS, or leave it out"
        message = f"JAX finds no device of the kind `{device}`"
        raise SpecError(Diagnostic("PC560", message, help=help)) from None


def _started() -> Any:
    """JAX. Raises SpecError (PC564) for a variable that JAX cannot read."""
    try:
        import jax
    except ValueError as error:
        named = re.findall(r"\bjax_\w+", str(error), re.IGNORECASE)
        variable = named[0].upper() if named else "JAX_..."
        message = f"JAX cannot read the variable {variable}: {error}"
        raise SpecError(
            Diagnostic("PC564", message, help=f"correct {variable}, or leave it out")
        ) from None
    return jax


def refuse_bad_flags() -> None:
    """Raises SpecError (PC564) for a variable XLA_FLAGS that XLA cannot read."""
    flags = os.environ.get("XLA_FLAGS", "")
    problem = _problem(flags) if flags.strip() else ""
    if problem:
        message = f"XLA cannot read the variable XLA_FLAGS: {problem}"
        help = f"correct it, or leave it out; it is `{flags[:_SHOWN]}`"
        raise SpecError(Diagnostic("PC564", message, help=help))


@cache
def _problem(flags: str) -> str:
    """XLA's message about flags that end a process, found in a process of its own."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE],
            env=os.environ | {"XLA_FLAGS": flags},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    said = [line for line in done.stderr.splitlines() if LOGGED.match(line)]
    fatal = any(line.startswith("F") for line in said)
    if done.returncode == 0 or not fatal:  # or a jaxlib in which the probe finds nothing to call
        return ""
    return LOGGED.sub("", said[0])[:_SHOWN].rstrip(".")
