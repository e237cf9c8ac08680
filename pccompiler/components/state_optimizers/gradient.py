"""Descent along the gradient: with momentum, and with adapted moments."""

from typing import ClassVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pccompiler.components.state_optimizers.base import Memory, NodeOptimizer
from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jnp


class StateSGD(NodeOptimizer):
    """Gradient descent with heavy-ball momentum: v <- m v + g; x <- x - rate v.

    With `nesterov`, x <- x - rate (g + m v).

    Sources: the heavy ball, Polyak 1964, doi:10.1016/0041-5553(64)90137-5; Nesterov's momentum
    with one gradient a step, Bengio et al. 2013, arXiv:1212.0901.
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
    nesterov: bool = Field(default=False, description="look ahead along the momentum")

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> "StateSGD":
        if self.nesterov and not self.momentum:
            raise PydanticCustomError(
                "nesterov_momentum", "`nesterov` looks ahead along a `momentum`, which is zero here"
            )
        return self

    def stable_below(self) -> float:
        # the roots of z^2 - (1 + m - rate c) z + m lie within the unit circle below that c,
        # with nesterov those of z^2 - (1 + m - (1 + m) rate c) z + m (1 - rate c)
        scale = 1 + 2 * self.momentum if self.nesterov else 1
        return 2 * (1 + self.momentum) / (scale * self.learning_rate)

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
        ahead = gradient + self.momentum * velocity if self.nesterov else velocity
        return -self.learning_rate * ahead, (velocity,)


class StateAdam(NodeOptimizer):
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
