"""A compiled network: the Python interface to its inference, learning and prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pccompiler.components.vocabulary import Array, Params
from pccompiler.ir.graph import Graph
from pccompiler.ir.parameters import parameter_table, statistics_table
from pccompiler.ir.shape_checks import single_value
from pccompiler.lowering.arguments import (
    Clamp,
    cast,
    cast_clamp,
    cast_states,
    params_of,
    phase_of,
    refuse_other_params,
    shape_of,
)
from pccompiler.lowering.derivatives import without_reverse_mode
from pccompiler.lowering.equations import Equations
from pccompiler.lowering.evidence import TrainingEvidence, nudge
from pccompiler.lowering.learning import TrainState, make_optimizer, own_arrays
from pccompiler.lowering.metrics import Metrics
from pccompiler.lowering.parameters import init_params
from pccompiler.lowering.questions import (
    Blame,
    answer,
    arrays_needed,
    evaluate,
    everything,
    finite_rows,
    first_blame,
)
from pccompiler.lowering.settings import under_usual_settings
from pccompiler.lowering.states import Hold, States
from pccompiler.lowering.training import (
    init_aux,
    taken_rows,
    train_many,
    training_step,
    trajectories,
)
from pccompiler.planning.phases import Situation
from pccompiler.planning.plan import UpdatePlan
from pccompiler.spec.models import RunSpec

Replan = Callable[[Situation], UpdatePlan]
"""From the caller's changes of the phases to a plan."""
Origin = tuple[Callable[..., Any], tuple[Any, ...]]
"""An importable function and its arguments, which compile the same model again."""


