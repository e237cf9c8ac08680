"""How large dF/dx is in shallow, middle and deep nodes, by energy form and connectivity.

    python benchmarks/gradient_norms.py [--steps 20] [--width 4] [--out docs/images]

Eight-node convolutional networks on Fashion-MNIST, unrolled over six time steps, in the manner
of Figure 4 of the paper on bidirectional predictive coding: {predictive coding, separate,
summed} by {feedforward, + recurrent, + recurrent + skip}, all with the same rates. After some
training steps a batch is inferred, and the norm of dF/dx of nodes 2, 4 and 6, mean over samples,
is recorded at each inference step. Prints the first norm that is not zero and the last one, and
draws the curves.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import jax
import numpy as np

import pccompiler as pcc
from runtime.training.session import open_session

NODES = range(1, 7)
WATCHED = {2: "shallow", 4: "middle", 6: "deep"}
FORMS: dict[str, Any] = {
    "predictive coding": "predictive_coding",
    "separate errors": {"bidirectional": {"errors": "separate"}},
    "summed errors": {"bidirectional": {"errors": "summed"}},
}
CONNECTIVITY = ("feedforward", "+ recurrent", "+ skip")
BATCH, SAMPLES, INFERENCE = 32, 1024, 20


def spec(form: Any, connectivity: str, width: int) -> dict[str, Any]:
    """The 8-node network: image, six pairs of a sum and a state, label."""
    space = [7, 7, width]
    nodes: dict[str, Any] = {"image": {"shape": [28, 28, 1], "role": "input"}}
    for m in NODES:
        nodes[f"s{m}"] = {"shape": space, "energy": "none"}
        nodes[f"h{m}"] = {"shape": space, "activation": "tanh"}
    nodes["label"] = {"shape": [10], "role": "output"}
    edges: list[dict[str, Any]] = [
        {"from": "image", "to": "s1", "op": {"conv": {"kernel": 4, "stride": 4, "padding": 0}}},
        {"from": "h6", "to": "label", "op": ["flatten", "dense"]},
        {"from": "label", "to": "h6", "kind": "feedback", "op": {"transpose_of": "h6->label"}},
    ]
    for m in NODES:
        edges.append({"from": f"s{m}", "to": f"h{m}", "op": "conv"})
        if m > 1:
            below = f"h{m - 1}"
            edges.append({"from": below, "to": f"s{m}", "op": "conv", "delay": 1})
            back = {"transpose_of": f"{below}->s{m}"}
            edges.append({"from": f"h{m}", "to": below, "kind": "feedback", "op": back})
        if connectivity != "feedforward":
            own = {"kind": "recurrent", "op": "identity"}
            edges.append({"from": f"h{m}", "to": f"s{m}", **own})
            back = {"transpose_of": f"s{m}->h{m}"}
            again = {"kind": "feedback", "delay": 1, "op": back}
            edges.append({"from": f"h{m}", "to": f"h{m}", **again})
        if connectivity == "+ skip" and 3 <= m < 6:
            skip = {"kind": "skip", "op": "conv", "delay": 1}
            edges.append({"from": f"h{m - 2}", "to": f"s{m}", **skip})
    return {
        "pcc": 1,
        "name": "eight_nodes",
        "time": {"steps": 6},
        "nodes": nodes,
        "edges": edges,
        "energy": {"form": form, "loss": "cross_entropy"},
        "inference": {"optimizer": {"sgd": {"learning_rate": 0.1}}, "steps": INFERENCE},
        "learning": {"optimizer": {"sgd": {"learning_rate": 1e-3}}},
        "data": {
            "source": "fashion_mnist",
            "batch_size": BATCH,
            "train_samples": SAMPLES,
            "standardize": "global",
        },
    }


def norms(form: Any, connectivity: str, steps: int, width: int) -> dict[int, np.ndarray]:
    """||dF/dx|| of each watched node at each inference step, after so many training steps."""
    network = spec(form, connectivity, width)
    model = pcc.compile(network)
    data = dict(open_session(network).data.train)
    order = np.random.default_rng(0).integers(0, SAMPLES, (steps + 1, BATCH)).astype(np.int32)
    state = model.init_training(jax.random.key(0))
    if steps:
        state, _, done = model.train(state, jax.device_put(data), order, steps)
        assert done == steps, f"diverged at step {done + 1}"
    batch = {name: values[order[steps]] for name, values in data.items()}
    [told] = jax.device_get(model.trajectories(state, batch))["state_gradient_norm"].values()
    return {m: np.asarray(told[f"h{m}"]) for m in WATCHED}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--steps", type=int, default=20)
    arguments.add_argument("--width", type=int, default=4)
    arguments.add_argument("--out", type=Path, default=Path())
    chosen = arguments.parse_args()
    print(f"{jax.devices()[0].device_kind}, {chosen.steps} steps, width {chosen.width}")
    print(f"{'':18s} {'':12s}  " + "  ".join(f"{name:>17s}" for name in WATCHED.values()))
    curves = {}
    for (name, form), connectivity in product(FORMS.items(), CONNECTIVITY):
        found = norms(form, connectivity, chosen.steps, chosen.width)
        curves[name, connectivity] = found
        cells = [f"{_first(row):8.3g}>{row[-1]:8.3g}" for row in found.values()]
        print(f"{name:18s} {connectivity:12s}  {'  '.join(cells)}", flush=True)
    draw(curves, chosen.out / "gradient_norms.png")


def _first(row: np.ndarray) -> float:
    """The first norm that is not zero: until then no error has arrived."""
    return next((float(value) for value in row if value > 0), 0.0)


def draw(curves: dict[tuple[str, str], dict[int, np.ndarray]], file: Path) -> None:
    """A panel for each form and connectivity, on one logarithmic scale."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 3, figsize=(9, 7), sharex=True, sharey=True)
    for (i, name), (j, connectivity) in product(enumerate(FORMS), enumerate(CONNECTIVITY)):
        axis = axes[i, j]
        for m, row in curves[name, connectivity].items():
            axis.semilogy(np.where(row > 0, row, np.nan), label=f"node {m} ({WATCHED[m]})")
        axis.set_title(f"{name}, {connectivity}", fontsize=9)
    axes[0, 0].legend(fontsize=7)
    for axis in axes[-1]:
        axis.set_xlabel("inference step")
    for axis in axes[:, 0]:
        axis.set_ylabel("norm of dF/dx")
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    print(f"picture: {file}")


if __name__ == "__main__":
    main()
