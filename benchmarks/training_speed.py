"""Training digits_mlp against the same mathematics written by hand in plain JAX.

    python benchmarks/training_speed.py [--pairs 10]

The hand-written program is one jitted step, called once per batch from Python, as such code
is usually written; it records the same metrics. Both start from the same parameters, see the
same batches and end, up to rounding, at the same loss. Runs are interleaved in pairs, and
what counts is the median of the ratios of a pair.

A third program is pcc's own, recording only the total energy, by which it stops at a batch
that is not finite: the difference is what the metrics cost.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

import pccompiler as pcc
from pccompiler.lowering import training

SPEC = Path(__file__).parent.parent / "specs" / "digits_mlp.yaml"
EDGES = ("image->h1", "h1->h2", "h2->label")
STATE_RATE = 0.1
EPOCHS = 10
STEP_METRICS = training.step_metrics


def handwritten(steps: int) -> tuple[optax.GradientTransformation, Callable[..., Any]]:
    """Predictive coding on 64-128-128-10, tanh, squared error; AdamW."""
    optimizer = optax.adamw(2e-3, weight_decay=1e-4)

    def forward(params: Any, x: Any) -> Any:
        h1 = jnp.tanh(x @ params[0][0] + params[0][1])
        h2 = jnp.tanh(h1 @ params[1][0] + params[1][1])
        return h1, h2, h2 @ params[2][0] + params[2][1]

    def energy(params: Any, h1: Any, h2: Any, x: Any, y: Any) -> Any:
        mu1 = jnp.tanh(x @ params[0][0] + params[0][1])
        mu2 = jnp.tanh(h1 @ params[1][0] + params[1][1])
        mu3 = h2 @ params[2][0] + params[2][1]
        pairs = ((h1, mu1), (h2, mu2), (y, mu3))
        terms = [0.5 * ((a - b) ** 2).sum(-1) for a, b in pairs]
        return sum(term.sum() for term in terms), jnp.stack([term.mean() for term in terms])

    @jax.jit
    def step(params: Any, memory: Any, x: Any, y: Any) -> Any:
        h1, h2, out = forward(params, x)
        loss = 0.5 * ((out - y) ** 2).sum(-1).mean()
        accuracy = (out.argmax(-1) == y.argmax(-1)).mean()

        def infer(states: Any, _: None) -> Any:
            (g1, g2), _ = jax.grad(energy, argnums=(1, 2), has_aux=True)(params, *states, x, y)
            return (states[0] - STATE_RATE * g1, states[1] - STATE_RATE * g2), None

        (h1, h2), _ = lax.scan(infer, (h1, h2), None, length=steps)
        gradient, terms = jax.grad(energy, has_aux=True)(params, h1, h2, x, y)
        gradient = jax.tree.map(lambda g: g / len(x), gradient)
        norms = [jnp.sqrt(sum((g * g).sum() for g in layer)) for layer in gradient]
        updates, memory = optimizer.update(gradient, memory, params)
        metrics = {
            "loss": loss,
            "accuracy": accuracy,
            "energy": terms.sum(),
            "node_energy": terms,
            "gradient_norm": norms,
        }
        return optax.apply_updates(params, updates), memory, metrics

    return optimizer, step


def energy_alone(*arguments: Any) -> Any:
    """Only the total energy of each phase, out of `step_metrics`."""
    return {"energy": STEP_METRICS(*arguments)["energy"]}


class Contest:
    """The programs on one set of batches, each timed over whole epochs."""

    def __init__(self, inference_steps: int) -> None:
        self.model = pcc.compile(SPEC, [f"inference.steps={inference_steps}"])
        self.optimizer, self.step = handwritten(inference_steps)
        rng = np.random.default_rng(0)
        size, samples = 64, 1437
        self.batches = samples // size
        self.images = rng.normal(size=(samples, 64)).astype(np.float32)
        self.labels = np.eye(10, dtype=np.float32)[rng.integers(0, 10, samples)]
        rows = rng.permutation(samples)[: self.batches * size].reshape(self.batches, size)
        self.order = rows.astype(np.int32)
        self.data = {"image": jnp.asarray(self.images), "label": jnp.asarray(self.labels)}
        self.silent = pcc.compile(SPEC, [f"inference.steps={inference_steps}"])
        with patch.object(training, "step_metrics", energy_alone):
            self._train(self.silent, 1)  # traces and compiles without the metrics

    def pcc(self, epochs: int = EPOCHS) -> tuple[float, float]:
        """(milliseconds per training step, loss of the last batch)."""
        milliseconds, metrics = self._train(self.model, epochs)
        return milliseconds, float(metrics["loss"][-1])

    def by_hand(self, epochs: int = EPOCHS) -> tuple[float, float]:
        start = self.model.init(jax.random.key(0))
        params = [(start[edge]["weight"], start[edge]["bias"]) for edge in EDGES]
        memory = self.optimizer.init(params)
        begin = time.perf_counter()
        for _ in range(epochs):
            rows = []
            for batch in self.order:
                params, memory, metrics = self.step(
                    params, memory, self.images[batch], self.labels[batch]
                )
                rows.append(metrics)
            rows = jax.device_get(rows)
        jax.block_until_ready(params)
        return self._milliseconds(begin, epochs), float(rows[-1]["loss"])

    def without_metrics(self, epochs: int = EPOCHS) -> tuple[float, float]:
        return self._train(self.silent, epochs)[0], float("nan")

    def _train(self, model: pcc.CompiledModel, epochs: int) -> tuple[float, Any]:
        state, metrics = model.init_training(jax.random.key(0)), None
        begin = time.perf_counter()
        for _ in range(epochs):
            state, metrics, _ = model.train(state, self.data, self.order, self.batches)
        jax.block_until_ready(state.params)
        return self._milliseconds(begin, epochs), metrics

    def _milliseconds(self, begin: float, epochs: int) -> float:
        return (time.perf_counter() - begin) / epochs / self.batches * 1e3


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--pairs", type=int, default=10)
    pairs = arguments.parse_args().pairs
    print(f"{jax.devices()[0].device_kind}, {pairs} interleaved pairs, medians; ms per step")
    for steps in (5, 20):
        contest = Contest(steps)
        for program in (contest.pcc, contest.by_hand, contest.without_metrics):
            program(epochs=1)
        rows = [(contest.pcc(), contest.by_hand(), contest.without_metrics()) for _ in range(pairs)]
        ours, hand, silent = ([row[k][0] for row in rows] for k in range(3))
        ratio = statistics.median(b / a for a, b in zip(ours, hand, strict=True))
        metrics = statistics.median(a / b for a, b in zip(ours, silent, strict=True)) - 1
        print(
            f"T={steps:<3d} pcc {statistics.median(ours):.3f}  by hand "
            f"{statistics.median(hand):.3f}  speed-up {ratio:.2f}  "
            f"metrics cost {metrics:+.1%}  final losses {rows[0][0][1]:.6f} {rows[0][1][1]:.6f}"
        )


if __name__ == "__main__":
    main()
