"""Schedules of the parameters' learning rate, as a factor on it.

A schedule is a function of the fraction of training done, p = step / horizon in [0, 1). The
horizon is data in the training state, so a longer run needs no new compilation.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from pccompiler.components.family import Family
from pccompiler.components.member import Member
from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jnp


class Schedule(Member):
    """A factor on the learning rate that changes over training.

    `needs_horizon`: the factor depends on the fraction of training done, so that its length must
    be known; else the fraction means nothing.
    """

    option_aliases: ClassVar[Mapping[str, str]] = {
        "warmup": "warmup_fraction",
        "warmup_steps": "warmup_fraction",
        "milestones": "at",
        "boundaries": "at",
        "factor": "gamma",
        "decay": "gamma",
        "final": "end",
        "minimum": "end",
        "min": "end",
        "end_value": "end",
        "alpha": "end",
        "init_value": "start",
        "peak_value": "peak",
    }
    needs_horizon: ClassVar[bool] = True

    @abstractmethod
    def factor(self, fraction: Array) -> Array:
        """The factor once this fraction of all steps is done (a scalar array)."""


class ConstantRate(Schedule):
    """The learning rate stays as it is."""

    name: ClassVar[str] = "constant"
    aliases: ClassVar[tuple[str, ...]] = ("none", "fixed")
    needs_horizon: ClassVar[bool] = False

    def factor(self, fraction: Array) -> Array:
        return jnp.ones_like(fraction)


class Cosine(Schedule):
    """Half a cosine from 1 down to `end`: end + (1 - end) (1 + cos(pi p)) / 2."""

    name: ClassVar[str] = "cosine"
    aliases: ClassVar[tuple[str, ...]] = ("cosine_decay", "cosine_annealing", "annealing")

    end: float = Field(default=0.0, ge=0, description="factor at the end of training")

    def factor(self, fraction: Array) -> Array:
        return self.end + (1 - self.end) * 0.5 * (1 + jnp.cos(jnp.pi * fraction))


class WarmupCosine(Schedule):
    """A linear rise from `start` to `peak`, then half a cosine down to `end`."""

    name: ClassVar[str] = "warmup_cosine"
    aliases: ClassVar[tuple[str, ...]] = (
        "warmup",
        "linear_warmup",
        "warmup_cosine_decay",
        "one_cycle",
    )

    warmup_fraction: float = Field(
        default=0.1, gt=0, lt=1, description="part of training that rises"
    )
    start: float = Field(default=0.0, ge=0, description="factor at the first step")
    peak: float = Field(default=1.0, gt=0, description="factor at the end of the rise")
    end: float = Field(default=0.0, ge=0, description="factor at the end of training")

    def factor(self, fraction: Array) -> Array:
        rise = self.start + (self.peak - self.start) * fraction / self.warmup_fraction
        fall = (fraction - self.warmup_fraction) / (1 - self.warmup_fraction)
        cosine = self.end + (self.peak - self.end) * 0.5 * (1 + jnp.cos(jnp.pi * fall))
        return jnp.where(fraction < self.warmup_fraction, rise, cosine)


class Step(Schedule):
    """The factor is multiplied by `gamma` at each of the given fractions of training."""

    name: ClassVar[str] = "step"
    aliases: ClassVar[tuple[str, ...]] = (
        "step_lr",
        "multi_step",
        "step_decay",
        "piecewise_constant",
        "exponential",
    )

    at: tuple[float, ...] = Field(
        default=(0.5, 0.75), description="fractions of training, in [0, 1]"
    )
    gamma: float = Field(default=0.1, gt=0, description="what each of them multiplies the rate by")

    def factor(self, fraction: Array) -> Array:
        passed = sum((fraction >= at).astype(fraction.dtype) for at in self.at)
        return self.gamma**passed if self.at else jnp.ones_like(fraction)


SCHEDULES = Family("schedule", Schedule, (ConstantRate, Cosine, WarmupCosine, Step))
