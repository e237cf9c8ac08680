"""What every rule promises: phases in a sound order, and an estimator that fits them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pccompiler as pcc
from pccompiler.components.phases import Phase, PhaseKind
from pccompiler.components.rules import RULES, Moment, Rule
from pccompiler.components.rules.network import Network
from pccompiler.components.rules.predictive_coding import PredictiveCoding
from pccompiler.ir.copies import Copies
from pccompiler.planning.views import network_of

ORDINARY = Network(("x", "context"), ("y",), feedforward_is_equilibrium=True)
WITH_FREE_ROOTS = Network(("x",), ("y", "z"), feedforward_is_equilibrium=False)
LAYERED = replace(ORDINARY, levels=3)


def classifier() -> Network:
    """A network with all that a rule may look at: image -> h -> label, with a cross-entropy."""
    nodes = {
        "image": {"shape": [6], "role": "input"},
        "h": {"shape": [4], "activation": "relu"},
        "label": {"shape": [3], "role": "output"},
    }
    spec = {"pcc": 1, "name": "classifier", "nodes": nodes, "energy": {"loss": "cross_entropy"}}
    graph = pcc.check({**spec, "edges": [{"path": "image -> h -> label"}]}).graph
    return network_of(graph, Copies(graph))


NUDGES = [
    PredictiveCoding(output="nudge", beta=beta, variant=variant)
    for beta in (0.1, 2.0)
    for variant in ("positive", "negative", "centred")
]

OPTIONS: dict[str, list[Rule]] = {
    "predictive_coding": [*NUDGES, PredictiveCoding(update="incremental")]
}
"""Instances beside the one with default options."""

CASES: list[Rule] = [rule for member in RULES for rule in (member(), *OPTIONS.get(member.name, ()))]
NETWORKS = {
    "dag": ORDINARY,
    "layers": LAYERED,
    "classifier": classifier(),
    "roots": WITH_FREE_ROOTS,
}

every_rule = pytest.mark.parametrize("rule", CASES, ids=lambda rule: str(rule.written()))
every_rule_and_network = pytest.mark.parametrize(
    ("rule", "network"),
    [
        pytest.param(rule, network, id=f"{word}-{rule.written()}")
        for rule in CASES
        for word, network in NETWORKS.items()
        if not rule.unsuited(network)
    ],
)
"""A rule promises nothing on networks that it refuses."""


@every_rule
def test_a_rule_suits_one_of_these_networks_and_says_what_to_do_on_others(rule: Rule) -> None:
    refusals = [rule.unsuited(network) for network in NETWORKS.values()]
    assert None in refusals
    assert all(refusal.message and refusal.help for refusal in refusals if refusal)


def from_energies(rule: Rule) -> bool:
    """Whether its gradient is one of energies or of the loss; rules that go through the network
    by themselves have references of their own."""
    estimator = rule.estimator(ORDINARY)
    return bool(estimator.energy_phases or estimator.through_prediction)


@every_rule_and_network
def test_the_phases_are_among_those_the_rule_names(rule: Rule, network: Network) -> None:
    assert {phase.name for phase in rule.phases(network)} <= set(rule.phase_names)


@dataclass
class FakeEvidence:
    """Evidence whose energy gradient in a phase is `at_zero + slope beta`."""

    phases: dict[str, Phase]
    at_zero: float = 0.0
    slope: float = 0.0
    loss: float = 0.0
    asked: list[str] = field(default_factory=list)

    def _tree(self, value: float) -> Mapping[str, object]:
        return {"x->y": {"weight": jnp.full((2, 3), value), "bias": jnp.full((3,), value)}}

    @property
    def params(self) -> Mapping[str, object]:
        return self._tree(1.0)

    def states(self, phase: str) -> Mapping[str, object]:
        self.asked.append(phase)
        names = ("x", "y", "z", "context")
        return {name: jnp.ones((4, 3)) for name in names}

    def energy_gradient(self, phase: str) -> Mapping[str, object]:
        self.asked.append(phase)
        return self._tree(self.at_zero + self.slope * self.phases[phase].beta)

    def beta(self, phase: str) -> float:
        return self.phases[phase].beta

    def field_gradient(self, phase: str, along: Mapping[str, object]) -> Mapping[str, object]:
        self.asked.append(phase)
        return self._tree(sum(float(jnp.sum(x)) for x in along.values()))

    def arrival_gradient(self, phase: str) -> Mapping[str, object]:
        return self.energy_gradient(phase)

    def energy_contrast(self, second: str, first: str) -> Mapping[str, object]:
        ends = self.energy_gradient(second), self.energy_gradient(first)
        return jax.tree.map(lambda a, b: a - b, *ends)

    def loss_gradient(self) -> Mapping[str, object]:
        return self._tree(self.loss)


def estimate(rule: Rule, network: Network, **numbers: float) -> tuple[float, FakeEvidence]:
    """The estimator's gradient from fake evidence; every entry of the tree is the same."""
    evidence = FakeEvidence({phase.name: phase for phase in rule.phases(network)}, **numbers)
    gradient = rule.estimator(network).gradient(evidence)
    assert gradient.keys() == evidence.params.keys()
    weight, bias = gradient["x->y"]["weight"], gradient["x->y"]["bias"]
    assert (weight.shape, bias.shape) == ((2, 3), (3,))
    np.testing.assert_array_equal(weight, bias * jnp.ones((2, 1)))
    return float(bias[0]), evidence


