"""The contract of operators: shapes, parameters, cost and the map itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pccompiler.components.initializers import Initializer
from pccompiler.components.member import Member
from pccompiler.components.target import Target
from pccompiler.components.vocabulary import Array, Shape
from pccompiler.lazy import jax


@dataclass(frozen=True)
class Parameter:
    """The shape of one parameter array and how it is drawn."""

    shape: Shape
    initializer: Initializer


class ShapeError(Exception):
    """An operator cannot map the shape it is given. `help` says what to do about it."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help


class Operator(Member):
    """One map on an edge's pipeline, from (batch, *shape) to (batch, *output_shape).

    `linear` operators are linear in the state up to a bias, `smooth` ones have no kinks.
    `matrix` names the parameter W, of shape (in, out), of one that is y = x W on the last axis,
    plus its parameter `bias` if it has one. `is_transpose`: it stands for the transpose of
    another edge's operator, and uses the parameters of that. Subclasses give the shape rule by
    hand; a contract test compares it with what JAX computes.
    """

    option_aliases: ClassVar[Mapping[str, str]] = {
        "use_bias": "bias",
        "init": "weight_init",
        "kernel_init": "weight_init",
        "weight_initializer": "weight_init",
        "kernel_initializer": "weight_init",
        "bias_initializer": "bias_init",
        "num_heads": "heads",
        "n_heads": "heads",
        "epsilon": "eps",
        "vocab": "vocabulary",
        "vocab_size": "vocabulary",
        "num_embeddings": "vocabulary",
        "feature_group_count": "groups",
    }
    linear: ClassVar[bool] = False
    smooth: ClassVar[bool] = True
    matrix: ClassVar[str | None] = None
    is_transpose: ClassVar[bool] = False

    @property
    def updates_while_relaxing(self) -> bool:
        """Whether running statistics are updated at every inference step too."""
        return False

    @property
    def transposes(self) -> str | None:
        """The edge whose transposed operators replace this one in a typed graph; None for all
        others."""
        return None

    @property
    def token_count(self) -> int | None:
        """The size of the vocabulary where the input holds numbers of tokens; None elsewhere."""
        return None

    @abstractmethod
    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        """The shape of the output for an input of `shape`.

        `wanted` is the shape that the rest of the pipeline and the target node ask for,
        where that is known; operators whose size is free (dense) take theirs from it.
        Raises ShapeError where `shape` cannot be mapped.
        """

    def input_wanted(self, wanted: Shape | None) -> Shape | None:
        """The only input shape that gives the `wanted` output; None where it is not unique."""
        return None

    def parameters(self, shape: Shape, output: Shape) -> Mapping[str, Parameter]:
        """The operator's own parameters for these shapes, by name."""
        return {}

    @abstractmethod
    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        """The map: x of shape (batch, *shape) to (batch, *output_shape)."""

    def linear_part(self, params: Mapping[str, Array], x: Array) -> Array:
        """The map of a linear operator without its bias."""
        return self.apply(params, x)

    def transposed(self, shape: Shape, output: Shape) -> Operator | None:
        """The operator that `transpose_of` puts in the place of this one, on an edge from `shape`
        to `output`.

        A linear operator becomes its exact transpose, which maps `output` back to `shape`
        and reads the parameters of this one; operators without a meaning in reverse
        (elementwise ones) are left out: None. Raises ShapeError where neither would do.
        """
        return Transposed(inner=self, shape=shape) if self.linear else None

    def lateral(self) -> Operator | None:
        """Its replacement on an edge from a node to itself in an energy of couplings: a map whose
        matrix is symmetric with a zero diagonal, halved, so that every pair of units counts once.
        None where there is no such map."""
        return None

    @abstractmethod
    def flops(self, shape: Shape, output: Shape) -> int:
        """Floating-point operations for one sample; a multiply-add counts as two."""

    # -- operators with several equal algorithms ----------------------------------------------

    def algorithm(self, shape: Shape, output: Shape, target: Target) -> str | None:
        """The fastest algorithm of the same map on a target, for these shapes; None for an
        operator with only one."""
        return None

    def computed_by(self, algorithm: str) -> Operator:
        """The operator, computed by the algorithm of that name."""
        raise ValueError(f"{self.name} has no algorithm `{algorithm}`")

    # -- operators that normalise by statistics of the batch --------------------------------

    def statistics(self, shape: Shape) -> Mapping[str, Parameter]:
        """The running statistics, by name, at their initial values; they are not parameters. An
        operator that has some uses those of its batch in `apply`."""
        return {}

    def values_per_sample(self, shape: Shape) -> int:
        """The number of values of a sample of `shape` over which each statistic is taken."""
        return 1

    def measure(self, x: Array) -> Mapping[str, Array]:
        """The statistics of a batch x of shape (batch, *shape), named as in `statistics`."""
        return {}

    def apply_with(
        self, params: Mapping[str, Array], statistics: Mapping[str, Array], x: Array
    ) -> Array:
        """The map with given statistics, so that samples do not depend on each other."""
        return self.apply(params, x)

    def updated(
        self, running: Mapping[str, Array], measured: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """The running statistics after a batch with the `measured` ones."""
        return running


class Transposed(Operator):
    """The exact transpose of a linear operator, on a borrowed weight: x -> W^T x.

    `shape` is what the inner operator receives, and so what this one gives.
    """

    linear: ClassVar[bool] = True
    is_transpose: ClassVar[bool] = True

    inner: Operator
    shape: Shape

    @property
    def name(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return f"{self.inner.name}^T"

    def printed(self) -> str:
        return self.name

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        expected = self.inner.output_shape(self.shape, shape)
        if expected != shape:
            raise ShapeError(
                f"{self.name} maps {list(expected)} back to {list(self.shape)}, but receives "
                f"{list(shape)}",
                "the nodes must have the shapes of the transposed edge, in reverse",
            )
        return self.shape

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        like = jax.ShapeDtypeStruct((x.shape[0], *self.shape), x.dtype)
        [back] = jax.linear_transpose(lambda y: self.inner.linear_part(params, y), like)(x)
        return back

    def flops(self, shape: Shape, output: Shape) -> int:
        return self.inner.flops(output, shape)
