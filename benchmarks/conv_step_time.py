"""A training step of a convolutional network, against the same mathematics written by hand.

    python benchmarks/conv_step_time.py [--pairs 10]

Predictive coding on three convolutions with pooling and a dense layer (28x28 images, batch
32, eight inference steps). The hand-written program is plain JAX: XLA's convolution and
pooling, the inference steps unrolled, one jitted step called per batch, which is the fast way
to write it for a CPU. Both start from the same parameters and end, up to rounding, at the same
energy. Runs are interleaved in pairs; what counts is the median of the ratios of a pair.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

import pccompiler as pcc

STEPS, BATCH, BATCHES, WIDTH, RATE = 8, 32, 4, 32, 0.1

SPEC: dict[str, Any] = {
    "pcc": 1,
    "name": "conv",
    "nodes": {
        "image": {"shape": [28, 28, 1], "role": "input"},
        "h1": {"shape": [14, 14, WIDTH]},
        "h2": {"shape": [7, 7, WIDTH]},
        "h3": {"shape": [7, 7, WIDTH]},
        "label": {"shape": [10], "role": "output"},
    },
    "edges": [
        {
            "from": "image",
            "to": "h1",
            "op": [{"conv": {"channels": WIDTH}}, "tanh", {"max_pool": 2}],
        },
        {"from": "h1", "to": "h2", "op": [{"conv": {"channels": WIDTH}}, "tanh", {"max_pool": 2}]},
        {"from": "h2", "to": "h3", "op": ["conv", "tanh"]},
        {"from": "h3", "to": "label", "op": ["flatten", "dense"]},
    ],
    "inference": {"optimizer": {"sgd": {"learning_rate": RATE}}, "steps": STEPS},
    "learning": {"optimizer": {"adam": {"learning_rate": 1e-3}}},
}
NAMES = ("image->h1", "h1->h2", "h2->h3", "h3->label")


def _conv(x: Any, layer: Any) -> Any:
    axes = ("NHWC", "HWIO", "NHWC")
    y = lax.conv_general_dilated(x, layer["weight"], (1, 1), "SAME", dimension_numbers=axes)
    return jnp.tanh(y + layer["bias"])


def _pool(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def _predictions(layers: Any, below: Any) -> Any:
    x, h1, h2, h3 = below
    dense = layers[3]
    return (
        _pool(_conv(x, layers[0])),
        _pool(_conv(h1, layers[1])),
        _conv(h2, layers[2]),
        h3.reshape(len(h3), -1) @ dense["weight"] + dense["bias"],
    )


def _energy(layers: Any, hidden: Any, x: Any, y: Any) -> Any:
    mus = _predictions(layers, (x, *hidden))
    return sum(0.5 * jnp.square(a - mu).sum() for a, mu in zip((*hidden, y), mus, strict=True))


def _forward(layers: Any, x: Any) -> Any:
    h1 = _pool(_conv(x, layers[0]))
    h2 = _pool(_conv(h1, layers[1]))
    return h1, h2, _conv(h2, layers[2])


optimizer = optax.adam(1e-3)


@jax.jit
def by_hand(layers: Any, memory: Any, x: Any, y: Any) -> Any:
    """One training step."""
    hidden = _forward(layers, x)
    for _ in range(STEPS):
        slopes = jax.grad(_energy, argnums=1)(layers, hidden, x, y)
        hidden = tuple(h - RATE * slope for h, slope in zip(hidden, slopes, strict=True))
    energy, gradient = jax.value_and_grad(_energy)(layers, hidden, x, y)
    gradient = jax.tree.map(lambda g: g / len(x), gradient)
    updates, memory = optimizer.update(gradient, memory, layers)
    return optax.apply_updates(layers, updates), memory, energy / len(x)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--pairs", type=int, default=10)
    pairs = arguments.parse_args().pairs
    rng = np.random.default_rng(0)
    data = {
        "image": jnp.asarray(rng.normal(size=(BATCH * BATCHES, 28, 28, 1)), jnp.float32),
        "label": jnp.asarray(np.eye(10)[rng.integers(0, 10, BATCH * BATCHES)], jnp.float32),
    }
    order = np.arange(BATCH * BATCHES, dtype=np.int32).reshape(BATCHES, BATCH)
    model = pcc.compile(SPEC)
    start = model.init_training(jax.random.key(0))

    def ours() -> tuple[float, float]:
        begin = time.perf_counter()
        state, metrics, _ = model.train(start, data, order, BATCHES)
        jax.block_until_ready(state.params)
        return _milliseconds(begin), float(metrics["energy"]["clamped"][-1])

    def hand() -> tuple[float, float]:
        layers = [start.params[name] for name in NAMES]
        memory = optimizer.init(layers)
        begin = time.perf_counter()
        energy: Any = 0.0
        for rows in order:
            x, y = data["image"][rows], data["label"][rows]
            layers, memory, energy = by_hand(layers, memory, x, y)
        jax.block_until_ready(layers)
        return _milliseconds(begin), float(energy)

    ours(), hand()
    rows = [(ours(), hand()) for _ in range(pairs)]
    ratio = statistics.median(b[0] / a[0] for a, b in rows)
    print(f"{jax.devices()[0].device_kind}, {pairs} interleaved pairs, medians; ms per step")
    print(
        f"pcc {statistics.median(a[0] for a, _ in rows):.1f}  "
        f"by hand {statistics.median(b[0] for _, b in rows):.1f}  speed-up {ratio:.2f}  "
        f"last energies {rows[0][0][1]:.6f} {rows[0][1][1]:.6f}"
    )


def _milliseconds(begin: float) -> float:
    return (time.perf_counter() - begin) / BATCHES * 1e3


if __name__ == "__main__":
    main()
