"""Anderson acceleration: steps that make the best of the last few."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from pccompiler.components.state_optimizers.base import (
    Landscape,
    StateOptimizer,
    States,
    per_sample,
)
from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jnp


class Anderson(StateOptimizer):
    """Gradient descent, extrapolated from the last m steps so that its residual is smallest.

    With the plain step f_k = -rate g_k, and the columns of DX and DF being the last m
    differences x_k - x_(k-1) and f_k - f_(k-1) of a sample, over all its states,

        gamma = argmin || f_k - DF gamma ||^2 + ridge sum_i ||DF_i||^2 gamma_i^2
        x_(k+1) = x_k + f_k - (DX + DF) gamma

    On a quadratic energy that is the generalised minimal residual method (GMRES), which knows
    the curvatures of m directions. Each sample takes the extrapolated step only where its energy
    there is not above that of the plain step, so that no step is worse than plain descent; that
    costs two passes through the network beside the gradient.

    Sources: Anderson 1965, doi:10.1145/321296.321305; in this form (type II), Walker & Ni 2011,
    doi:10.1137/10078356X.
    """

    name: ClassVar[str] = "anderson"
    aliases: ClassVar[tuple[str, ...]] = ("aa", "anderson_acceleration", "gmres", "lbfgs", "bfgs")
    joint: ClassVar[bool] = True
    looks_ahead: ClassVar[bool] = True

    learning_rate: float = Field(default=0.1, gt=0, description="rate of the plain step")
    memory_steps: int = Field(
        default=5, ge=1, le=50, description="m: how many differences of steps are kept"
    )
    ridge: float = Field(
        default=1e-6, gt=0, description="how much large weights of the extrapolation cost"
    )

    @property
    def rate(self) -> float:
        return self.learning_rate

    @property
    def slots(self) -> int:
        return 2 * self.memory_steps + 2

    def start(self, states: Mapping[str, Array]) -> dict[str, Any]:
        m = self.memory_steps
        return {
            "states": dict(states),
            "steps": {name: jnp.zeros_like(x) for name, x in states.items()},
            "state_differences": {
                name: jnp.zeros((m, *x.shape), x.dtype) for name, x in states.items()
            },
            "step_differences": {
                name: jnp.zeros((m, *x.shape), x.dtype) for name, x in states.items()
            },
        }

    def move(
        self,
        gradients: Mapping[str, Array],
        memory: dict[str, Any],
        t: Array | int,
        landscape: Landscape,
    ) -> tuple[States, dict[str, Any]]:
        states = landscape.states
        plain = {name: -self.learning_rate * g for name, g in gradients.items()}
        slot = jnp.asarray(t) % self.memory_steps
        later = jnp.asarray(t) > 1  # the first step has no difference to keep
        dx, df = dict(memory["state_differences"]), dict(memory["step_differences"])
        for name, f in plain.items():
            moved = jnp.where(later, states[name] - memory["states"][name], 0)
            turned = jnp.where(later, f - memory["steps"][name], 0)
            dx[name], df[name] = dx[name].at[slot].set(moved), df[name].at[slot].set(turned)
        weights = self._weights({name: df[name] for name in plain}, plain)
        extrapolated = {
            name: f - _combined(weights, dx[name] + df[name]) for name, f in plain.items()
        }
        ahead = {name: states[name] + update for name, update in extrapolated.items()}
        there = {name: states[name] + update for name, update in plain.items()}
        better = landscape.energy_at(landscape.within(ahead)) <= landscape.energy_at(
            landscape.within(there)
        )
        updates = {
            name: jnp.where(per_sample(better, f), extrapolated[name], f)
            for name, f in plain.items()
        }
        after = {
            "states": {**memory["states"], **states},
            "steps": {**memory["steps"], **plain},
            "state_differences": dx,
            "step_differences": df,
        }
        return updates, after

    def _weights(self, differences: Mapping[str, Array], steps: Mapping[str, Array]) -> Array:
        """gamma of each sample, shape (m, batch); zero for a difference that is zero."""
        m = self.memory_steps
        flat = {name: d.reshape(m, d.shape[1], -1) for name, d in differences.items()}
        gram = sum(jnp.einsum("mbu,nbu->bmn", d, d) for d in flat.values())
        onto = sum(
            jnp.einsum("mbu,bu->bm", d, steps[name].reshape(len(steps[name]), -1))
            for name, d in flat.items()
        )
        # In units of their own norms: differences shrink by orders of magnitude on the way.
        squares = jnp.diagonal(gram, axis1=1, axis2=2)
        norms = jnp.sqrt(jnp.where(squares > 0, squares, 1))
        gram = gram / (norms[:, :, None] * norms[:, None, :])
        ridge = self.ridge * jnp.eye(m, dtype=gram.dtype)
        solved = jnp.linalg.solve(gram + ridge, (onto / norms)[:, :, None])[:, :, 0]
        return (solved / norms).T


def _combined(weights: Array, differences: Array) -> Array:
    """sum_m weights[m] differences[m] per sample, of arrays (m, batch) and (m, batch, *shape)."""
    return (weights.reshape(weights.shape + (1,) * (differences.ndim - 2)) * differences).sum(0)
