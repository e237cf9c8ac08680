"""Forward-forward: every node's own loss by finite differences, and how it predicts."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pccompiler as pcc
from pccompiler.components.rules.forward_forward import with_label, wrong_labels

SPEC: dict[str, Any] = {
    "pcc": 1,
    "name": "ff",
    "nodes": {
        "x": {"shape": [7], "role": "input"},
        "a": {"shape": [5], "activation": "tanh"},
        "b": {"shape": [4], "activation": "softplus"},
        "y": {"shape": [3], "role": "output"},
    },
    "edges": [
        {"from": "x", "to": "a"},
        {"from": "a", "to": "b", "op": [{"rms_norm": {"scale": False}}, "dense"]},
        {"from": "x", "to": "b", "kind": "skip"},
        {"from": "b", "to": "y"},
    ],
    "learning": {"rule": {"forward_forward": {"threshold": 0.7, "label_value": 2.0}}},
}
THRESHOLD, VALUE = 0.7, 2.0


@pytest.fixture(scope="module")
def trained() -> Any:
    with jax.enable_x64(True):
        model = pcc.compile(SPEC)
        state = model.init_training(jax.random.key(3), dtype=jnp.float64, batch_size=6)
        rng = np.random.default_rng(0)
        batch = {"x": rng.normal(size=(6, 7)), "y": np.eye(3)[[0, 1, 2, 2, 1, 0]]}
        return model, state, batch


def passes(params: Any, x: np.ndarray, a_in: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """The two hidden states in NumPy; `a_in` is what the edge a->b reads instead of a."""
    a = np.tanh(x @ params["x->a"]["weight"] + params["x->a"]["bias"])
    read = a if a_in is None else a_in
    normal = read / np.sqrt((read**2).mean(axis=1, keepdims=True) + 1e-5)
    b = normal @ params["a->b"]["weight"] + params["a->b"]["bias"]
    b = b + x @ params["x->b"]["weight"] + params["x->b"]["bias"]
    return {"a": a, "b": np.logaddexp(0, b)}


def test_the_gradient_is_that_of_each_nodes_own_loss_with_its_inputs_held(trained: Any) -> None:
    model, state, batch = trained
    found = model.gradients(state.params, batch)
    params = {e: {n: np.array(p) for n, p in t.items()} for e, t in state.params.items()}
    seen = {
        sign: np.asarray(model.infer(state.params, batch, phase=phase)["x"])
        for sign, phase in ((1, "positive"), (-1, "negative"))
    }
    held = {sign: passes(params, x)["a"] for sign, x in seen.items()}

    def loss(node: str) -> float:
        total = 0.0
        for sign, x in seen.items():
            state_of = passes(params, x, held[sign])[node]
            goodness = (state_of**2).mean(axis=1)
            total += np.logaddexp(0, -sign * (goodness - THRESHOLD)).mean()
        return total

    for edge, target in (("x->a", "a"), ("a->b", "b"), ("x->b", "b")):
        for name, array in params[edge].items():
            for index in np.ndindex(*array.shape):
                kept = array[index]
                ends = []
                for step in (1e-6, -1e-6):
                    array[index] = kept + step
                    ends.append(loss(target))
                array[index] = kept
                slope = (ends[0] - ends[1]) / 2e-6
                assert abs(float(found[edge][name][index]) - slope) < 1e-8
    assert all(not np.asarray(leaf).any() for leaf in jax.tree.leaves(found["b->y"]))


def test_the_label_stands_in_the_first_entries_and_the_wrong_one_is_another(trained: Any) -> None:
    model, state, batch = trained
    for phase, right in (("positive", True), ("negative", False)):
        x = np.asarray(model.infer(state.params, batch, phase=phase)["x"])
        np.testing.assert_array_equal(x[:, 3:], batch["x"][:, 3:])
        written = x[:, :3]
        np.testing.assert_allclose(np.sort(written, axis=1), [[0, 0, VALUE]] * 6)
        assert ((written.argmax(1) == batch["y"].argmax(1)) == right).all()


def test_wrong_labels_are_all_other_classes_alike() -> None:
    label = jnp.eye(4)[jnp.zeros(6000, int)]
    drawn = np.asarray(wrong_labels(label, jax.random.key(0))).sum(axis=0)
    assert drawn[0] == 0
    # three standard deviations of a binomial count of 6000 at 1/3
    assert np.abs(drawn[1:] - 2000).max() < 3 * np.sqrt(6000 * 2 / 9)


def test_the_predicted_label_is_the_one_of_largest_goodness(trained: Any) -> None:
    model, state, batch = trained
    found = np.asarray(model.predict(state.params, {"x": batch["x"]})["y"])
    params = jax.tree.map(np.asarray, state.params)
    goodness = []
    for label in np.eye(3):
        x = np.asarray(with_label(jnp.asarray(batch["x"]), jnp.tile(VALUE * label, (6, 1))))
        states = passes(params, x)
        goodness.append(sum((s**2).mean(axis=1) for s in states.values()))
    total = np.stack(goodness, axis=1)
    expected = np.exp(total) / np.exp(total).sum(axis=1, keepdims=True)  # squared error: no logits
    np.testing.assert_allclose(found, expected, atol=1e-12)
    logits = pcc.compile(SPEC | {"energy": {"loss": "cross_entropy"}})
    found = np.asarray(logits.predict(state.params, {"x": batch["x"]})["y"])
    np.testing.assert_allclose(found, total, atol=1e-12)


def test_no_optimiser_moves_the_edges_into_the_output(trained: Any) -> None:
    model, state, batch = trained
    after, metrics = model.step(state, batch)
    assert "accuracy" not in metrics  # it would take a pass for every label
    for name, leaf in after.params["b->y"].items():
        np.testing.assert_array_equal(leaf, state.params["b->y"][name])
    assert float(jnp.abs(after.params["a->b"]["weight"] - state.params["a->b"]["weight"]).max()) > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"z": {"shape": [2], "role": "input"}}, "one input"),
        ({"x": {"shape": [3], "role": "input"}}, "3 entries"),
    ],
)
def test_where_no_label_can_be_written_the_rule_is_refused(change: Any, words: str) -> None:
    spec = SPEC | {"nodes": SPEC["nodes"] | change, "edges": list(SPEC["edges"])}
    if "z" in change:
        spec["edges"].append({"from": "z", "to": "a"})
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check(spec)
    [problem] = caught.value.diagnostics
    assert problem.code == "PC329"
    assert words in problem.message
    assert problem.help
