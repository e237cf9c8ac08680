"""What relaxing the +beta and -beta phases as one batch saves.

    python benchmarks/phases_as_one_batch.py [--pairs 10] [SPEC...]

Trains the same network on the same batches of random data with the pass `batch_phases` and
without it, interleaved; what counts is the median of the ratios of a pair. The two end, up to
rounding, at the same loss.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import pccompiler as pcc

SPECS = Path(__file__).parent.parent / "specs"
DEFAULT = [str(SPECS / f"{name}.yaml") for name in ("ep_mnist_1h", "ep_mnist_2h", "ep_cnn")]
BATCHES = 20


class Program:
    """A compiled network and data for a call of some training steps."""

    def __init__(self, spec: str, disable: list[str]) -> None:
        self.model = pcc.compile(spec, disable=disable)
        size = self.model.spec.data.batch_size if self.model.spec.data else 16
        rng, graph = np.random.default_rng(0), self.model.graph
        [image], [label] = graph.inputs, graph.outputs
        shape = graph.node[image].shape or ()
        self.data = {
            image: jnp.asarray(rng.random((BATCHES * size, *shape)), jnp.float32),
            label: jnp.eye(10)[rng.integers(0, 10, BATCHES * size)],
        }
        self.order = np.arange(BATCHES * size, dtype=np.int32).reshape(BATCHES, size)
        self.start = self.model.init_training(jax.random.key(0), horizon=BATCHES)

    def run(self) -> tuple[float, float]:
        """(milliseconds per training step, loss of the last batch)."""
        begin = time.perf_counter()
        state, metrics, _ = self.model.train(self.start, self.data, self.order, BATCHES)
        jax.block_until_ready(state.params)
        elapsed: Any = time.perf_counter() - begin
        return elapsed / BATCHES * 1e3, float(metrics["loss"][-1])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("specs", nargs="*", default=DEFAULT)
    arguments.add_argument("--pairs", type=int, default=10)
    chosen = arguments.parse_args()
    print(f"{jax.devices()[0].device_kind}, {chosen.pairs} interleaved pairs, medians; ms per step")
    for spec in chosen.specs:
        programs = Program(spec, []), Program(spec, ["batch_phases"])
        for program in programs:
            program.run()  # compiles
        rows = [[program.run() for program in programs] for _ in range(chosen.pairs)]
        together, apart = ([row[k][0] for row in rows] for k in range(2))
        ratio = statistics.median(b / a for a, b in zip(together, apart, strict=True))
        print(
            f"{Path(spec).stem:<14s} one batch {statistics.median(together):7.3f}  one after the "
            f"other {statistics.median(apart):7.3f}  speed-up {ratio:.2f}  "
            f"losses {rows[0][0][1]:.6f} {rows[0][1][1]:.6f}"
        )


if __name__ == "__main__":
    main()
