"""State optimisers: the update of the states in an inference step.

Each optimiser is a memory per node and an update from the gradient g = dF/dx of the batch
sum; x <- x + update. All nodes share one step counter t = 1, 2, ..., and the memory starts
at zero in each phase. With zero memory and zero gradient every optimiser here leaves the
state where it is (`still_at_zero`), which is what lets the compiler skip nodes that
information has not reached yet.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from pccompiler.components.family import Family
from pccompiler.components.member import Member
from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jnp

Memory = tuple[Array, ...]


class StateOptimizer(Member):
    """The rule by which an inference step changes a state.

    `seeks_rest`: the gradient that it is given is the way from where the state would rest, if
    all others stayed, to where it is; otherwise it is dF/dx. `comes_to_rest`: at a fixed rate the
    states come to rest at a minimum. `calmed_by` says what makes its steps smaller.
    """

    option_aliases: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("lr", "eta", "alpha", "gamma", "dt", "rate", "step_size"), "learning_rate"
        ),
        "beta1": "b1",
        "beta_1": "b1",
        "beta2": "b2",
        "beta_2": "b2",
        "epsilon": "eps",
    }
    still_at_zero: ClassVar[bool] = True
    seeks_rest: ClassVar[bool] = False
    comes_to_rest: ClassVar[bool] = True
    calmer_above: ClassVar[bool] = False
    calmed_by: ClassVar[str] = "lower the rate of the states"

    @property
    def calming(self) -> str | None:
        """The option that makes its steps smaller when it is lowered, or where `calmer_above`
        raised; None where it has none."""
        return "learning_rate" if "learning_rate" in type(self).model_fields else None

    @property
    @abstractmethod
    def rate(self) -> float | None:
        """r where a step without memory is -r g; None where it is not proportional to g."""

    def stable_below(self) -> float | None:
        """The curvature of F from which on steps overshoot by more and more; None for an
        optimiser of which no such number is known."""
        return None

    @property
    @abstractmethod
    def slots(self) -> int:
        """The number of memory entries for each unit."""

    @abstractmethod
    def memory(self, x: Array) -> Memory:
        """The memory before the first step, for a state like x."""

    @abstractmethod
    def update(self, gradient: Array, memory: Memory, t: Array | int) -> tuple[Array, Memory]:
        """The change of the state at step t (counted from 1) and the new memory."""


class StateSGD(StateOptimizer):
    """Gradient descent with heavy-ball momentum: v <- m v + g; x <- x - rate v.

    Source of the momentum: Polyak 1964, doi:10.1016/0041-5553(64)90137-5.
    """

    name: ClassVar[str] = "sgd"
    aliases: ClassVar[tuple[str, ...]] = (
        "gradient_descent",
        "gd",
        "momentum",
        "heavy_ball",
        "euler",
    )

    learning_rate: float = Field(default=0.1, gt=0, description="rate of the states")
    momentum: float = Field(
        default=0.0, ge=0, lt=1, description="m: how much of the last step remains"
    )

    def stable_below(self) -> float | None:
        # the roots of z^2 - (1 + m - rate c) z + m lie within the unit circle below that c
        return 2 * (1 + self.momentum) / self.learning_rate

    @property
    def rate(self) -> float:
        return self.learning_rate

    @property
    def slots(self) -> int:
        return 1 if self.momentum else 0

    def memory(self, x: Array) -> Memory:
        return (jnp.zeros_like(x),) if self.momentum else ()

    def update(self, gradient: Array, memory: Memory, t: Array | int) -> tuple[Array, Memory]:
        if not self.momentum:
            return -self.learning_rate * gradient, ()
        velocity = self.momentum * memory[0] + gradient
        return -self.learning_rate * velocity, (velocity,)


class StateAdam(StateOptimizer):
    """Adam on the states: Kingma & Ba 2015, algorithm 1, arXiv:1412.6980."""

    name: ClassVar[str] = "adam"
    comes_to_rest: ClassVar[bool] = False
    aliases: ClassVar[tuple[str, ...]] = ("adamw", "rmsprop")

    learning_rate: float = Field(default=0.05, gt=0, description="rate of the states")
    b1: float = Field(default=0.9, ge=0, lt=1, description="decay of the first moment")
    b2: float = Field(default=0.999, ge=0, lt=1, description="decay of the second moment")
    eps: float = Field(default=1e-8, gt=0, description="added to the root of the second moment")

    @property
    def rate(self) -> None:
        return None

    @property
    def slots(self) -> int:
        return 2

    def memory(self, x: Array) -> Memory:
        return jnp.zeros_like(x), jnp.zeros_like(x)

    def update(self, gradient: Array, memory: Memory, t: Array | int) -> tuple[Array, Memory]:
        first = self.b1 * memory[0] + (1 - self.b1) * gradient
        second = self.b2 * memory[1] + (1 - self.b2) * gradient * gradient
        steps = jnp.asarray(t, dtype=gradient.dtype)
        first_unbiased = first / (1 - self.b1**steps)
        second_unbiased = second / (1 - self.b2**steps)
        # At a second moment of zero the root has no derivative, and backpropagation through
        # the relaxation would turn it into NaN; no step is taken there.
        positive = second_unbiased > 0
        root = jnp.where(positive, jnp.sqrt(jnp.where(positive, second_unbiased, 1)), 0)
        step = first_unbiased / (root + self.eps)
        return -self.learning_rate * step, (first, second)


class FixedPoint(StateOptimizer):
    """Each state moves to where it would rest if all others stayed: x <- d x + (1 - d) rest.

    For Hopfield nodes rest = activation(field), for Gaussian ones x - (dF/dx) / precision, both
    within the node's range. Without damping and for quadratic energies this is a gradient step
    of rate one.

    Source: the dynamics of Laborieux et al. 2021, arXiv:2006.03824.
    """

    name: ClassVar[str] = "fixed_point"
    aliases: ClassVar[tuple[str, ...]] = ("fixed", "coordinate_descent")
    shorthand: ClassVar[str | None] = "damping"
    seeks_rest: ClassVar[bool] = True
    calmer_above: ClassVar[bool] = True
    calmed_by: ClassVar[str] = "damp the states"

    damping: float = Field(default=0.0, ge=0, lt=1, description="d: how much of the state stays")

    @property
    def calming(self) -> str:
        return "damping"

    @property
    def rate(self) -> float:
        return 1 - self.damping

    @property
    def slots(self) -> int:
        return 0

    def memory(self, x: Array) -> Memory:
        return ()

    def update(self, gradient: Array, memory: Memory, t: Array | int) -> tuple[Array, Memory]:
        return -(1 - self.damping) * gradient, ()


STATE_OPTIMIZERS = Family("state optimizer", StateOptimizer, (StateSGD, StateAdam, FixedPoint))
