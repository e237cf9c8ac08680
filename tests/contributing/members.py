"""What follows the rows of CONTRIBUTING on the families of members."""

from __future__ import annotations

from tests.contributing.row import Row

PARTS = "pccompiler/components"
HEAD = "from typing import ClassVar\n\n"
ENERGY = '''

class {title}(Energy):
    """A quarter of the fourth power of the error."""

    name: ClassVar[str] = "{name}"
    used_for: ClassVar[tuple[str, ...]] = ("{used}",)
    zero_at_prediction: ClassVar[bool] = True

    def value(self, x, mu):
        return jnp.sum((x - mu) ** 4, axis=tuple(range(1, mu.ndim))) / 4
'''

MEMBERS: dict[str, Row] = {
    "operator": Row(
        files={
            f"{PARTS}/operators/shifted_here.py": HEAD
            + '''from pccompiler.components.operators.base import Operator


class Shifted(Operator):
    """y = x + 1."""

    name: ClassVar[str] = "shifted_here"

    def output_shape(self, shape, wanted):
        return shape

    def input_wanted(self, wanted):
        return wanted

    def apply(self, params, x):
        return x + 1

    def flops(self, shape, output):
        return 0
'''
        },
        imports={
            f"{PARTS}/operators/__init__.py": "from pccompiler.components.operators.shifted_here "
            "import Shifted"
        },
        entries={(f"{PARTS}/operators/__init__.py", "OPERATORS"): "Shifted"},
        proof="assert_asked('shifted_here', 'apply')",
    ),
    "activation": Row(
        entries={
            (f"{PARTS}/activations.py", "ACTIVATIONS"): '"bent_here": Activation(lambda x: '
            'jnp.tanh(x) + x / 2, formula="tanh(x) + x / 2")'
        },
        proof="""
from pccompiler.components.activations import ACTIVATIONS
from pccompiler.testing import check_member
assert "activation=bent_here" in pcc("compile", "all.yaml", "--print-after", "infer_shapes")
check_member(ACTIVATIONS["bent_here"])
""",
    ),
    "energy of nodes, loss": Row(
        files={
            f"{PARTS}/energies/quartic_here.py": HEAD
            + "from pccompiler.components.energies.base import Energy\n"
            + "from pccompiler.lazy import jnp\n"
            + ENERGY.format(title="Quartic", name="quartic_here", used="node")
            + ENERGY.format(title="QuarticLoss", name="quartic_loss_here", used="loss")
        },
        imports={
            f"{PARTS}/energies/__init__.py": "from pccompiler.components.energies.quartic_here "
            "import Quartic, QuarticLoss"
        },
        entries={
            (f"{PARTS}/energies/__init__.py", "NODE_ENERGIES"): "Quartic",
            (f"{PARTS}/energies/__init__.py", "LOSSES"): "QuarticLoss",
        },
        proof="assert_asked('quartic_here', 'value'); assert_asked('quartic_loss_here', 'value')",
    ),
    "prior": Row(
        inserted={
            (f"{PARTS}/energies/priors.py", "PRIORS"): '''class Steep(GaussianPrior):
    """Normal, and four times as steep."""

    name: ClassVar[str] = "steep_here"
    precision: float = Field(default=4.0, gt=0, description="factor on the energy")

    @property
    def energy(self) -> Energy:
        return Gaussian()
'''
        },
        entries={(f"{PARTS}/energies/priors.py", "PRIORS"): "Steep"},
        proof="assert_asked('steep_here', 'energy')",
    ),
    "energy form": Row(
        files={
            f"{PARTS}/forms/halved_here.py": HEAD
            + '''from pccompiler.components.forms.predictive_coding import PredictiveCodingForm


class Halved(PredictiveCodingForm):
    """Half the energies of the forward predictions."""

    name: ClassVar[str] = "halved_here"
    aliases: ClassVar[tuple[str, ...]] = ()
    sums_energies: ClassVar[bool] = False

    def curvature(self, activation, forward, feedback):
        return 0.5 if forward else 0.0

    def term(self, energy, x, forward, feedback):
        return 0.5 * forward.only(energy.value(x, forward.values))
'''
        },
        imports={
            f"{PARTS}/forms/__init__.py": "from pccompiler.components.forms.halved_here "
            "import Halved"
        },
        entries={(f"{PARTS}/forms/__init__.py", "FORMS"): "Halved"},
        proof="assert_asked('halved_here', 'term')",
    ),
    "rule": Row(
        files={
            f"{PARTS}/rules/eager_here.py": HEAD
            + '''from pccompiler.components.rules.predictive_coding import PredictiveCoding
from pccompiler.components.rules.theory import FittingHere


class Eager(PredictiveCoding):
    """Predictive coding that claims something of its own."""

    name: ClassVar[str] = "eager_here"
    aliases: ClassVar[tuple[str, ...]] = ()

    def theory(self, network):
        return (FittingHere("it fits"),)
'''
        },
        imports={
            f"{PARTS}/rules/__init__.py": "from pccompiler.components.rules.eager_here import Eager"
        },
        entries={(f"{PARTS}/rules/__init__.py", "RULES"): "Eager"},
        proof="assert_asked('eager_here', 'phases')",
    ),
    "start of the states, order of their updates": Row(
        inserted={
            (f"{PARTS}/state_inits.py", "STATE_INITS"): '''class Halves(StateInit):
    """Every free node starts at a half."""

    name: ClassVar[str] = "halves_here"

    def start(self, shape, dtype, key, prediction):
        return jnp.full(shape, 0.5, dtype)
''',
            (f"{PARTS}/updates.py", "UPDATE_ORDERS"): '''class LastFirst(UpdateOrder):
    """One node after another, the last one first."""

    name: ClassVar[str] = "last_first_here"

    def groups(self, coupling: Coupling) -> Groups:
        return tuple((name,) for name in reversed(coupling.free))
''',
        },
        entries={
            (f"{PARTS}/state_inits.py", "STATE_INITS"): "Halves",
            (f"{PARTS}/updates.py", "UPDATE_ORDERS"): "LastFirst",
        },
        proof="assert_asked('halves_here', 'start'); assert_asked('last_first_here', 'groups')",
    ),
    "claim that a rule may make, and its check": Row(
        inserted={
            (f"{PARTS}/rules/theory.py", "Claim"): '''@dataclass(frozen=True)
class FittingHere:
    """The rule fits; `words` say how."""

    words: str
'''
        },
        imports={
            "runtime/verification/claims.py": "from pccompiler.components.rules.theory "
            "import FittingHere"
        },
        entries={
            (f"{PARTS}/rules/theory.py", "Claim"): "FittingHere",
            ("runtime/verification/claims.py", "_rows"): """case FittingHere():
            yield Row("fit", "", claim.words, "looked at", True)""",
        },
        proof="""
from types import SimpleNamespace
from runtime.verification.claims import claim_rows
from pccompiler.driver import check
theory = check("all.yaml").plan.theory
plan = SimpleNamespace(outputs=("y",), theory=theory)
subject = SimpleNamespace(model=SimpleNamespace(plan=plan))
[row] = claim_rows(subject, None)
assert row.expected == "it fits"
""",
    ),
    "optimiser of parameters, of states": Row(
        files={
            f"{PARTS}/state_optimizers/signs.py": '''"""Descent along signs."""

from typing import ClassVar

from pccompiler.components.state_optimizers.base import Memory, NodeOptimizer
from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jnp


class Signs(NodeOptimizer):
    """Steps of fixed length against the sign of the gradient."""

    name: ClassVar[str] = "signs_here"
    comes_to_rest: ClassVar[bool] = False

    @property
    def rate(self) -> None:
        return None

    @property
    def slots(self) -> int:
        return 0

    def memory(self, x: Array) -> Memory:
        return ()

    def update(self, gradient: Array, memory: Memory, t: Array | int) -> tuple[Array, Memory]:
        return -0.01 * jnp.sign(gradient), memory
'''
        },
        inserted={
            (f"{PARTS}/optimizers.py", "OPTIMIZERS"): '''class Descent(Optimizer):
    """Steps of a thousandth of the gradient."""

    name: ClassVar[str] = "descent_here"

    def transformation(self) -> Any:
        return optax.scale(-1e-3)
''',
        },
        entries={
            (f"{PARTS}/optimizers.py", "OPTIMIZERS"): "Descent",
            (f"{PARTS}/state_optimizers/__init__.py", "STATE_OPTIMIZERS"): "Signs",
        },
        imports={
            f"{PARTS}/state_optimizers/__init__.py": (
                "from pccompiler.components.state_optimizers.signs import Signs"
            )
        },
        proof="""
assert_asked('descent_here', 'transformation')
assert_asked('signs_here', 'update')
""",
    ),
    "schedule, initialiser": Row(
        inserted={
            (f"{PARTS}/schedules.py", "SCHEDULES"): '''class Third(Schedule):
    """A third of the rate throughout."""

    name: ClassVar[str] = "third_here"

    def factor(self, fraction: Array) -> Array:
        return jnp.ones_like(fraction) / 3
''',
            (f"{PARTS}/initializers.py", "INITIALIZERS"): '''class Sevenths(Initializer):
    """Every entry is a seventh."""

    name: ClassVar[str] = "sevenths_here"

    def sampler(self) -> Sampler:
        return jax.nn.initializers.constant(1 / 7)
''',
        },
        entries={
            (f"{PARTS}/schedules.py", "SCHEDULES"): "Third",
            (f"{PARTS}/initializers.py", "INITIALIZERS"): "Sevenths",
        },
        proof="assert_asked('third_here', 'factor'); assert_asked('sevenths_here', 'sampler')",
    ),
    "data source": Row(
        files={
            f"{PARTS}/sources/ramp_here.py": HEAD
            + '''from pccompiler.components.sources.base import Dataset, DataSource, Field


class Ramp(DataSource):
    """Sixteen samples: 0, 1, ..., 15, a hundredth of it."""

    name: ClassVar[str] = "ramp_here"

    def load(self, folders):
        import numpy as np

        rows = np.arange(16.0)[:, None] / 100
        return Dataset(
            {"x": Field(rows * np.ones(4), "features"), "y": Field(rows * [1, 2], "target")}
        )
'''
        },
        imports={
            f"{PARTS}/sources/__init__.py": "from pccompiler.components.sources.ramp_here "
            "import Ramp"
        },
        entries={(f"{PARTS}/sources/__init__.py", "SOURCES"): "Ramp"},
        proof="assert_asked('ramp_here', 'load')",
    ),
}
