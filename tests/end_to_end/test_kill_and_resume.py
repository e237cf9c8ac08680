"""A run that is killed with SIGKILL again and again ends in the bits of an undisturbed one.

Ten kills: one before the first step, six at seeded steps, three inside the writing of a
checkpoint (with none, two and all of its files written). After each, the run is resumed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
EPOCHS, STEPS_PER_EPOCH, EVERY = 12, 20, 7
TOTAL = EPOCHS * STEPS_PER_EPOCH
PATIENCE_SECONDS = 120
NEVER = 99
"""More files than a checkpoint has."""

DRIVER = """
import sys, time
from pathlib import Path
import runtime.runs.checkpoints, runtime.training.loop
from runtime import fit, resume

begin, spec, folder, capacity, pause, after, files = sys.argv[1:]
runtime.training.loop.CAPACITY = int(capacity)
train = runtime.training.loop.Loop._call
write, sync = runtime.runs.checkpoints.write_synced, runtime.runs.checkpoints.sync_folder

def paused_call(self, count):
    time.sleep(float(pause))  # so that the killer can keep up
    return train(self, count)

def wait_for_the_kill(folder):
    saving = folder.name.startswith(".tmp-0") and int(folder.name[5:]) > int(after)
    if saving and len(list(folder.iterdir())) >= int(files):
        time.sleep(3600)

def waiting_write(path, content):
    wait_for_the_kill(path.parent)
    write(path, content)

def waiting_sync(folder):
    wait_for_the_kill(folder)
    sync(folder)

runtime.training.loop.Loop._call = paused_call
runtime.runs.checkpoints.write_synced = waiting_write
runtime.runs.checkpoints.sync_folder = waiting_sync
if begin == "fit":
    fit(spec, folder, plots=False)
else:
    resume(folder, plots=False)
"""


@dataclass(frozen=True)
class Kill:
    """When to kill: once `due` says so. The process waits for it in the first checkpoint after
    the step `after` of which `files` are written."""

    name: str
    due: Callable[[Path], bool]
    after: int = 0
    files: int = NEVER

    @property
    def saving(self) -> bool:
        return self.files != NEVER


def last_step(folder: Path) -> int:
    """The newest step in the metrics, as another process sees them."""
    path = folder / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    steps = [json.loads(line)["step"] for line in lines if line.endswith(b"\n")]
    return max(steps, default=0)


def unfinished(folder: Path) -> list[Path]:
    return list((folder / "checkpoints").glob(".tmp-0*"))


def at_step(step: int) -> Kill:
    return Kill(f"step {step}", lambda folder: last_step(folder) >= step)


def while_saving(step: int, files: int) -> Kill:
    """Inside the write of the next checkpoint after `step`, with so many files written."""

    def due(folder: Path) -> bool:
        found = [path for path in unfinished(folder) if int(path.name[5:]) > step]
        return any(len(list(path.iterdir())) >= files for path in found)

    return Kill(f"saving after step {step}, {files} files written", due, step, files)


def kills() -> list[Kill]:
    generator = random.Random(20)
    spaced = [20 + 24 * i + generator.randrange(12) for i in range(9)]
    saving = {2: 0, 5: 2, 7: 4}
    later = [
        while_saving(step, saving[i]) if i in saving else at_step(step)
        for i, step in enumerate(spaced)
    ]
    before_the_first_step = Kill("spec written", lambda folder: (folder / "spec.yaml").exists())
    return [before_the_first_step, *later]


class Runs:
    """Starts runs of one spec in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec = folder / "digits.yaml"
        self.driver = folder / "driver.py"
        self.driver.write_text(DRIVER)
        self.environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            # Each process needs the same programs: compiled once, then read.
            "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }

    def start(
        self,
        begin: str,
        run: Path,
        kill: Kill | None = None,
        capacity: int = 3,
        pause: float = 0.01,
    ) -> subprocess.Popen[bytes]:
        moment = [kill.after, kill.files] if kill else [0, NEVER]
        arguments = [begin, self.spec, run, capacity, pause, *moment]
        with (self.folder / "log.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(self.driver), *map(str, arguments)],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def finish(self, process: subprocess.Popen[bytes]) -> None:
        code = process.wait(PATIENCE_SECONDS)
        assert code == 0, (self.folder / "log.txt").read_text()

    def kill(self, process: subprocess.Popen[bytes], run: Path, kill: Kill) -> None:
        """SIGKILL as soon as the moment has come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            while not kill.due(run):
                log = self.folder / "log.txt"
                assert process.poll() is None, f"ended before {kill.name}:\n{log.read_text()}"
                assert time.monotonic() < deadline, f"never came to {kill.name}"
                time.sleep(0.001)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == -signal.SIGKILL


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    np.savez(tmp_path / "digits.npz", x=digits.images, y=digits.target)
    runs = Runs(tmp_path)
    runs.spec.write_text(
        f"""
        pcc: 1
        name: digits
        nodes:
          image: {{shape: [64], role: input}}
          h: {{shape: [16], activation: tanh}}
          label: {{shape: [10], role: output}}
        edges:
          - {{path: "image -> h -> label"}}
        inference: {{steps: 5}}
        learning: {{schedule: cosine}}
        data: {{source: {{npz: digits.npz}}}}
        training:
          epochs: {EPOCHS}
          checkpoint_every: {{steps: {EVERY}}}
        """
    )
    return runs


def state_of(run: Path) -> tuple[str, dict[str, bytes]]:
    """The newest checkpoint: its name, and the bytes of parameters, optimiser and the rest."""
    from runtime.runs.checkpoints import Checkpoints

    checkpoints = Checkpoints(run / "checkpoints")
    name = checkpoints.names()[0]
    arrays = checkpoints.load(name).arrays
    return name, {leaf: array.tobytes() for leaf, array in arrays.items()}


def timeless(run: Path) -> list[dict[str, Any]]:
    """The metrics without what a clock measured."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    clock = {"seconds", "steps_per_second"}
    return [{k: v for k, v in line.items() if k not in clock} for line in lines]


def test_ten_kills_change_no_bit_of_the_result(runs: Runs, tmp_path: Path) -> None:
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    runs.finish(runs.start("fit", undisturbed, capacity=64, pause=0.0))

    for i, kill in enumerate(kills()):
        process = runs.start("resume" if i else "fit", disturbed, kill)
        runs.kill(process, disturbed, kill)
        if kill.saving:
            assert unfinished(disturbed), f"{kill.name} came after the checkpoint was whole"
        assert last_step(disturbed) < TOTAL
    runs.finish(runs.start("resume", disturbed))

    name, state = state_of(disturbed)
    assert (name, state) == state_of(undisturbed)
    assert int(name) == TOTAL
    assert any("optimizer_state" in leaf for leaf in state)
    assert timeless(disturbed) == timeless(undisturbed)
    assert not unfinished(disturbed)
