"""Contract of an optimiser of the states: the steps by which inference descends the energy.

An inference step hands an optimiser the gradient g = dF/dx of the batch sum, for every node
that moves, and it answers with what is added to each state. All nodes share one step counter
t = 1, 2, ..., and every phase begins with a fresh memory. With zero gradients since the start
an optimiser leaves the states where they are (`still_at_zero`), which is what lets the
compiler skip nodes that information has not reached yet.

Samples never act on each other: whatever an optimiser shares between nodes (a rate, the
weights of an extrapolation), it has for each sample by itself.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pccompiler.components.member import Member
from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jnp

States = dict[str, Array]
"""Arrays (batch, *shape) by the name of their node."""
Memory = tuple[Array, ...]


@dataclass(frozen=True)
class Landscape:
    """The energy around the states of a step, for optimisers that look before they move.

    `states` are those that move, within their bounds; `energy()` is F of each sample there,
    shape (batch,), and `energy_at(states)` F with other values of them; each call of the
    latter costs a pass through the network. `within` puts states back into their bounds.
    """

    states: Mapping[str, Array]
    energy: Callable[[], Array]
    energy_at: Callable[[Mapping[str, Array]], Array]
    within: Callable[[Mapping[str, Array]], States]


class StateOptimizer(Member):
    """The rule by which an inference step changes the states.

    `seeks_rest`: the gradient that it is given is the way from where the state would rest, if
    all others stayed, to where it is; otherwise it is dF/dx. `joint`: what it does to a node
    depends on the others, so that all have to move at once. `looks_ahead`: it asks for
    `energy_at`. `comes_to_rest`: at a fixed rate the states come to rest at a minimum.
    `calmed_by` says what makes its steps smaller.
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
    joint: ClassVar[bool] = False
    looks_ahead: ClassVar[bool] = False
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
    def start(self, states: Mapping[str, Array]) -> Any:
        """The memory before the first step: a tree of arrays."""

    @abstractmethod
    def move(
        self, gradients: Mapping[str, Array], memory: Any, t: Array | int, landscape: Landscape
    ) -> tuple[States, Any]:
        """The changes of the states at step t (counted from 1), and the new memory."""


class NodeOptimizer(StateOptimizer):
    """An optimiser that moves every node by itself, from that node's gradient alone."""

    @abstractmethod
    def memory(self, x: Array) -> Memory:
        """The memory before the first step, zero, for a state like x."""

    @abstractmethod
    def update(self, gradient: Array, memory: Memory, t: Array | int) -> tuple[Array, Memory]:
        """The change of the state at step t (counted from 1) and the new memory."""

    def start(self, states: Mapping[str, Array]) -> dict[str, Memory]:
        return {name: self.memory(x) for name, x in states.items()}

    def move(
        self,
        gradients: Mapping[str, Array],
        memory: dict[str, Memory],
        t: Array | int,
        landscape: Landscape,
    ) -> tuple[States, dict[str, Memory]]:
        updates, after = {}, dict(memory)
        for name, gradient in gradients.items():
            updates[name], after[name] = self.update(gradient, memory[name], t)
        return updates, after


def per_sample(values: Array, like: Array) -> Array:
    """Numbers of samples, shape (batch,), with axes of one to multiply an array (batch, ...)."""
    return values.reshape(values.shape + (1,) * (like.ndim - 1))


def sample_sum(terms: Mapping[str, Array]) -> Array:
    """The sum of each sample over all nodes and units, shape (batch,)."""
    sums = [term.reshape(len(term), -1).sum(axis=1) for term in terms.values()]
    return sum(sums[1:], start=jnp.asarray(sums[0]))
