"""Optimisers of the parameters, built from optax.

`weight_decay` of sgd, momentum and adam is added to the gradient (L2); that of adamw is
decoupled (Loshchilov & Hutter 2019, arXiv:1711.05101). It applies to all parameters, as in optax.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from pccompiler.components.family import Family
from pccompiler.components.member import Member
from pccompiler.lazy import optax


class Optimizer(Member):
    """The rule by which learning changes the parameters.

    `slots` counts the numbers it remembers for each parameter.
    """

    option_aliases: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("lr", "eta", "alpha", "rate", "step_size"), "learning_rate"),
        **dict.fromkeys(("wd", "decay", "l2", "l2_penalty"), "weight_decay"),
        "beta1": "b1",
        "beta_1": "b1",
        "beta2": "b2",
        "beta_2": "b2",
        "epsilon": "eps",
    }
    slots: ClassVar[int] = 0
    calmer_above: ClassVar[bool] = False

    @property
    def calming(self) -> str | None:
        """The option that makes its steps smaller when it is lowered, or where `calmer_above`
        raised; None where it has none."""
        return "learning_rate" if "learning_rate" in type(self).model_fields else None

    @abstractmethod
    def transformation(self) -> Any:
        """The optax.GradientTransformation."""


class SGD(Optimizer):
    """Plain gradient descent."""

    name: ClassVar[str] = "sgd"
    aliases: ClassVar[tuple[str, ...]] = ("gradient_descent", "gd")

    learning_rate: float = Field(default=0.01, gt=0, description="rate of the parameters")
    weight_decay: float = Field(default=0.0, ge=0, description="L2 factor added to the gradient")

    def transformation(self) -> Any:
        return optax.chain(
            optax.add_decayed_weights(self.weight_decay), optax.sgd(self.learning_rate)
        )


class Momentum(Optimizer):
    """Gradient descent with momentum."""

    name: ClassVar[str] = "momentum"
    aliases: ClassVar[tuple[str, ...]] = ("sgdm", "sgd_momentum", "heavy_ball", "nesterov", "nag")
    slots: ClassVar[int] = 1

    learning_rate: float = Field(default=0.01, gt=0, description="rate of the parameters")
    momentum: float = Field(
        default=0.9, ge=0, lt=1, description="how much of the last step remains"
    )
    nesterov: bool = Field(default=False, description="look ahead along the momentum")
    weight_decay: float = Field(default=0.0, ge=0, description="L2 factor added to the gradient")

    def transformation(self) -> Any:
        return optax.chain(
            optax.add_decayed_weights(self.weight_decay),
            optax.sgd(self.learning_rate, self.momentum, self.nesterov),
        )


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015)."""

    name: ClassVar[str] = "adam"
    aliases: ClassVar[tuple[str, ...]] = ("rmsprop", "nadam", "amsgrad")
    slots: ClassVar[int] = 2

    learning_rate: float = Field(default=1e-3, gt=0, description="rate of the parameters")
    b1: float = Field(default=0.9, ge=0, lt=1, description="decay of the first moment")
    b2: float = Field(default=0.999, ge=0, lt=1, description="decay of the second moment")
    eps: float = Field(default=1e-8, gt=0, description="added to the root of the second moment")
    weight_decay: float = Field(default=0.0, ge=0, description="L2 factor added to the gradient")

    def transformation(self) -> Any:
        return optax.chain(
            optax.add_decayed_weights(self.weight_decay),
            optax.adam(self.learning_rate, self.b1, self.b2, self.eps),
        )


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    name: ClassVar[str] = "adamw"
    aliases: ClassVar[tuple[str, ...]] = ("adam_w",)
    slots: ClassVar[int] = 2

    learning_rate: float = Field(default=1e-3, gt=0, description="rate of the parameters")
    b1: float = Field(default=0.9, ge=0, lt=1, description="decay of the first moment")
    b2: float = Field(default=0.999, ge=0, lt=1, description="decay of the second moment")
    eps: float = Field(default=1e-8, gt=0, description="added to the root of the second moment")
    weight_decay: float = Field(default=1e-4, ge=0, description="decoupled decay, times the rate")

    def transformation(self) -> Any:
        return optax.adamw(
            self.learning_rate, self.b1, self.b2, self.eps, weight_decay=self.weight_decay
        )


OPTIMIZERS = Family("optimizer", Optimizer, (SGD, Momentum, Adam, AdamW))