class CompiledModel:
    """A network with its rule, as pure functions on dictionaries of arrays.

    Every function computes in the dtype of the parameters (inputs are cast, parameters
    never) and leaves its arguments intact; all but `train`, `trajectories` and `diagnose`, which
    talk to the host, can be transformed by jit, vmap and grad. Batches are arrays by node name,
    (batch, *shape), class labels one-hot. Reverse-mode differentiation through `infer` needs
    a fixed number of steps: with `inference.stop` it raises ValueError.

    The functions of a batch share these keywords:
      phase   whose states or energies are meant; default: the one that the rule reports
      states  where the relaxation starts, for the nodes named; default: the spec's start
      clamp   values to hold on any nodes, {node: value} or {node: (value, mask)}
      key     for stochastic starts; default: a fixed key
      aux     what a training state carries beside the parameters: running statistics. With
              them, normalising operators use these instead of those of the batch; `predict`
              needs them where there are some
    """

    def __init__(
        self, spec: RunSpec, graph: Graph, plan: UpdatePlan, replan: Replan, origin: Origin
    ) -> None:
        self.spec = spec
        self._origin = origin
        self.graph = graph
        self.plan = plan
        self._plan_for = cache(replan)
        self._init = jax.jit(partial(init_params, graph), static_argnums=1)
        self._train = jax.jit(partial(train_many, plan, spec.learning))
        self._step = jax.jit(partial(training_step, plan, spec.learning))
        self._metrics_tree: Any = None
        self._parameters = parameter_table(graph)
        self._keeps_statistics = bool(statistics_table(graph))
        self._evaluate = jax.jit(partial(evaluate, plan))
        self._trajectories = jax.jit(partial(trajectories, plan))
        self._finite = jax.jit(partial(finite_rows, plan))
        self._run = jax.jit(self._evidence_of, static_argnames=("want", "phase", "situation"))

    def __reduce__(self) -> Origin:
        """Pickles what it was compiled from; loading compiles that again."""
        return self._origin

    @property
    def needs_horizon(self) -> bool:
        """Whether the learning-rate schedule, or beta, needs the total number of steps."""
        nudging = self.plan.nudging
        grows = nudging is not None and nudging.growth > 0
        return self.spec.learning.schedule.needs_horizon or grows

    # -- parameters and training ---------------------------------------------------------

    @under_usual_settings
    def init(self, key: Array, dtype: Any = jnp.float32) -> dict[str, Any]:
        """Fresh parameters: {"image->h1": {"weight": (in, out), "bias": (out,)}, ...}."""
        return self._init(key, dtype)

    @under_usual_settings
    def init_training(
        self,
        key: Array,
        horizon: int | None = None,
        dtype: Any = jnp.float32,
        batch_size: int | None = None,
    ) -> TrainState:
        """The state before the first step. `horizon`: total number of steps, for a schedule;
        `batch_size`: that of training, for a start that carries states over; default: the one in
        the spec.

        Raises ValueError if the spec's schedule, or a beta that grows, needs a horizon and
        none is given, or if the batch size is wanted and unknown.
        """
        if horizon is None and self.needs_horizon:
            schedule = self.spec.learning.schedule
            what = f"the schedule {schedule.name}" if schedule.needs_horizon else "beta_growth"
            raise ValueError(f"{what} needs `horizon`, the total number of steps")
        if batch_size is None and self.spec.data is not None:
            batch_size = self.spec.data.batch_size
        if batch_size is None and self.plan.init.carries:
            raise ValueError(
                f"`init: {self.plan.init.name}` needs `batch_size`, where the spec has no data"
            )
        params = self.init(key, dtype)
        return TrainState(
            params=params,
            optimizer_state=make_optimizer(self.spec.learning).init(params),
            aux=init_aux(self.plan, key, batch_size or 0, dtype),
            step=jnp.int32(0),
            key=jax.random.key_data(key),
            horizon=jnp.int32(horizon or 0),
        )

    @under_usual_settings
    def step(self, state: TrainState, batch: Mapping[str, Array]) -> tuple[TrainState, Metrics]:
        """One training step: the new state, and metrics as batch means.

        metrics: `loss` and `accuracy` of the prediction that the step starts from (absent
        where it starts elsewhere), `energy` per phase, `node_energy` per phase and node,
        `gradient_norm` per node over the parameters of its incoming edges, `steps` per
        phase (inference steps taken, mean over samples).
        """
        return self._step(state, self._batch(params_of(state), batch))

    @under_usual_settings
    def train(
        self, state: TrainState, data: Mapping[str, Array], order: Array, count: int
    ) -> tuple[TrainState, Metrics, int]:
        """Many steps in one call: step i takes the rows order[i] of `data`, for i < count.

        data: {node: (samples, *shape)}; order: int32 (capacity, batch).
        Returns the state, the metrics as NumPy arrays with a leading axis `capacity`, and the
        number of finished steps: less than `count` if a batch was not finite; the state is
        then the one before that batch, whose metrics stand at that number. (An update that
        overflows is seen by the batch after it.) Raises ValueError if `count` is more than
        `order` holds.
        """
        if np.ndim(order) != 2 or not np.issubdtype(np.asarray(order).dtype, np.integer):
            raise ValueError("`order` holds a row of sample numbers, int32, for each batch")
        if count > len(order):
            raise ValueError(f"`count` is {count}, but `order` holds {len(order)} batches")
        order = jnp.asarray(order)
        data = self._batch(params_of(state), data, samples=order.shape[1])
        after, rows, completed = self._train(state, data, order, jnp.int32(count))
        if int(completed) < count:  # the same steps once more, up to the batch that was not finite
            after, _, _ = self._train(state, data, order, completed)
        if self._metrics_tree is None:
            batch = {name: values[: order.shape[1]] for name, values in data.items()}
            metrics = jax.eval_shape(self._step, state, batch)[1]
            self._metrics_tree = jax.tree.structure(metrics)
        columns = list(np.asarray(rows).T)
        return after, jax.tree.unflatten(self._metrics_tree, columns), int(completed)

    @under_usual_settings
    def trajectories(
        self, state: TrainState, batch: Mapping[str, Array]
    ) -> dict[str, dict[str, dict[str, np.ndarray]]]:
        """Batch means along the inference steps that training would take next, for every phase
        that relaxes: {what: {phase: {node: row}}}. `energy` has an entry per step and one for the
        end, `state_gradient_norm`, the norm of dF/dx over the units of a node, one per step.

        Steps after the last sample has stopped are left out, and those after the first 10,000.
        """
        batch = self._batch(params_of(state), batch)
        return taken_rows(*jax.device_get(self._trajectories(state, batch)))

    @under_usual_settings
    def evaluate(
        self, params: Params, aux: Any, batch: Mapping[str, Array], weight: Array
    ) -> dict[str, Array]:
        """Sums over a batch of loss, correct and energy of the prediction, and the count.

        weight: (batch,), 1 for a sample and 0 for padding.
        """
        batch = self._batch(params, batch, "evaluation")
        return self._evaluate(params, _statistics(aux), batch, weight)

    @under_usual_settings
    def diagnose(self, state: TrainState, batch: Mapping[str, Array]) -> Blame | None:
        """Replays a step and says where the first state, energy or gradient is not finite."""
        rows, gradients = self._finite(state, self._batch(params_of(state), batch))
        return first_blame(self.plan, rows, gradients)

    # -- inference and prediction --------------------------------------------------------

    def infer(self, params: Params, batch: Mapping[str, Array], **how: Any) -> States:
        """The states of all nodes, clamped ones included, at the end of a phase."""
        return self._evidence("states", params, batch, **how)

    def trace(self, params: Params, batch: Mapping[str, Array], **how: Any) -> dict[str, States]:
        """A phase step by step: `states` {node: (steps + 1, batch, *shape)} and `energies`
        {node: (steps + 1, batch)}, the start first. Of a phase of more than 10,000 steps, the
        first 10,000 and the end."""
        return self._evidence("trace", params, batch, **how)

    def gradients(self, params: Params, batch: Mapping[str, Array], **how: Any) -> Params:
        """The gradient that the rule hands to the optimiser: a tree like the parameters, batch
        mean.

        Raises ValueError for a rule that learns at every inference step, which has no single
        gradient (use `step`), and for one with arrays of its own unless `aux` holds them.
        """
        rule = self.spec.learning.rule.name
        if self.plan.learning_phase:
            raise ValueError(f"{rule} learns at every inference step: use model.step")
        if self.plan.own and not own_arrays(how.get("aux")):
            raise ValueError(f"{rule} has arrays of its own: pass aux=state.aux")
        return self._evidence("gradients", params, batch, **how)

    def predict(
        self,
        params: Params,
        inputs: Mapping[str, Array],
        *,
        read: Sequence[str] | None = None,
        **how: Any,
    ) -> States:
        """The outputs by node name, (batch, *shape); logits under the cross-entropy loss.

        In a network unrolled in time they are those of the last time, or (batch, time, *shape)
        where targets hold at every one. With `read`, exactly the nodes in `inputs` are held,
        all others relax, and the nodes named are read: `predict(params, {"label": y},
        read=["image"])` imagines images.
        """
        if isinstance(read, str):
            raise ValueError(f"`read` is a list of nodes: write read=[{read!r}]")
        clamped = None if read is None else tuple(sorted(inputs))
        read = None if read is None else tuple(read)
        if self._keeps_statistics and _statistics(how.get("aux")) is None:
            raise ValueError("this network predicts with running statistics: pass aux=state.aux")
        for name in read or ():
            shape_of(self.graph, name)
        return self._evidence("predictions", params, inputs, clamped=clamped, read=read, **how)

    @under_usual_settings
    def energy(
        self,
        params: Params,
        states: Mapping[str, Array],
        batch: Mapping[str, Array] | None = None,
        *,
        phase: str | None = None,
        aux: Any = None,
    ) -> dict[str, Any]:
        """The energy of given states, per sample: {"nodes": {node: (batch,)}, "external":
        (batch,), "total": (batch,)}; external is beta C of the phase, zero without a nudge."""
        plan = phase_of(self.plan, phase)
        names = [node.name for node in self.graph.variables]
        states = cast_states(self.graph, params, states, names)
        refuse_other_params(self._parameters, params)
        if _statistics(aux) is None:
            self._check_statistics(states)
        equations = Equations(self.plan.copies, params, _statistics(aux))
        per_node = equations.energies(plan, states, plan.energies, {})
        targets = cast_states(self.graph, params, batch or {}, plan.nudged)
        external = equations.external_energy(plan, states, targets, plan.beta)
        if external is None:
            like = next(iter(states.values()))
            external = jnp.zeros(like.shape[:1], like.dtype)
        total = sum(per_node.values(), start=external)
        return {"nodes": per_node, "external": external, "total": total}

    # -- inside --------------------------------------------------------------------------

    @under_usual_settings
    def _evidence(
        self,
        want: str,
        params: Params,
        batch: Mapping[str, Array],
        *,
        phase: str | None = None,
        states: Mapping[str, Array] | None = None,
        clamp: Clamp | None = None,
        key: Array | None = None,
        aux: Any = None,
        clamped: tuple[str, ...] | None = None,
        read: tuple[str, ...] | None = None,
    ) -> Any:
        hold = cast_clamp(self.graph, params, clamp)
        situation = Situation(frozenset(hold.values), bool(states), clamped, read)
        plan = self._plan_for(situation)
        phase_of(plan, phase)
        needed = arrays_needed(plan, want, phase or plan.reported)
        batch = cast(self.graph, params, batch, needed)
        refuse_other_params(self._parameters, params)
        start = cast_states(self.graph, params, states) if states else None
        if not batch and not hold.values and not start:
            raise ValueError("no array says how many samples are meant: pass `states` or `clamp`")
        if _statistics(aux) is None:
            self._check_statistics({**batch, **hold.values, **(start or {})})
        key = jax.random.key(0) if key is None else key
        how = {"want": want, "phase": phase, "situation": situation}
        own = own_arrays(aux)
        return self._run(params, batch, hold, start, key, _statistics(aux), own, **how)

    def _evidence_of(
        self,
        params: Params,
        batch: Mapping[str, Array],
        hold: Hold,
        start: Mapping[str, Array] | None,
        key: Array,
        running: Mapping[str, Any] | None,
        own: Mapping[str, Any],
        *,
        want: str,
        phase: str | None,
        situation: Situation,
    ) -> Any:
        plan = self._plan_for(situation)
        observe = everything if want == "trace" else None
        factor = nudge(plan.nudging, key)
        evidence = TrainingEvidence(
            plan, params, batch, key, observe, hold, start, running, factor, own
        )
        result = answer(evidence, want, phase or plan.reported)
        return without_reverse_mode(result) if plan.stop else result

    def _batch(
        self,
        params: Params,
        batch: Mapping[str, Any],
        want: str = "training",
        samples: int | None = None,
    ) -> States:
        """A batch for training: every node that some phase or the loss needs. `samples`: how
        many make a batch, where the arrays hold those of several."""
        if not batch:
            raise ValueError("the batch has no arrays")
        arrays = cast(self.graph, params, batch, arrays_needed(self.plan, want, ""))
        refuse_other_params(self._parameters, params, whole=want == "training")
        if want == "training":
            self._check_statistics(arrays, samples)
        return arrays

    def _check_statistics(self, arrays: Mapping[str, Array], samples: int | None = None) -> None:
        """Raises ValueError where statistics of a batch of so many samples are over one value."""
        if not self._keeps_statistics or not arrays:
            return
        size: Any = next(iter(arrays.values())).shape[0] if samples is None else samples
        found = single_value(self.graph, size) if isinstance(size, int) else None
        if found is not None:
            edge, operator = found
            raise ValueError(
                f"{operator.name} on edge `{edge.name}` normalises by statistics of the batch, but "
                "with one sample each of them is over a single value: give it two samples or more, "
                "or pass aux=state.aux to use the running statistics"
            )


def _statistics(aux: Any) -> Any:
    """The running statistics in what a training state carries; None where there are none."""
    return (aux or {}).get("statistics")
