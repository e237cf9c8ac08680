"""The evidence of a training step: the states, energies and losses of its phases, on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp

from pccompiler.components.phases import Nudging, PhaseKind
from pccompiler.components.rules.contract import Weights
from pccompiler.components.vocabulary import Array, Params
from pccompiler.lowering.equations import EdgeValues, Equations
from pccompiler.lowering.pullbacks import edge_pullback, node_pullback, slopes
from pccompiler.lowering.randomness import named_key
from pccompiler.lowering.relaxation import Record
from pccompiler.lowering.running import PhaseEnd, final_energies, known_values, run_phase
from pccompiler.lowering.scores import sample_loss
from pccompiler.lowering.states import Hold, States, at_all_times
from pccompiler.lowering.sweep import feedforward
from pccompiler.planning.plan import PhasePlan, UpdatePlan


@dataclass
class TrainingEvidence:
    """The evidence of one training step (see `components.rules.contract.Evidence`).

    Phases run when their states are first asked for, and once; what is learned on the way
    about energies, loss and predictions is kept for the metrics.
    """

    plan: UpdatePlan
    params: Params
    batch: Mapping[str, Array]
    key: Array
    observe: Record | None = None
    hold: Hold | None = None
    start: Mapping[str, Array] | None = None
    running: Mapping[str, Any] | None = None
    """Statistics that normalising operators use; without them they use those of the batch."""
    nudge: Array | float = 1.0
    """Factor on every beta in this batch."""
    own: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    """The arrays that the rule owns."""

    def __post_init__(self) -> None:
        self.batch = at_all_times(self.plan.graph, self.batch)
        self._ends: dict[str, PhaseEnd] = {}
        self._joint: dict[tuple[str, ...], PhaseEnd] = {}
        self._energies: dict[str, dict[str, Array]] = {}
        self._values: dict[str, States] = {}
        self._phases: dict[str, PhasePlan] = {}
        self.mean_loss: Array | None = None
        self.predictions: States | None = None

    def use(self, name: str, phase: PhasePlan, end: PhaseEnd) -> None:
        """Takes a phase as given, with its end, instead of running the plan's."""
        self._phases[name], self._ends[name] = phase, end

    def phase(self, name: str) -> PhasePlan:
        """The plan of a phase."""
        return self._phases.get(name) or self.plan.phase(name)

    def random_key(self, *names: str) -> Array:
        return named_key(self.key, *names)

    def equations(self, params: Params) -> Equations:
        """The network with these parameters."""
        return Equations(self.plan.copies, params, self.running)

    def beta(self, phase: str) -> Array | float:
        beta = self.phase(phase).beta
        if isinstance(self.nudge, (float, int)):
            return self.nudge * beta
        return self.nudge.astype(self._dtype) * beta

    def end(self, name: str) -> PhaseEnd:
        """The end of a phase, run once."""
        if name not in self._ends:
            [*group] = next((g for g in self.plan.together if name in g), (name,))
            if len(group) == 1 or self.observe is not None:
                self._ends[name] = self._run(name)
            else:
                self._ends |= self._run_together(group)
        return self._ends[name]

    def _run(self, name: str) -> PhaseEnd:
        phase = self.phase(name)
        earlier = phase.start
        with jax.named_scope(name):
            return run_phase(
                self.plan,
                phase,
                self.equations(self.params),
                self.batch_of(name),
                self.end(earlier) if earlier else None,
                observe=self.observe,
                key=named_key(self.key, name),
                hold=self.hold,
                states=self.start,
                beta=self.beta(name),
            )

    def batch_of(self, name: str) -> Mapping[str, Array]:
        """The batch that a phase sees."""
        transform = self.phase(name).transform
        if transform is None:
            return self.batch
        return transform(self.batch, self.random_key(name, "transform"))

    def _run_together(self, names: list[str]) -> dict[str, PhaseEnd]:
        """The ends of phases that differ in beta alone, relaxed as one larger batch."""
        phase, count = self.phase(names[0]), len(names)
        size = next(iter(self.batch.values())).shape[0]
        hold, earlier = self.hold or Hold(), phase.start
        repeated = _repeated(count)
        with jax.named_scope("_and_".join(names)):
            both = run_phase(
                self.plan,
                phase,
                self.equations(self.params),
                repeated(self.batch),
                repeated(self.end(earlier).as_start()) if earlier else None,
                hold=Hold(repeated(hold.values), repeated(hold.masks)),
                states=None if self.start is None else repeated(self.start),
                beta=self._betas(names),
            )
        self._joint[tuple(names)] = both
        return {name: _part(both, i * size, size) for i, name in enumerate(names)}

    def _betas(self, names: Sequence[str]) -> Array:
        """The betas of phases that relax as one batch, one for each sample."""
        size = next(iter(self.batch.values())).shape[0]
        betas = [jnp.asarray(self.beta(name), self._dtype) for name in names]
        return jnp.repeat(jnp.stack(betas), size)

    @property
    def _dtype(self) -> Any:
        leaves = jax.tree.leaves(self.params) or jax.tree.leaves(self.batch)
        return leaves[0].dtype

    def states(self, phase: str) -> States:
        return self.end(phase).states

    def values(self, phase: str) -> States:
        """The final states of a phase, and what nodes without one pass through."""
        if phase not in self._values:
            end, known = self.end(phase), self._known(phase)
            equations = self.equations(self.params)
            self._values[phase] = equations.with_pass_through(end.states, known)
        return self._values[phase]

    def _known(self, phase: str) -> EdgeValues:
        """The edge values that hold at the end of a phase."""
        plan, end = self.phase(phase), self.end(phase)
        if plan.kind is PhaseKind.FORWARD:
            return end.values
        return known_values(plan, end)

    def forward(self, inputs: Mapping[str, Array]) -> States:
        return self._forward(self.equations(self.params), at_all_times(self.plan.graph, inputs))

    def _forward(self, equations: Equations, given: Mapping[str, Array]) -> States:
        """The states of a feedforward pass, and what nodes without one pass through."""
        samples = next(iter(given.values())).shape[0]
        states, _, values = feedforward(equations, given, Hold(), samples, self._dtype)
        return equations.with_pass_through(states, values)

    def outputs(self) -> States:
        """The predicted state of each output node; logits under cross-entropy."""
        if self.plan.predictor:
            return dict(self.plan.predictor.predict(self))
        values = self.values(self.plan.prediction.name)
        return {name: values[name] for name in self.plan.outputs}

    def read(self) -> States:
        """The states that prediction reads: (batch, *shape) at the last time, or (batch, time,
        *shape) where targets hold at every one."""
        if self.plan.predictor:
            return self.outputs()
        states, time = self.values(self.plan.prediction.name), self.plan.graph.time
        last = time is not None and not time.every
        return {name: states[name][:, -1] if last else states[name] for name in self.plan.read}

    def energy_gradient(self, phase: str) -> Params:
        def mean_energy(params: Params) -> tuple[Array, dict[str, Array]]:
            per_node, total = self._energies_at((phase,), params)
            return total.mean(), per_node

        gradient, self._energies[phase] = jax.grad(mean_energy, has_aux=True)(self.params)
        return gradient

    def energy_contrast(self, second: str, first: str) -> Params:
        together = next((g for g in self.plan.together if {first, second} <= set(g)), None)
        names = together or (second, first)
        signs = [float(name == second) - float(name == first) for name in names]
        size = next(iter(self.batch.values())).shape[0]
        for name in names:
            self.end(name)

        def difference(params: Params) -> tuple[Array, list[dict[str, Array]]]:
            if together in self._joint:
                per_node, total = self._energies_at(names, params)
                parts = [_part(per_node, i * size, size) for i in range(len(names))]
                weights = jnp.repeat(jnp.asarray(signs, total.dtype), size)
                return (weights * total).sum() / size, parts
            both = [self._energies_at((name,), params) for name in names]
            means = [sign * total.mean() for sign, (_, total) in zip(signs, both, strict=True)]
            return sum(means[1:], start=means[0]), [per_node for per_node, _ in both]

        gradient, parts = jax.grad(difference, has_aux=True)(self.params)
        self._energies |= dict(zip(names, parts, strict=True))
        return gradient

    def _energies_at(
        self, names: tuple[str, ...], params: Params
    ) -> tuple[dict[str, Array], Array]:
        """(energy per node and sample, F per sample) at the end of a phase, or of several that
        relaxed as one batch."""
        plan, equations = self.phase(names[0]), self.equations(params)
        end = self.end(names[0]) if len(names) == 1 else self._joint[names]
        per_node = final_energies(plan, equations, end)
        terms = list(per_node.values())
        external = self._external(plan, end, names, equations)
        if external is not None:
            terms.append(external)
        zero = jnp.zeros_like(end.taken, self._dtype)
        return per_node, sum(terms, start=zero)

    def external(self, phase: str) -> Array | None:
        """beta C per sample at the end of a phase; None where nothing is nudged."""
        plan, end = self.phase(phase), self.end(phase)
        return self._external(plan, end, (phase,), self.equations(self.params))

    def _external(
        self, plan: PhasePlan, end: PhaseEnd, names: tuple[str, ...], equations: Equations
    ) -> Array | None:
        if not plan.nudged:
            return None
        batch = self.batch if len(names) == 1 else _repeated(len(names))(self.batch)
        known = known_values(plan, end)
        return equations.external_energy(plan, end.states, batch, self._betas(names), known)

    def field_gradient(self, phase: str, along: Mapping[str, Array]) -> Params:
        plan, states = self.plan.phase(phase), self.end(phase).states
        free = {name: states[name] for name in plan.free}
        motion = {name: along[name] for name in plan.free}
        nudged = plan.replace(nudged=self.plan.outputs)

        def pulls(params: Params) -> Array:
            equations = replace(self.equations(params), slopes_only=True, apart=states)

            def energy(free: States) -> Array:
                return self._mean(equations.energies(plan, {**states, **free}, plan.energies, {}))

            _, along_motion = jax.jvp(energy, (free,), (motion,))
            loss = equations.external_energy(nudged, states, self.batch, 1.0)
            assert loss is not None, "a rule that nudges has an output"
            return along_motion + loss.mean()

        return jax.grad(pulls)(self.params)

    def arrival_gradient(self, phase: str) -> Params:
        plan = self.phase(phase)
        watched = replace(self, observe=_states)
        end = watched.end(phase)
        self._ends[phase] = replace(end, observed=())
        rows: Mapping[str, Array] = end.observed or {}
        begin = {name: row[0] for name, row in rows.items()} or end.states
        live = [n for n in plan.energies if plan.first_arrival(n) <= plan.steps + 1]
        met = dict(end.states)
        for name in live:
            step = plan.first_arrival(name)
            if step <= plan.steps:
                met[name] = rows[name][step - 1]

        def energy(params: Params) -> Array:
            return self._mean(self.equations(params).energies(plan, met, live, {}, read=begin))

        return jax.grad(energy)(self.params)

    def _mean(self, per_node: Mapping[str, Array]) -> Array:
        """The batch mean of the sum of energies per node and sample."""
        zero = jnp.zeros((), self._dtype)
        return sum((energy.mean() for energy in per_node.values()), start=zero)

    def energies(self, phase: str) -> dict[str, Array]:
        """Energy per node and sample at the end of a phase."""
        if phase not in self._energies:
            self._energies[phase] = final_energies(
                self.phase(phase), self.equations(self.params), self.end(phase)
            )
        return self._energies[phase]

    def loss_gradient(self) -> Params:
        def mean_loss(params: Params) -> tuple[Array, States]:
            outputs = replace(self, params=params).outputs()
            return sample_loss(self.plan, self.batch, outputs).mean(), outputs

        (self.mean_loss, self.predictions), gradient = jax.value_and_grad(mean_loss, has_aux=True)(
            self.params
        )
        return gradient

    # -- one edge or node at a time, and perturbations -------------------------------------

    def loss_pullback(self, phase: str) -> States:
        values = self.values(phase)
        outputs = {name: values[name] for name in self.plan.outputs}
        return jax.grad(lambda outputs: sample_loss(self.plan, self.batch, outputs).sum())(outputs)

    def _edge_values(self, node: str, phase: str) -> EdgeValues:
        """The values of a node's forward edges at the end of a phase."""
        known, values = self._known(phase), self.values(phase)
        equations = self.equations(self.params)
        return {
            edge.name: known[edge.name]
            if edge.name in known
            else equations.edge_value(edge, values[edge.source])
            for edge in self.plan.graph.forward_edges(node)
        }

    def prediction(self, node: str, phase: str) -> Array:
        return self.equations(self.params).prediction(node, self._edge_values(node, phase))

    def slopes(self, node: str, phase: str) -> Array:
        return slopes(self.equations(self.params), node, self._edge_values(node, phase))

    def node_pullback(self, node: str, phase: str, cotangent: Array) -> dict[str, Array]:
        values = self._edge_values(node, phase)
        return node_pullback(self.equations(self.params), node, values, cotangent)

    def pullback(
        self, edge: str, phase: str, cotangent: Array, weights: Weights | None = None
    ) -> tuple[Array, Params]:
        found = self.plan.graph.edge[edge]
        x = self.values(phase)[found.source]
        return edge_pullback(self.equations(self.params), found, x, cotangent, weights or {})

    def loss(
        self, params: Params | None = None, shifts: Mapping[str, Array] | None = None
    ) -> Array:
        equations = self.equations(self.params if params is None else params)
        equations = replace(equations, shifts=shifts)
        given = {name: self.batch[name] for name in self.plan.prediction.clamped}
        known = self._forward(equations, given)
        outputs = {name: known[name] for name in self.plan.outputs}
        return sample_loss(self.plan, self.batch, outputs)

    def loss_along(
        self, params: Params | None = None, shifts: Mapping[str, Array] | None = None
    ) -> Array:
        along = (
            jax.tree.map(jnp.zeros_like, self.params) if params is None else params,
            dict(shifts or {}),
        )
        at = (self.params, jax.tree.map(jnp.zeros_like, along[1]))
        return jax.jvp(self.loss, at, along)[1]


def nudge(nudging: Nudging | None, key: Array, epoch: Array | int = 0) -> Array | float:
    """The factor on every beta of a batch: see `Nudging`."""
    factor: Array | float = 1.0
    if nudging is None:
        return factor
    if nudging.growth:
        epochs = jnp.asarray(epoch, jnp.result_type(float))
        factor = jnp.minimum(nudging.beta + nudging.growth * epochs, max(1.0, nudging.beta))
        factor = factor / nudging.beta
    if nudging.random_sign:
        negative = jax.random.bernoulli(named_key(key, "sign of beta"))
        factor = jnp.where(negative, -factor, factor)
    return factor


def _states(_: Equations, states: States, *__: Any) -> States:
    return dict(states)


def _part(tree: Any, first: int, count: int) -> Any:
    """The samples from `first` on of a tree of arrays with a batch axis."""
    return jax.tree.map(lambda x: x[first : first + count], tree)


def _repeated(count: int) -> Any:
    """(tree of arrays with a batch axis) -> the same with the batch repeated."""
    return lambda tree: jax.tree.map(lambda x: jnp.concatenate([x] * count), tree)
