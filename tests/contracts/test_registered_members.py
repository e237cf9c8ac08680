"""Registering a member is enough: in a compiled network it does what its mathematics says.

For every family a member that is defined here, in no file of the program; and what makes a
class no member is told where it is defined or registered.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pccompiler as pcc
from pccompiler.components import registry
from pccompiler.components.family import Family
from pccompiler.components.rules.backprop import Backprop
from pccompiler.components.rules.contract import Estimator, Evidence
from pccompiler.components.rules.network import Network
from pccompiler.components.schedules import Schedule
from pccompiler.components.state_inits import StateInit
from pccompiler.components.updates import Coupling, Groups, UpdateOrder
from tests.lowering.networks import batch, parameters, spec
from tests.registration import registered

RATE = 0.1

DEEP: dict[str, Any] = {
    "nodes": {
        "x": {"shape": [4], "role": "input"},
        "a": {"shape": [3]},
        "b": {"shape": [3]},
        "y": {"shape": [2], "role": "output"},
    },
    "edges": [{"path": "x -> a -> b -> y"}],
}


class Ones(StateInit):
    """Every free node starts at one."""

    name: ClassVar[str] = "ones_start"

    def start(self, shape: Any, dtype: Any, key: Any, prediction: Any) -> Any:
        return jnp.ones(shape, dtype)


class Doubled(StateInit):
    """Every free node starts at twice its prediction."""

    name: ClassVar[str] = "doubled"
    sweeps: ClassVar[bool] = True

    def start(self, shape: Any, dtype: Any, key: Any, prediction: Any) -> Any:
        return 2 * prediction


class Uniform(StateInit):
    """Every free unit starts uniformly between 5 and 6."""

    name: ClassVar[str] = "uniform"
    draws: ClassVar[bool] = True

    def start(self, shape: Any, dtype: Any, key: Any, prediction: Any) -> Any:
        return 5 + jax.random.uniform(key, shape, dtype)


class CarriedOnes(Ones):
    """Carried from batch to batch, at first one."""

    name: ClassVar[str] = "carried_ones"
    carries: ClassVar[bool] = True


class LastFirst(UpdateOrder):
    """One node after another, the last one first."""

    name: ClassVar[str] = "last_first"

    def groups(self, coupling: Coupling) -> Groups:
        return tuple((name,) for name in reversed(coupling.free))


class Forgetful(UpdateOrder):
    """Leaves out a node."""

    name: ClassVar[str] = "forgetful"

    def groups(self, coupling: Coupling) -> Groups:
        return (coupling.free[:1],)


class TwiceTheLoss(Estimator):
    """Two gradients of the loss."""

    reads_targets: ClassVar[bool] = True
    through_prediction: ClassVar[bool] = True

    def describe(self) -> str:
        return "g = 2 dL/dparams"

    def gradient(self, evidence: Evidence) -> Any:
        return jax.tree.map(lambda leaf: 2 * leaf, evidence.loss_gradient())


class Eager(Backprop):
    """Twice the gradient of the loss."""

    name: ClassVar[str] = "eager"

    def estimator(self, network: Network) -> Estimator:
        return TwiceTheLoss()


def test_every_family_has_a_member_that_these_tests_define() -> None:
    """The families that stand beside `registered` in this file and the one on energies."""
    files = (Path(__file__), Path(__file__).with_name("test_registered_energies.py"))
    uses = [
        found
        for file in files
        for found in re.findall(r"registered\(\w+, (.*)\)", file.read_text())
    ]
    tried = {word for use in uses for word in re.findall(r'"([^"]+)"', use)}
    assert tried >= {family.word for family in registry.FAMILIES}


def started(member: type[StateInit]) -> tuple[Any, Any, Any]:
    """(parameters, batch, where `h` of the chain x -> h -> y starts)."""
    with registered(member, "initialisation"):
        model = pcc.compile(spec(inference={"init": member.name, "steps": 1}))
    params, given = parameters(model), batch()
    return params, given, model.trace(params, given)["states"]["h"][0]


def test_a_start_puts_the_states_where_it_says() -> None:
    _, _, h = started(Ones)
    np.testing.assert_array_equal(h, np.ones((3, 3)))


def test_a_start_that_sweeps_is_given_the_predictions_of_a_feedforward_pass() -> None:
    params, given, h = started(Doubled)
    first = params["x->h"]
    np.testing.assert_allclose(h, 2 * np.tanh(given["x"] @ first["weight"] + first["bias"]))


def test_a_start_that_sweeps_is_refused_where_there_is_no_feedforward_pass() -> None:
    cyclic = [{"path": "x -> h -> y"}, {"from": "h", "to": "h", "kind": "recurrent", "delay": 0}]
    with registered(Doubled, "initialisation"), pytest.raises(pcc.SpecError, match="PC323"):
        pcc.check(spec(edges=cyclic, inference={"init": "doubled"}))


def test_a_start_that_draws_has_a_key_for_each_node() -> None:
    _, _, h = started(Uniform)
    assert jnp.all((h >= 5) & (h < 6))
    assert len(np.unique(h)) == h.size


def test_a_start_that_carries_begins_with_its_own_states_and_goes_on_from_the_last() -> None:
    with registered(CarriedOnes, "initialisation"):
        model = pcc.compile(spec(inference={"init": "carried_ones", "steps": 1}))
    with pytest.raises(ValueError, match="carried_ones"):
        model.init_training(jax.random.key(0))
    state = model.init_training(jax.random.key(0), dtype=jnp.float64, batch_size=3)
    np.testing.assert_array_equal(state.aux["states"]["h"], np.ones((3, 3)))
    given = batch()
    expected = model.infer(state.params, given, states={"h": np.ones((3, 3))})["h"]
    after, _ = model.step(state, given)
    np.testing.assert_allclose(after.aux["states"]["h"], expected, rtol=1e-12)


def test_an_order_decides_which_nodes_move_after_which() -> None:
    """One step from zero: b by its gradient at (a, b) = 0, then a by that at the new b."""
    with registered(LastFirst, "update order"):
        inference = {"update": "last_first", "init": "zeros", "steps": 1}
        model = pcc.compile(spec(**DEEP, inference=inference))
    params, given = parameters(model), batch()
    (w1, c1), (w2, c2), (w3, c3) = (
        (params[e]["weight"], params[e]["bias"]) for e in ("x->a", "a->b", "b->y")
    )
    a, b = np.zeros((3, 3)), np.zeros((3, 3))
    b = b - RATE * ((b - a @ w2 - c2) - (given["y"] - b @ w3 - c3) @ w3.T)
    a = a - RATE * ((a - given["x"] @ w1 - c1) - (b - a @ w2 - c2) @ w2.T)
    states = model.infer(params, given)
    np.testing.assert_allclose(states["b"], b, rtol=1e-12)
    np.testing.assert_allclose(states["a"], a, rtol=1e-12)


def test_an_order_that_leaves_a_node_out_is_refused() -> None:
    with registered(Forgetful, "update order"), pytest.raises(TypeError, match="forgetful"):
        pcc.check(spec(**DEEP, inference={"update": "forgetful"}))


def test_a_rule_makes_the_gradient() -> None:
    with registered(Eager, "rule"):
        model = pcc.compile(spec(learning={"rule": "eager"}))
    plain = pcc.compile(spec(learning={"rule": "backprop"}))
    params, given = parameters(model), batch()
    jax.tree.map(
        lambda twice, once: np.testing.assert_allclose(twice, 2 * once, rtol=1e-12),
        model.gradients(params, given),
        plain.gradients(params, given),
    )


# -- what is no member ---------------------------------------------------------------------


def without_start() -> None:
    class Half(StateInit):
        """Says nothing."""

        name: ClassVar[str] = "half"


def without_factor_named_later() -> None:
    class Half(Schedule):
        """Says nothing."""

    Half.name = "half"
    Family("schedule", Schedule, (Half,))


def without_name() -> None:
    class Half(Ones.__base__):  # pyright: ignore
        """Says nothing."""

    Family("initialisation", StateInit, (Half,))


def at_predictions_without_a_sweep() -> None:
    class Half(Ones):
        """Claims what it can not know."""

        name: ClassVar[str] = "half"
        at_predictions: ClassVar[bool] = True


@pytest.mark.parametrize(
    ("define", "missing"),
    [
        (without_start, "`start`"),
        (without_factor_named_later, "`factor`"),
        (without_name, "`name`"),
        (at_predictions_without_a_sweep, "`sweeps`"),
    ],
)
def test_a_class_that_lacks_what_its_family_needs_is_refused_and_told_what(
    define: Callable[[], None], missing: str
) -> None:
    with pytest.raises(TypeError, match=missing) as caught:
        define()
    assert "Half" in str(caught.value)
