"""Inference before plasticity, against backpropagation: three experiments of Song et al. 2024.

    python benchmarks/prospective_configuration.py [--seeds 300] [--plot prospective.png]

1. Interference. A bear is seen (x = 1), and heard and smelt (t = 0, 1) by a linear 1-1-2
   network whose weights are all 1: the ear is hurt, the smell is there. Learning that nothing
   is heard should leave the smell as it is. Exact equilibrium,
   h = (w0 + w1.t) / (1 + |w1|^2), rate 0.2.
2. Target alignment cos(y' - y, t - y) by depth: linear networks of width 64 without biases,
   x and t standard normal, batch 1, one step of rate 0.001 at the exact equilibrium.
3. Prospective index cos(x' - x, x* - x) by layer: six such layers, a hundred inference steps
   of rate 0.1, then one or a hundred weight steps of rate 0.01 with the states held.

All by the project's own compiled programs, in float64. Song et al. 2024, Nature Neuroscience 27.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from runtime.verification.prospective import (
    RULES,
    Pair,
    consolidate,
    free_states,
    gradient_step,
    measure,
    prospective_index,
    residual,
    target_alignment,
)

WIDTH, RATE = 64, 1e-3
INDEX_SEEDS = 30
DEPTHS = (2, 4, 6, 8, 10, 15)
SHORT = {"predictive_coding": "PC", "backprop": "BP"}
ONE_STEP = {"steps": 1}
"""Enough where the relaxation starts at the equilibrium; the residual tells."""


def chain(shapes: list[int], weights: Any, inference: dict[str, Any]) -> dict[str, Any]:
    """A linear network x -> h1 -> ... -> y without biases."""
    names = ["x", *(f"h{i}" for i in range(1, len(shapes) - 1)), "y"]
    nodes: dict[str, Any] = {n: {"shape": [size]} for n, size in zip(names, shapes, strict=True)}
    nodes["x"]["role"], nodes["y"]["role"] = "input", "output"
    dense = {"dense": {"bias": False, "weight_init": weights}}
    return {
        "pcc": 1,
        "name": "chain",
        "nodes": nodes,
        "edges": [{"path": " -> ".join(names), "op": dense}],
        "inference": {"optimizer": {"sgd": {"learning_rate": 0.1}}, **inference},
    }


# -- 1. interference ---------------------------------------------------------------------------


def interference(rate: float = 0.2, iterations: int = 60) -> dict[str, Any]:
    """Outputs by rule, (iterations + 1, 2), the first step's target alignment by rule, and
    the largest distance of predictive coding from the closed form."""
    to_rest = {"steps": 10000, "stop": {"residual": 1e-12, "floor": 1e-12}}
    pair = Pair.of(chain([1, 1, 2], "ones", to_rest))
    batch = {"x": jnp.ones((1, 1)), "y": jnp.array([[0.0, 1.0]])}
    outputs, alignment = {}, {}
    for rule in RULES:
        model = pair.under(rule)
        params = model.init(jax.random.key(0), jnp.float64)
        states = [free_states(pair, params, batch)]
        for _ in range(iterations):
            params = gradient_step(model, params, batch, rate)
            states.append(free_states(pair, params, batch))
        outputs[rule] = np.array([row["y"][0] for row in states])
        alignment[rule] = float(target_alignment(pair, states[0], states[1], batch))
    exact = closed_form(rate, iterations)
    distance = float(np.abs(outputs["predictive_coding"] - exact).max())
    return {"outputs": outputs, "alignment": alignment, "distance": distance}


def closed_form(rate: float, iterations: int) -> np.ndarray:
    """The outputs of predictive coding from the solution for h, in NumPy."""
    w0, w1, target = 1.0, np.ones(2), np.array([0.0, 1.0])
    outputs = [w0 * w1]
    for _ in range(iterations):
        h = (w0 + w1 @ target) / (1 + w1 @ w1)
        w0, w1 = w0 + rate * (h - w0), w1 + rate * h * (target - h * w1)
        outputs.append(w0 * w1)
    return np.array(outputs)


# -- 2. target alignment -----------------------------------------------------------------------


def alignment_by_depth(
    depth: int, seeds: int, weights: str = "glorot_uniform"
) -> tuple[dict[str, np.ndarray], float]:
    """(target alignment of every seed by rule, largest |dF/dx|) for so many weight layers."""
    pair = Pair.of(chain([WIDTH] * (depth + 1), weights, ONE_STEP))
    return alignments(pair, *draws(pair, seeds))


def alignments(pair: Pair, params: Any, batch: Any) -> tuple[dict[str, np.ndarray], float]:
    """The same for parameters and samples with a leading axis of seeds."""

    def one(params: Any, batch: Any) -> Any:
        outcome = measure(pair, params, batch, RATE, start=solution(pair, params, batch))
        return outcome.alignment, outcome.residual

    alignment, left = jax.jit(jax.vmap(one))(params, batch)
    return {rule: np.asarray(values) for rule, values in alignment.items()}, float(left.max())


def draws(pair: Pair, seeds: int) -> tuple[Any, dict[str, Any]]:
    """Fresh parameters and one sample of standard normal x and t, for each seed."""
    own, x, y = jax.random.split(jax.random.key(len(pair.graph.edges)), 3)
    sample = (seeds, 1, WIDTH)
    batch = {n: jax.random.normal(k, sample, jnp.float64) for n, k in (("x", x), ("y", y))}
    init = partial(pair.coding.init, dtype=jnp.float64)
    return jax.vmap(init)(jax.random.split(own, seeds)), batch


def solution(pair: Pair, params: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """The equilibrium of a linear chain, where the relaxation starts, and where it stays.

    With M_n the product of the weights from layer n to the output, the errors are
    e_n = e M_n^T (as rows), where e sum_n M_n^T M_n = t - y.
    """
    weights = [params[edge.name]["weight"] for edge in pair.graph.edges]
    products = [jnp.eye(WIDTH)]
    for weight in reversed(weights[1:]):
        products.insert(0, weight @ products[0])
    wanted = batch["y"] - free_states(pair, params, batch)["y"]
    total = sum(product.T @ product for product in products)
    error = jnp.linalg.solve(total, wanted.T).T
    states, x = {}, batch["x"]
    for node, weight, product in zip(pair.hidden, weights[:-1], products[:-1], strict=True):
        states[node] = x = x @ weight + error @ product.T
    return states


# -- 3. prospective index ----------------------------------------------------------------------


def index_by_layer(seeds: int, depth: int = 6) -> tuple[dict[str, np.ndarray], float]:
    """(prospective index, (seeds, hidden layers), of PC after one and after a hundred weight
    steps, and of BP after one; largest |dF/dx| that a hundred inference steps leave)."""
    pair = Pair.of(chain([WIDTH] * (depth + 1), "glorot_normal", {"steps": 100}))
    return indices(pair, *draws(pair, seeds))


def indices(
    pair: Pair, params: Any, batch: Any, rate: float = 0.01
) -> tuple[dict[str, np.ndarray], float]:
    """The same for parameters and samples with a leading axis of seeds."""
    depth = len(pair.graph.edges)
    # the states are held while the weights learn, and need no relaxation
    again = Pair.of(chain([WIDTH] * (depth + 1), "glorot_normal", ONE_STEP))

    def one(params: Any, batch: Any) -> Any:
        before = free_states(pair, params, batch)
        found = pair.coding.infer(params, batch)
        learned = {
            f"PC, {count}": consolidate(again, params, batch, found, rate, count)
            for count in (1, 100)
        }
        learned["BP, 1"] = gradient_step(pair.plain, params, batch, rate)
        result = {}
        for label, weights in learned.items():
            index = prospective_index(pair, before, free_states(pair, weights, batch), found)
            result[label] = jnp.stack([index[node] for node in pair.hidden])
        return result, residual(pair.coding, params, found, batch)

    index, left = jax.jit(jax.vmap(one))(params, batch)
    return {label: np.asarray(values) for label, values in index.items()}, float(left.max())


# -- what is printed and drawn -----------------------------------------------------------------


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seeds", type=int, default=300)
    arguments.add_argument("--plot", type=Path)
    chosen = arguments.parse_args()
    with jax.enable_x64(True):
        bear = interference()
        print("\n".join(interference_lines(bear)), flush=True)
        depths: dict[str, dict[int, dict[str, np.ndarray]]] = {}
        print(
            f"\nTarget alignment by number L of weight layers, mean of {chosen.seeds} seeds (error)"
        )
        print("weights          L         PC             BP        largest |dF/dx|")
        for weights in ("glorot_uniform", "orthogonal"):
            depths[weights] = {}
            for depth in DEPTHS:
                found, left = alignment_by_depth(depth, chosen.seeds, weights)
                depths[weights][depth] = found
                cells = "".join(_mean(found[rule]) for rule in RULES)
                print(f"{weights:14s} {depth:3d}{cells}  {left:.1e}", flush=True)
        layers, left = index_by_layer(min(chosen.seeds, INDEX_SEEDS))
        print("\nProspective index of hidden layers 1 to 5\nrule, weight steps")
        for label, values in layers.items():
            cells = "".join(f"{value:8.4f}" for value in values.mean(0))
            print(f"{label:8s}{cells}  mean {values.mean():.4f}, least {values.min():.4f}")
        print(f"largest |dF/dx| after 100 inference steps: {left:.1e}")
    if chosen.plot:
        draw(bear, depths, layers, chosen.plot)


def _mean(values: np.ndarray) -> str:
    """The mean over seeds, and its standard error."""
    return f"  {values.mean():.4f} ({values.std() / len(values) ** 0.5:.4f})"


def interference_lines(bear: dict[str, Any]) -> Iterator[str]:
    """The table of the first experiment."""
    outputs = bear["outputs"]
    yield "Interference: outputs (x0, x1); the target is (0, 1)"
    yield "iteration        PC              BP"
    for i in (0, 1, 2, 3, 23):
        cells = "  ".join(f"{outputs[r][i, 0]:.4f} {outputs[r][i, 1]:.4f}" for r in RULES)
        yield f"{i:9d}  {cells}"
    for rule in RULES:
        least, first = outputs[rule][:, 1].argmin(), bear["alignment"][rule]
        yield (
            f"{SHORT[rule]}: least x1 {outputs[rule][least, 1]:.4f} in iteration {least}, "
            f"target alignment of the first step {first:.4f}"
        )
    yield f"largest distance of PC from the closed form: {bear['distance']:.1e}"


def draw(bear: Any, depths: Any, layers: Any, file: Path) -> None:
    """A panel for each experiment."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.2))
    colours = {"predictive_coding": "C0", "backprop": "C1"}
    for rule, colour in colours.items():
        for unit, style in enumerate(("--", "-")):
            label = f"{SHORT[rule]}, {'smell' if unit else 'sound'}"
            left.plot(bear["outputs"][rule][:40, unit], style, color=colour, label=label)
        for weights, style in (("glorot_uniform", "o-"), ("orthogonal", "x:")):
            means = [found[rule].mean() for found in depths[weights].values()]
            label = f"{SHORT[rule]}, {weights}"
            middle.plot(list(depths[weights]), means, style, color=colour, label=label)
    for (label, values), look in zip(layers.items(), ("C1o-", "C0o-", "C0x:"), strict=True):
        hidden = range(1, values.shape[1] + 1)
        right.plot(hidden, values.mean(0), look, label=f"{label} weight step(s)")
    panels = (
        (left, "learning that the bear is not heard", "iteration", "output"),
        (middle, "target alignment after one step", "weight layers", "cosine"),
        (right, "prospective index", "hidden layer", "cosine"),
    )
    for axis, title, x, y in panels:
        axis.set_title(title, fontsize=9)
        axis.set_xlabel(x)
        axis.set_ylabel(y)
        axis.legend(fontsize=7)
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    print(f"picture: {file}")


if __name__ == "__main__":
    main()
