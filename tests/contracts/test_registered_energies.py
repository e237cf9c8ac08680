"""Registering is enough for what makes an energy and an update: members defined in a test.

Each is compiled into the chain x -> h -> y, and the energy, the states or the update are
compared with what its mathematics says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pccompiler as pcc
from pccompiler.components import registry
from pccompiler.components.activations import ACTIVATIONS, Activation
from pccompiler.components.energies import Energy, Gaussian, Prior
from pccompiler.components.forms import EnergyForm
from pccompiler.components.initializers import Initializer
from pccompiler.components.operators import Operator
from pccompiler.components.optimizers import Optimizer
from pccompiler.components.schedules import Schedule
from pccompiler.components.sources import Dataset, DataSource, Field
from pccompiler.components.state_optimizers import NodeOptimizer
from tests.lowering.networks import CHAIN, batch, parameters, spec
from tests.registration import registered


class Quartic(Energy):
    """A quarter of the fourth power of the error."""

    name: ClassVar[str] = "quartic"
    zero_at_prediction: ClassVar[bool] = True

    def value(self, x: Any, mu: Any) -> Any:
        return jnp.sum((x - mu) ** 4, axis=tuple(range(1, mu.ndim))) / 4


class QuarticLoss(Quartic):
    """The same for targets."""

    name: ClassVar[str] = "quartic"
    used_for: ClassVar[tuple[str, ...]] = ("loss",)


class Stiff(Gaussian):
    """Four times the Gaussian energy."""

    name: ClassVar[str] = "stiff"
    curvature: ClassVar[float | None] = 4.0

    def value(self, x: Any, mu: Any) -> Any:
        return 4 * super().value(x, mu)


class QuarticPrior(Prior):
    """A quartic energy around the mean."""

    name: ClassVar[str] = "quartic"

    @property
    def energy(self) -> Energy:
        return Quartic()


class Thrice(EnergyForm):
    """Three times the energies of the forward predictions."""

    name: ClassVar[str] = "thrice"
    rests_at_minimum: ClassVar[bool] = True
    feedforward_is_minimum: ClassVar[bool] = True

    def curvature(self, activation: Any, forward: bool, feedback: bool) -> float:
        return 3.0 * forward

    def term(self, energy: Energy, x: Any, forward: Any, feedback: Any) -> Any:
        return 3 * forward.only(energy.value(x, forward.values))


class SignDescent(NodeOptimizer):
    """A step of fixed length against the sign of the gradient."""

    name: ClassVar[str] = "sign_descent"
    step: float = 0.25

    @property
    def rate(self) -> None:
        return None

    @property
    def slots(self) -> int:
        return 0

    def memory(self, x: Any) -> Any:
        return ()

    def update(self, gradient: Any, memory: Any, t: Any) -> Any:
        return -self.step * jnp.sign(gradient), ()


class Uphill(Optimizer):
    """Adds the gradient."""

    name: ClassVar[str] = "uphill"

    def transformation(self) -> Any:
        import optax

        return optax.scale(1.0)


class Halved(Schedule):
    """Half the rate, whatever the length of training."""

    name: ClassVar[str] = "halved"
    needs_horizon: ClassVar[bool] = False

    def factor(self, fraction: Any) -> Any:
        return 0.5 * jnp.ones_like(fraction)


class Sevens(Initializer):
    """Every entry is seven."""

    name: ClassVar[str] = "sevens"

    def sampler(self) -> Any:
        return lambda key, shape, dtype: jnp.full(shape, 7, dtype)


class Tripled(Operator):
    """y = 3 x."""

    name: ClassVar[str] = "tripled"

    def output_shape(self, shape: Any, wanted: Any) -> Any:
        return shape

    def input_wanted(self, wanted: Any) -> Any:
        return wanted

    def apply(self, params: Any, x: Any) -> Any:
        return 3 * x

    def flops(self, shape: Any, output: Any) -> int:
        return 0


class Ramp(DataSource):
    """Eight samples: 0, 1, ..., 7 in every feature."""

    name: ClassVar[str] = "ramp"

    def load(self, folders: Any) -> Dataset:
        rows = np.arange(8.0)[:, None]
        fields = {"x": Field(rows * np.ones(4), "features"), "y": Field(rows * [1, 2], "target")}
        return Dataset(fields)


def with_h(**options: Any) -> dict[str, Any]:
    """The nodes of the chain, with other options of `h`."""
    nodes = CHAIN["nodes"]
    return {**nodes, "h": {**nodes["h"], **options}}


def squared(error: Any) -> Any:
    return 0.5 * np.sum(np.asarray(error) ** 2, axis=1)


def predicted(params: Any, given: Any) -> Any:
    first = params["x->h"]
    return np.tanh(given["x"] @ first["weight"] + first["bias"])


def given_states(given: Any) -> Any:
    return {**given, "h": np.random.default_rng(5).normal(size=(3, 3))}


def energies(sections: dict[str, Any]) -> tuple[Any, Any, Any]:
    """(parameters, states, energy per node) of the chain with these sections."""
    model = pcc.compile(spec(**sections))
    params, given = parameters(model), batch()
    states = given_states(given)
    return params, states, model.energy(params, states, given)["nodes"]


def test_an_energy_counts_for_its_node() -> None:
    with registered(Quartic, "energy"):
        params, states, found = energies({"nodes": with_h(energy="quartic")})
    error = states["h"] - predicted(params, states)
    np.testing.assert_allclose(found["h"], (error**4).sum(1) / 4, rtol=1e-12)


def test_a_loss_counts_for_the_target() -> None:
    with registered(QuarticLoss, "loss"):
        params, states, found = energies({"energy": {"loss": "quartic"}})
    second = params["h->y"]
    error = states["y"] - states["h"] @ second["weight"] - second["bias"]
    np.testing.assert_allclose(found["y"], (error**4).sum(1) / 4, rtol=1e-12)


def test_a_prior_counts_for_a_root() -> None:
    nodes = {"h": {"shape": [3], "prior": {"quartic": {"mean": 0.5, "precision": 2.0}}}}
    nodes["y"] = CHAIN["nodes"]["y"]
    with registered(QuarticPrior, "prior"):
        model = pcc.compile(spec(nodes=nodes, edges=[{"path": "h -> y"}]))
    params, given = parameters(model), batch()
    states = {"h": given_states(given)["h"], "y": given["y"]}
    found = model.energy(params, states)["nodes"]["h"]
    np.testing.assert_allclose(found, 2 * ((states["h"] - 0.5) ** 4).sum(1) / 4, rtol=1e-12)


def test_a_form_makes_the_energy_and_its_curvature_the_step_to_rest() -> None:
    """One undamped fixed-point step from zero: h rests where 3 (h - mu) = 3 W^T (y - W 0 - b)."""
    inference = {"init": "zeros", "optimizer": "fixed_point", "steps": 1}
    with registered(Thrice, "energy form"):
        sections = {"energy": {"form": "thrice"}, "inference": inference}
        params, states, found = energies(sections)
        model = pcc.compile(spec(**sections))
    mu, given = predicted(params, states), batch()
    np.testing.assert_allclose(found["h"], 3 * squared(states["h"] - mu), rtol=1e-12)
    second = params["h->y"]
    rest = mu + (given["y"] - second["bias"]) @ second["weight"].T
    np.testing.assert_allclose(model.infer(params, given)["h"], rest, rtol=1e-12)


def test_the_curvature_of_an_energy_makes_the_step_to_rest() -> None:
    """One undamped fixed-point step from zero: 4 (h - mu) = W^T (y - b)."""
    inference = {"init": "zeros", "optimizer": "fixed_point", "steps": 1}
    with registered(Stiff, "energy"):
        model = pcc.compile(spec(nodes=with_h(energy="stiff"), inference=inference))
    params, given = parameters(model), batch()
    second = params["h->y"]
    pull = (given["y"] - second["bias"]) @ second["weight"].T
    rest = predicted(params, given) + pull / 4
    np.testing.assert_allclose(model.infer(params, given)["h"], rest, rtol=1e-12)


def test_an_energy_without_curvature_has_no_step_to_rest() -> None:
    sections = {"nodes": with_h(energy="quartic"), "inference": {"optimizer": "fixed_point"}}
    with registered(Quartic, "energy"), pytest.raises(pcc.SpecError, match="quartic"):
        pcc.check(spec(**sections))


def test_a_state_optimiser_moves_the_states() -> None:
    inference = {"init": "zeros", "optimizer": "sign_descent", "steps": 1}
    with registered(SignDescent, "state optimizer"):
        model = pcc.compile(spec(inference=inference))
    params, given = parameters(model), batch()
    second = params["h->y"]
    pull = (given["y"] - second["bias"]) @ second["weight"].T
    expected = 0.25 * np.sign(predicted(params, given) + pull)
    np.testing.assert_allclose(model.infer(params, given)["h"], expected)


def updates(learning: dict[str, Any]) -> tuple[Any, Any]:
    """(what one training step adds to the parameters, the gradient that it follows)."""
    model = pcc.compile(spec(inference={"steps": 1}, learning=learning))
    state = model.init_training(jax.random.key(0), dtype=jnp.float64)
    after, _ = model.step(state, batch())
    added = jax.tree.map(lambda new, old: new - old, after.params, state.params)
    return added, model.gradients(state.params, batch())


def assert_multiple(added: Any, gradient: Any, factor: float) -> None:
    jax.tree.map(
        lambda a, g: np.testing.assert_allclose(a, factor * g, rtol=1e-9, atol=1e-15),
        added,
        gradient,
    )


def test_an_optimiser_makes_the_update() -> None:
    with registered(Uphill, "optimizer"):
        assert_multiple(*updates({"optimizer": "uphill"}), factor=1.0)


def test_a_schedule_scales_the_update_also_if_it_needs_no_horizon() -> None:
    with registered(Halved, "schedule"):
        assert_multiple(*updates({"schedule": "halved"}), factor=-0.05)


def test_an_initialiser_draws_the_parameters() -> None:
    edges = [{"path": "x -> h -> y", "op": {"dense": {"weight_init": "sevens"}}}]
    with registered(Sevens, "initializer", "bias initializer"):
        model = pcc.compile(spec(edges=edges))
    weight = model.init(jax.random.key(0))["h->y"]["weight"]
    np.testing.assert_array_equal(weight, np.full((3, 2), 7))


def test_an_operator_maps_what_passes_its_edge() -> None:
    edges = [{"path": "x -> h -> y", "op": ["dense", "tripled"]}]
    with registered(Tripled, "operator"):
        model = pcc.compile(spec(edges=edges))
    params, given = parameters(model), batch()
    first, second = params["x->h"], params["h->y"]
    h = np.tanh(3 * (given["x"] @ first["weight"] + first["bias"]))
    expected = 3 * (h @ second["weight"] + second["bias"])
    found = model.predict(params, {"x": given["x"]})["y"]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_an_activation_is_that_of_its_node() -> None:
    with registry.registered(activations={"squared": Activation(lambda x: x * x)}):
        model = pcc.compile(spec(nodes=with_h(activation="squared")))
        params, given = parameters(model), batch()
        found = model.predict(params, {"x": given["x"]})["y"]
    first, second = params["x->h"], params["h->y"]
    h = (given["x"] @ first["weight"] + first["bias"]) ** 2
    np.testing.assert_allclose(found, h @ second["weight"] + second["bias"], rtol=1e-12)


@pytest.fixture
def doubling() -> Iterator[None]:
    """The identity made twice as steep."""
    whole = ACTIVATIONS["identity"]
    twice = replace(whole, function=lambda x: 2 * x, is_identity=False)
    ACTIVATIONS["identity"] = twice
    yield
    ACTIVATIONS["identity"] = whole


@pytest.mark.usefixtures("doubling")
def test_an_activation_is_what_its_entry_in_the_table_says() -> None:
    model = pcc.compile(spec(nodes=with_h(activation="identity")))
    params, given = parameters(model), batch()
    first, second = params["x->h"], params["h->y"]
    h = 2 * (given["x"] @ first["weight"] + first["bias"])
    expected = 2 * (h @ second["weight"] + second["bias"])
    found = model.predict(params, {"x": given["x"]})["y"]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_source_gives_the_samples() -> None:
    from runtime.data.splits import prepare

    sections = {"source": "ramp", "standardize": "none", "batch_size": 2, "validation": 0.25}
    with registered(Ramp, "data source"):
        checked = pcc.check(spec(data=sections))
    assert checked.spec.data is not None
    data = prepare(checked.spec.data, checked.graph, ["x", "y"], ())
    seen = [row for part in (data.train, data.validation, data.test) for row in part["y"]]
    assert sorted(map(tuple, seen)) == [(float(i), 2.0 * i) for i in range(8)]
