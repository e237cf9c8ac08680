"""The checks for authors of members: every member of ours passes, and broken ones do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import jax.numpy as jnp
import pytest
from pydantic import Field

from pccompiler.components import registry
from pccompiler.components.activations import ACTIVATIONS, Activation
from pccompiler.components.energies import Gaussian
from pccompiler.components.initializers import Initializer
from pccompiler.components.member import Member
from pccompiler.components.operators import Operator
from pccompiler.components.optimizers import SGD
from pccompiler.components.registry import FAMILIES
from pccompiler.components.rules.predictive_coding import PredictiveCoding
from pccompiler.components.schedules import Schedule
from pccompiler.components.state_optimizers import StateSGD
from pccompiler.components.updates import Coupling, Groups, UpdateOrder
from pccompiler.testing import check_member

ONE_OF_EACH = ("layer_norm", "huber", "squared_error", "laplace", "orthogonal", "bidirectional")
ONE_OF_EACH += ("normal", "asynchronous", "adam", "equilibrium_propagation", "cosine", "digits")
CHOSEN = {
    (family.word, member.name): member
    for family in FAMILIES
    for member in family
    if member.name in ONE_OF_EACH
}


def test_one_of_each_family_is_tried() -> None:
    tried = {word for word, _ in CHOSEN} | {"bias initializer"}
    assert tried == {family.word for family in FAMILIES}


@pytest.mark.parametrize(
    "member", [*dict.fromkeys(CHOSEN.values())], ids=lambda member: member.__name__
)
def test_a_member_of_ours_keeps_its_promises(member: type[Member]) -> None:
    check_member(member)
    assert registry.outside() == ()


def test_an_activation_of_ours_keeps_its_promises() -> None:
    check_member(ACTIVATIONS["tanh"])


# -- broken members ----------------------------------------------------------------------------


class Wider(Operator):
    """Says that it keeps the shape."""

    name: ClassVar[str] = "wider"

    def output_shape(self, shape: Any, wanted: Any) -> Any:
        return shape

    def apply(self, params: Any, x: Any) -> Any:
        return jnp.concatenate([x, x], axis=-1)

    def flops(self, shape: Any, output: Any) -> int:
        return 0


class Crooked(Wider):
    """Says that it is linear."""

    name: ClassVar[str] = "crooked"
    linear: ClassVar[bool] = True

    def apply(self, params: Any, x: Any) -> Any:
        return x * x


class Mixing(Wider):
    """Lets samples see each other."""

    name: ClassVar[str] = "mixing"

    def apply(self, params: Any, x: Any) -> Any:
        return x - x.mean(axis=0)


class Shifted(Gaussian):
    """Is not zero at the prediction, which it claims."""

    name: ClassVar[str] = "shifted"

    def value(self, x: Any, mu: Any) -> Any:
        return super().value(x, mu - 1)


class Summed(Gaussian):
    """Sums over the samples too."""

    name: ClassVar[str] = "summed_up"

    def value(self, x: Any, mu: Any) -> Any:
        return super().value(x, mu).sum()


class Rooted(Gaussian):
    """Has no slope at the prediction."""

    name: ClassVar[str] = "rooted"

    def value(self, x: Any, mu: Any) -> Any:
        return jnp.sqrt(super().value(x, mu))


class Negative(Schedule):
    """Turns the rate around."""

    name: ClassVar[str] = "negative"

    def factor(self, fraction: Any) -> Any:
        return -1 + 0 * fraction


class Undescribed(Schedule):
    """Has an option without a description."""

    name: ClassVar[str] = "undescribed"
    part: float = 0.5

    def factor(self, fraction: Any) -> Any:
        return self.part + 0 * fraction


class Untitled(Negative):
    name: ClassVar[str] = "untitled"


class Whole(Initializer):
    """Draws whole numbers."""

    name: ClassVar[str] = "whole"

    def sampler(self) -> Any:
        return lambda key, shape, dtype: jnp.zeros(shape, int)


class Forgetful(UpdateOrder):
    """Leaves out a node."""

    name: ClassVar[str] = "forgetful"

    def groups(self, coupling: Coupling) -> Groups:
        return (coupling.free[:1],)


class Hoarding(SGD):
    """Says that it remembers a number for each parameter."""

    name: ClassVar[str] = "hoarding"
    slots: ClassVar[int] = 1


class Restless(StateSGD):
    """Moves without a gradient."""

    name: ClassVar[str] = "restless"

    def update(self, gradient: Any, memory: Any, t: Any) -> Any:
        return gradient + 1, memory


class Misnamed(PredictiveCoding):
    """Names other phases than it has."""

    name: ClassVar[str] = "misnamed"
    phase_names: ClassVar[tuple[str, ...]] = ("free",)


@pytest.mark.parametrize(
    ("member", "promise"),
    [
        (Wider, r"what it makes of \[6\] is float32\[3, 6\] \(it is float32\[3, 12\]\)"),
        (Crooked, "it is linear"),
        (Mixing, "samples do not depend on others"),
        (Shifted, "it vanishes at the prediction"),
        (Summed, "its value, one per sample"),
        (Rooted, "its gradient vanishes at the prediction"),
        (Negative, "its factor is not negative"),
        (Undescribed, "the option `part` has a description"),
        (Untitled, "Untitled has a docstring"),
        (Whole, "what it draws is float32"),
        (Forgetful, "its groups hold every free node once"),
        (Hoarding, "its `slots` are what it remembers"),
        (Restless, "without gradient and memory nothing moves"),
        (Misnamed, "its phases are among its `phase_names`"),
        (Activation(lambda x: 1 / x), "value and slope is finite"),
        (Activation(jnp.tanh, low=0), "it stays in its range"),
        (
            replace(ACTIVATIONS["tanh"], potential=lambda x: x * x),
            "the slope of the potential is the inverse of the function",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_promise_that_is_not_kept_is_named(member: Any, promise: str) -> None:
    with pytest.raises(AssertionError, match=promise):
        check_member(member)
    assert registry.outside() == ()


def test_a_member_whose_work_nobody_asks_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the compiler decided by name what an activation is."""
    from pccompiler.ir.graph import Graph

    monkeypatch.setattr(Graph, "activation", lambda graph, node: ACTIVATIONS["identity"])
    with pytest.raises(AssertionError, match="takes effect"):
        check_member(ACTIVATIONS["sigmoid"])


def test_a_member_with_a_required_option_is_given_as_an_instance() -> None:
    class Leaky(Wider):
        """Multiplies by a number."""

        name: ClassVar[str] = "leaky"
        factor: float = Field(description="the number")

        def apply(self, params: Any, x: Any) -> Any:
            return self.factor * x

    check_member(Leaky(factor=0.5))
