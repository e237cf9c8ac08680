"""Weight initialisers: the named ones of `jax.nn.initializers`.

`fan_in` and `fan_out` are taken from the last two axes of the weight, times the receptive
field of a convolution.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, create_model

from pccompiler.components.family import Family
from pccompiler.components.member import Member
from pccompiler.components.vocabulary import Array, Shape
from pccompiler.lazy import jax

Sampler = Callable[[Any, Shape, Any], Array]
"""(key, shape, dtype) -> array, the signature of JAX's initialisers."""


class Initializer(Member):
    """The distribution from which the entries of a parameter are drawn before training.

    `needs_matrix`: it is defined by fan-in and fan-out, or by orthogonality, and so cannot
    draw a bias.
    """

    option_aliases: ClassVar[Mapping[str, str]] = {
        "stddev": "std",
        "sigma": "std",
        "scale": "std",
        "val": "value",
        "fill": "value",
        "limit": "scale",
        "bound": "scale",
        "mode": "fan",
    }
    needs_matrix: ClassVar[bool] = False

    @abstractmethod
    def sampler(self) -> Sampler:
        """Returns the function that draws an array."""


class Zeros(Initializer):
    """All zeros."""

    name: ClassVar[str] = "zeros"
    aliases: ClassVar[tuple[str, ...]] = ("zero",)

    def sampler(self) -> Sampler:
        return jax.nn.initializers.zeros


class Ones(Initializer):
    """All ones."""

    name: ClassVar[str] = "ones"
    aliases: ClassVar[tuple[str, ...]] = ("one",)

    def sampler(self) -> Sampler:
        return jax.nn.initializers.ones


class Constant(Initializer):
    """Every entry is `value`."""

    name: ClassVar[str] = "constant"
    aliases: ClassVar[tuple[str, ...]] = ("const", "fill")
    shorthand: ClassVar[str | None] = "value"
    value: float = Field(description="the value of every entry")

    def sampler(self) -> Sampler:
        return jax.nn.initializers.constant(self.value)


class Normal(Initializer):
    """Normal with mean zero and the given standard deviation."""

    name: ClassVar[str] = "normal"
    aliases: ClassVar[tuple[str, ...]] = ("gaussian", "random_normal", "randn")
    shorthand: ClassVar[str | None] = "std"
    std: float = Field(default=0.01, ge=0, description="standard deviation")

    def sampler(self) -> Sampler:
        return jax.nn.initializers.normal(self.std)


class TruncatedNormal(Initializer):
    """Normal cut off at two standard deviations."""

    name: ClassVar[str] = "truncated_normal"
    aliases: ClassVar[tuple[str, ...]] = ("trunc_normal",)
    shorthand: ClassVar[str | None] = "std"
    std: float = Field(default=0.01, ge=0, description="standard deviation before the cut")

    def sampler(self) -> Sampler:
        return jax.nn.initializers.truncated_normal(self.std)


class Uniform(Initializer):
    """Uniform on [-scale, scale]."""

    name: ClassVar[str] = "uniform"
    aliases: ClassVar[tuple[str, ...]] = ("random_uniform", "rand")
    shorthand: ClassVar[str | None] = "scale"
    scale: float = Field(
        default=0.01, ge=0, description="half the width of the interval around zero"
    )

    def sampler(self) -> Sampler:
        symmetric = jax.nn.initializers.uniform(2 * self.scale)
        return lambda key, shape, dtype: symmetric(key, shape, dtype) - self.scale


class Orthogonal(Initializer):
    """A (semi-)orthogonal matrix times `gain`."""

    name: ClassVar[str] = "orthogonal"
    aliases: ClassVar[tuple[str, ...]] = ("ortho",)
    needs_matrix: ClassVar[bool] = True
    shorthand: ClassVar[str | None] = "gain"
    gain: float = Field(default=1.0, description="factor on the orthogonal matrix")

    def sampler(self) -> Sampler:
        return jax.nn.initializers.orthogonal(self.gain)


class VarianceScaling(Initializer):
    """Variance scale / fan: the family that lecun, glorot and he are special cases of."""

    name: ClassVar[str] = "variance_scaling"
    aliases: ClassVar[tuple[str, ...]] = ("scaling",)
    needs_matrix: ClassVar[bool] = True
    scale: float = Field(default=1.0, gt=0, description="numerator of the variance")
    fan: Literal["fan_in", "fan_out", "fan_avg"] = Field(
        default="fan_in", description="the denominator"
    )
    distribution: Literal["normal", "truncated_normal", "uniform"] = Field(
        default="normal", description="the distribution that has this variance"
    )

    def sampler(self) -> Sampler:
        return jax.nn.initializers.variance_scaling(self.scale, self.fan, self.distribution)


class _Named(Initializer):
    """One of JAX's initialisers without options."""

    needs_matrix: ClassVar[bool] = True

    def sampler(self) -> Sampler:
        return getattr(jax.nn.initializers, self.name)()


def _named(name: str, summary: str, *aliases: str) -> type[Initializer]:
    title = name.title().replace("_", "")
    member = create_model(title, __base__=_Named, __doc__=summary)
    member.name, member.aliases = name, aliases
    return member


LecunNormal = _named("lecun_normal", "Variance 1/fan_in, truncated normal.", "lecun", "default")

INITIALIZERS = Family(
    "initializer",
    Initializer,
    (
        LecunNormal,
        _named("lecun_uniform", "Variance 1/fan_in, uniform."),
        _named(
            "glorot_normal",
            "Variance 2/(fan_in + fan_out), truncated normal (Xavier).",
            "xavier_normal",
        ),
        _named(
            "glorot_uniform",
            "Variance 2/(fan_in + fan_out), uniform (Xavier).",
            "xavier_uniform",
            "xavier",
            "glorot",
        ),
        _named(
            "he_normal",
            "Variance 2/fan_in, truncated normal (Kaiming).",
            "kaiming_normal",
            "kaiming",
            "he",
        ),
        _named("he_uniform", "Variance 2/fan_in, uniform (Kaiming).", "kaiming_uniform"),
        VarianceScaling,
        Normal,
        TruncatedNormal,
        Uniform,
        Orthogonal,
        Constant,
        Zeros,
        Ones,
    ),
)

BIAS_INITIALIZERS = Family(
    "bias initializer",
    Initializer,
    [member for member in INITIALIZERS if not member.needs_matrix],
    accepts=lambda member: not member.needs_matrix,
)
