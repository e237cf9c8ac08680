"""Prospective configuration, against closed forms in NumPy.

Expectations come from the linear system dF/dx = 0, solved densely, and from the chain rule;
those of the benchmark and of `pcc verify` come from the solution by Jacobians.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.prospective_configuration import (
    ONE_STEP,
    RATE,
    WIDTH,
    alignments,
    chain,
    indices,
    interference,
    solution,
)
from pccompiler.diagnostics.diagnostic import SpecError
from runtime.verification import prospective
from runtime.verification.prospective import Pair, gradient_step, prospective_rows
from runtime.verification.rows import Row

PUBLISHED = {
    "predictive_coding": {
        0: (1.0, 1.0),
        1: (0.8504, 0.9748),
        2: (0.7300, 0.9563),
        3: (0.6318, 0.9436),
    },
    "backprop": {0: (1.0, 1.0), 1: (0.64, 0.80), 2: (0.5145, 0.7612), 3: (0.4446, 0.7632)},
}
TINY = {"steps": 400, "stop": {"residual": 1e-12, "floor": 1e-12}}


@pytest.fixture(autouse=True, scope="module")
def exact_numbers() -> Iterator[None]:
    # Compiling dominates these tests, so XLA's optimisations stay off.
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    with jax.enable_x64(True):
        yield
    jax.config.update("jax_disable_most_optimizations", before)


# -- interference ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bear() -> dict[str, Any]:
    return interference(iterations=30)


def bear_by_hand(rule: str, iterations: int, rate: float = 0.2) -> np.ndarray:
    """h = (w0 + w1.t) / (1 + |w1|^2) under predictive coding; dw0 = error of h, dw1 = h times
    the error of the outputs."""
    w0, w1, target = 1.0, np.ones(2), np.array([0.0, 1.0])
    outputs = [w0 * w1]
    for _ in range(iterations):
        if rule == "backprop":
            error = target - w0 * w1
            w0, w1 = w0 + rate * w1 @ error, w1 + rate * w0 * error
        else:
            h = (w0 + w1 @ target) / (1 + w1 @ w1)
            w0, w1 = w0 + rate * (h - w0), w1 + rate * h * (target - h * w1)
        outputs.append(w0 * w1)
    return np.array(outputs)


@pytest.mark.parametrize("rule", ["predictive_coding", "backprop"])
def test_learning_that_one_output_is_gone_interferes_as_published(
    bear: dict[str, Any], rule: str
) -> None:
    outputs = bear["outputs"][rule]
    np.testing.assert_allclose(outputs, bear_by_hand(rule, 30), rtol=0, atol=1e-10)
    for iteration, expected in PUBLISHED[rule].items():
        np.testing.assert_allclose(outputs[iteration], expected, rtol=0, atol=5e-5)


def test_inference_protects_the_output_that_is_still_there(bear: dict[str, Any]) -> None:
    coding, backprop = (bear["outputs"][rule] for rule in ("predictive_coding", "backprop"))
    assert (coding[:, 1].argmin(), backprop[:, 1].argmin()) == (6, 2)
    np.testing.assert_allclose([coding[6, 1], backprop[2, 1]], [0.9316, 0.7612], rtol=0, atol=5e-5)
    np.testing.assert_allclose(coding[23], (0.055, 0.991), rtol=0, atol=5e-4)
    np.testing.assert_allclose(backprop[23], (0.043, 0.997), rtol=0, atol=5e-4)
    assert round(bear["alignment"]["predictive_coding"], 3) == 0.986
    assert round(bear["alignment"]["backprop"], 3) == 0.874


# -- target alignment --------------------------------------------------------------------------


def alignment_by_hand(weights: list[np.ndarray], x: np.ndarray, t: np.ndarray) -> dict[str, float]:
    """The target alignment of both rules; the equilibrium by one dense solve of dF/dh = 0,
    weights (out, in):

        (I + W_n+1^T W_n+1) h_n - W_n h_n-1 - W_n+1^T h_n+1 = 0,   h_0 = x, h_L = t
    """
    inner, width = len(weights) - 1, len(x)
    system, right = np.zeros((inner, width, inner, width)), np.zeros((inner, width))
    for n in range(inner):
        above = weights[n + 1]
        system[n, :, n, :] = np.eye(width) + above.T @ above
        if n:
            system[n, :, n - 1, :] = -weights[n]
        else:
            right[n] += weights[0] @ x
        if n + 1 < inner:
            system[n, :, n + 1, :] = -above.T
        else:
            right[n] += above.T @ t
    size = inner * width
    h = np.linalg.solve(system.reshape(size, size), right.ravel()).reshape(inner, width)
    settled, free = [x, *h, t], [x]
    for weight in weights:
        free.append(weight @ free[-1])
    errors = [settled[n + 1] - weight @ settled[n] for n, weight in enumerate(weights)]
    backward = [t - free[-1]]
    for weight in reversed(weights[1:]):
        backward.insert(0, weight.T @ backward[0])
    result = {}
    for rule, deltas, states in (
        ("predictive_coding", errors, settled),
        ("backprop", backward, free),
    ):
        y = x
        for weight, delta, state in zip(weights, deltas, states[:-1], strict=True):
            y = (weight + RATE * np.outer(delta, state)) @ y
        moved, wanted = y - free[-1], t - free[-1]
        result[rule] = moved @ wanted / np.linalg.norm(moved) / np.linalg.norm(wanted)
    return result


def pair_of_depth(depth: int, inference: dict[str, Any]) -> Pair:
    return Pair.of(chain([WIDTH] * (depth + 1), "glorot_uniform", inference))


def by_numpy(pair: Pair, orthogonal: tuple[bool, ...]) -> tuple[Any, dict[str, np.ndarray]]:
    """Parameters and samples with a leading axis: Xavier-uniform, or orthogonal where asked."""
    rng, bound = np.random.default_rng(0), np.sqrt(3 / WIDTH)
    params: dict[str, Any] = {}
    for edge in pair.graph.edges:
        weights = rng.uniform(-bound, bound, (len(orthogonal), WIDTH, WIDTH))
        for i in np.flatnonzero(orthogonal):
            weights[i] = np.linalg.qr(weights[i])[0]
        params[edge.name] = {"weight": weights}
    return params, {name: rng.normal(size=(len(orthogonal), 1, WIDTH)) for name in "xy"}


@pytest.mark.parametrize("depth", [2, 6])
def test_target_alignment_is_that_of_the_closed_form_at_every_seed(depth: int) -> None:
    pair, orthogonal = pair_of_depth(depth, ONE_STEP), (False, False, False, True)
    params, batch = by_numpy(pair, orthogonal)
    found, residual = alignments(pair, params, batch)
    assert residual < 1e-12
    for seed, is_orthogonal in enumerate(orthogonal):
        weights = [params[edge.name]["weight"][seed].T for edge in pair.graph.edges]
        expected = alignment_by_hand(weights, batch["x"][seed, 0], batch["y"][seed, 0])
        for rule, value in expected.items():
            assert abs(found[rule][seed] - value) < 1e-8
        if is_orthogonal:
            np.testing.assert_allclose(list(expected.values()), 1, rtol=0, atol=1e-4)
        else:
            assert expected["predictive_coding"] > expected["backprop"] + 0.03


def test_relaxation_by_the_program_ends_where_the_solution_is() -> None:
    pair = pair_of_depth(3, {**TINY, "steps": 4000})
    params, batch = jax.tree.map(lambda leaf: leaf[0], by_numpy(pair, (False,)))
    relaxed = pair.coding.infer(params, batch)
    for name, x in solution(pair, params, batch).items():
        np.testing.assert_allclose(relaxed[name], x, rtol=0, atol=1e-10)


# -- prospective index -------------------------------------------------------------------------


def test_activity_goes_where_inference_had_put_it() -> None:
    pair = pair_of_depth(6, {"steps": 100})
    index, _ = indices(pair, *by_numpy(pair, (False, False, False)))
    assert index["PC, 1"].mean() > 0.97
    np.testing.assert_allclose(index["PC, 1"][:, 0], 1, rtol=0, atol=1e-9)
    assert index["PC, 100"].min() > 0.999
    assert index["BP, 1"].mean() < 0.9


# -- one gradient step -------------------------------------------------------------------------


def test_a_step_leaves_frozen_edges_and_scales_others() -> None:
    spec = chain([3, 3, 3, 3], "lecun_normal", ONE_STEP)
    spec["edges"] = [
        {"from": "x", "to": "h1", "trainable": False},
        {"from": "h1", "to": "h2", "learning_rate_scale": 0.5},
        {"from": "h2", "to": "y"},
    ]
    model = Pair.of(spec).coding
    params = model.init(jax.random.key(0), jnp.float64)
    batch = {"x": np.ones((1, 3)), "y": np.ones((1, 3))}
    gradient = model.gradients(params, batch)
    after = gradient_step(model, params, batch, 0.1)
    for edge, scale in (("x->h1", 0.0), ("h1->h2", 0.5), ("h2->y", 1.0)):
        for name, before in params[edge].items():
            expected = before - 0.1 * scale * gradient[edge][name]
            np.testing.assert_allclose(after[edge][name], expected, rtol=0, atol=1e-15)


# -- rows --------------------------------------------------------------------------------------


def biased(*hidden: int) -> dict[str, Any]:
    """A chain from four units through hidden nodes of these sizes to two, with biases."""
    spec = chain([4, *hidden, 2], "lecun_normal", {"steps": 20})
    spec["edges"][0]["op"] = {"dense": {"bias_init": {"normal": {"std": 0.3}}}}
    return spec


def by_subject(rows: list[Row], check: str) -> dict[str, Row]:
    return {row.subject: row for row in rows if row.check.startswith(check)}


def test_a_linear_chain_is_held_against_its_closed_form() -> None:
    rows = prospective_rows(biased(5, 3), rate=0.01)
    [alignment] = by_subject(rows, "target alignment").values()
    assert "closed form" in alignment.expected
    assert alignment.measured in alignment.expected
    assert {row.passed for row in rows} == {True, None}
    index = by_subject(rows, "prospective index")
    assert {node: row.passed for node, row in index.items()} == {"h1": True, "h2": None}


def test_a_wrong_gradient_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last edge learns half as fast as it should."""

    def half(model: Any, params: Any, batch: Any, rate: float, **how: Any) -> Any:
        after = gradient_step(model, params, batch, rate, **how)
        last = model.graph.edges[-1].name
        middle = jax.tree.map(lambda a, b: (a + b) / 2, after[last], params[last])
        return {**after, last: middle}

    monkeypatch.setattr(prospective, "gradient_step", half)
    [alignment] = by_subject(prospective_rows(biased(3)), "target alignment").values()
    assert alignment.passed is False


def test_theory_has_no_number_for_a_network_that_is_not_linear() -> None:
    spec = biased(3)
    spec["nodes"]["h1"]["activation"] = "tanh"
    batch = {"x": np.ones((2, 4)), "y": np.eye(2)}
    overrides = ["energy.loss=cross_entropy"]
    settled, *rest = prospective_rows(spec, overrides, batch=batch)
    assert settled.passed
    assert {row.passed for row in rest} == {None}
    assert all("nan" not in row.measured for row in rest)


def test_a_network_without_outputs_says_why_there_is_nothing_to_measure() -> None:
    spec = biased(3)
    spec["nodes"]["y"]["role"] = "input"
    [row] = prospective_rows(spec)
    assert row.passed is None
    assert "no node has role: output" in row.measured


def test_a_spec_that_is_wrong_is_refused() -> None:
    with pytest.raises(SpecError):
        prospective_rows(biased(3), ["nodes.h1.activation=tahn"])
