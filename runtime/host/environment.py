"""The environment on which a run's bits depend beside the spec: versions, processors, flags,
devices."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pccompiler.diagnostics.diagnostic import Diagnostic

LIBRARIES = ("jax", "jaxlib", "numpy", "optax")
"""Those whose versions may change the bits of a run."""

BITS = (
    "XLA_FLAGS",
    "NVIDIA_TF32_OVERRIDE",
    "JAX_DEFAULT_MATMUL_PRECISION",
    "JAX_DEFAULT_PRNG_IMPL",
    "JAX_DISABLE_JIT",
    "JAX_ENABLE_X64",
    "JAX_THREEFRY_PARTITIONABLE",
)
"""Variables that may change the bits of a run."""


@dataclass(frozen=True)
class Environment:
    """One session of a run: `pcc train`, or a later `pcc resume`.

    `data_folders` are where the data was looked for, so that a run can be resumed from
    another folder.
    """

    time: str
    arguments: tuple[str, ...]
    overrides: tuple[str, ...]
    data_folders: tuple[str, ...]
    versions: Mapping[str, str]
    platform: str
    processor: str
    cpu_affinity: tuple[int, ...]
    variables: Mapping[str, str]
    devices: tuple[str, ...]

    @classmethod
    def here(cls, overrides: Sequence[str], data_folders: Sequence[Path]) -> Environment:
        """The environment of this process. Starts JAX's backend."""
        import jax

        watched = ("XLA_", "JAX_", "NVIDIA_TF32")
        return cls(
            time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            tuple(sys.argv),
            tuple(overrides),
            tuple(str(folder) for folder in data_folders),
            versions(),
            platform.platform(),
            processor(),
            affinity(),
            {name: os.environ[name] for name in sorted(os.environ) if name.startswith(watched)},
            tuple(f"{device.platform}: {device.device_kind}" for device in jax.devices()),
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def warn_of_differences(self, before: Environment) -> Diagnostic | None:
        """PC525, a warning, where a resumed run may not repeat the bits of the first."""
        found = {
            "jax": (before.versions.get("jax"), self.versions["jax"]),
            "jaxlib": (before.versions.get("jaxlib"), self.versions["jaxlib"]),
            "processor": (before.processor, self.processor),
            "number of processors": (len(before.cpu_affinity), len(self.cpu_affinity)),
            **{
                name: (before.variables.get(name, ""), self.variables.get(name, ""))
                for name in BITS
            },
            "devices": (", ".join(before.devices), ", ".join(self.devices)),
        }
        changed = [
            f"{what}: {old or 'unset'}, now {new or 'unset'}"
            for what, (old, new) in found.items()
            if old != new
        ]
        if not changed:
            return None
        return Diagnostic(
            "PC525",
            f"the environment differs from the run's ({'; '.join(changed)})",
            help="the run continues, but the last digits of its numbers may differ",
            severity="warning",
        )


@cache
def _reader() -> TypeAdapter[tuple[Environment, ...]]:
    return TypeAdapter(tuple[Environment, ...])


def environments_from_json(content: bytes) -> tuple[Environment, ...]:
    """Reads a list of what `to_json` wrote. Raises ValueError for anything else."""
    return _reader().validate_json(content, strict=True)


def versions() -> dict[str, str]:
    """Versions of pcc, Python and the libraries that numbers depend on."""
    import pccompiler

    found = {"pcc": pccompiler.__version__, "python": platform.python_version()}
    return found | {name: metadata.version(name) for name in LIBRARIES}


def processor() -> str:
    """The processor's model, since its vector instructions decide the order of sums."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def affinity() -> tuple[int, ...]:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))