@every_rule_and_network
def test_phases_have_names_of_their_own_and_start_from_earlier_ones(
    rule: Rule, network: Network
) -> None:
    seen: list[str] = []
    for phase in rule.phases(network):
        assert phase.name not in seen
        assert phase.start is None or phase.start in seen
        seen.append(phase.name)
    assert rule.reported_phase() in seen


@every_rule_and_network
def test_phases_clamp_the_inputs_and_clamp_or_nudge_only_nodes_that_have_data(
    rule: Rule, network: Network
) -> None:
    for phase in rule.phases(network):
        assert set(network.inputs) <= set(phase.clamped)
        assert set(phase.clamped) <= {*network.inputs, *network.outputs}
        assert set(phase.nudged) <= set(network.outputs)
        assert not set(phase.nudged) & set(phase.clamped)
        assert set(phase.pulled) <= set(phase.clamped)
        assert bool(phase.nudged or phase.pulled) == (phase.beta != 0)


@every_rule_and_network
def test_a_forward_sweep_stands_only_where_it_is_the_free_equilibrium(
    rule: Rule, network: Network
) -> None:
    for phase in rule.phases(network):
        if phase.kind is PhaseKind.FORWARD:
            assert network.feedforward_is_equilibrium
            assert not phase.nudged
            assert set(phase.clamped) == set(network.inputs)


@every_rule_and_network
def test_the_estimator_asks_only_for_phases_of_the_rule_and_says_what_it_does(
    rule: Rule, network: Network
) -> None:
    estimator, phases = rule.estimator(network), {p.name for p in rule.phases(network)}
    assert {*estimator.energy_phases, *estimator.pulled_phases} <= phases
    assert estimator.describe()
    if from_energies(rule):
        _, evidence = estimate(rule, network)
        assert set(evidence.asked) <= set(evidence.phases)


@every_rule
def test_the_estimator_is_linear_in_the_evidence(rule: Rule) -> None:
    if not from_energies(rule):
        return
    parts = [estimate(rule, ORDINARY, **{name: 3.0})[0] for name in ("at_zero", "slope", "loss")]
    whole, _ = estimate(rule, ORDINARY, at_zero=3.0, slope=3.0, loss=3.0)
    np.testing.assert_allclose(whole, sum(parts), rtol=1e-12)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("rule", NUDGES, ids=lambda rule: f"{rule.variant}-{rule.beta}")
def test_nudged_predictive_coding_is_the_difference_quotient_by_beta(
    rule: PredictiveCoding, network: Network
) -> None:
    """An energy gradient affine in beta gives its slope, however large beta is."""
    gradient, _ = estimate(rule, network, at_zero=5.0, slope=0.3, loss=100.0)
    np.testing.assert_allclose(gradient, 0.3, rtol=1e-12)
    betas = sorted(phase.beta for phase in rule.phases(network) if phase.nudged)
    expected = {
        "positive": [rule.beta],
        "negative": [-rule.beta],
        "centred": [-rule.beta, rule.beta],
    }
    assert betas == expected[rule.variant]


def test_clamped_predictive_coding_is_the_energy_gradient_of_its_one_phase() -> None:
    [phase] = PredictiveCoding().phases(ORDINARY)
    assert set(phase.clamped) == {"x", "context", "y"}
    assert estimate(PredictiveCoding(), ORDINARY, at_zero=1.7)[0] == 1.7


def test_backprop_is_the_loss_gradient_whatever_the_energy() -> None:
    [backprop] = [member() for member in RULES if member.name == "backprop"]
    assert estimate(backprop, ORDINARY, at_zero=4.0, slope=2.0, loss=0.6)[0] == 0.6


@every_rule_and_network
def test_theory_makes_at_least_one_claim(rule: Rule, network: Network) -> None:
    assert rule.theory(network)


@every_rule
def test_a_rule_that_learns_at_every_step_has_one_relaxation(rule: Rule) -> None:
    if rule.moment() is Moment.EACH_STEP:
        assert [phase.kind for phase in rule.phases(ORDINARY)] == [PhaseKind.RELAX]
