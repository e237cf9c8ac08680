"""The contract of each family: shapes, gradients, and that a member takes effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pccompiler.components.activations import Activation
from pccompiler.components.energies import Energy, Prior
from pccompiler.components.forms import EnergyForm
from pccompiler.components.initializers import Initializer
from pccompiler.components.member import Member
from pccompiler.components.operators import Operator, ShapeError
from pccompiler.components.optimizers import Optimizer
from pccompiler.components.rules import Rule
from pccompiler.components.schedules import Schedule
from pccompiler.components.sources import Dataset, DataSource
from pccompiler.components.state_inits import StateInit
from pccompiler.components.state_optimizers import Landscape, StateOptimizer
from pccompiler.components.updates import Coupling, UpdateOrder
from pccompiler.components.vocabulary import Shape
from pccompiler.lazy import jax, jnp, np
from pccompiler.testing.effect import network, observed, takes_effect
from pccompiler.testing.promises import BATCH, computed, finite, like, near, normal, promise

SHAPES: tuple[Shape, ...] = ((6,), (4, 6), (8, 8, 2))
"""Shapes on which operators are tried: a vector, a sequence, a picture."""


def check_activation(activation: Activation) -> None:
    def value_and_slope(x: Any) -> Any:
        return activation(x), jax.vmap(jax.grad(activation))(x)

    x = normal((BATCH * 5,)) * 3
    x[0] = 0
    y, slope = computed(value_and_slope, x)
    like(y, x.shape, "its value")
    finite((y, slope), "value and slope")
    promise(np.all((y >= activation.low) & (y <= activation.high)), "it stays in its range")
    if activation.potential is None:
        return
    inside = (slope > 0) & (y > activation.low) & (y < activation.high)
    back = computed(jax.vmap(jax.grad(activation.potential)), y[inside])
    near(back, x[inside], "the slope of the potential is the inverse of the function", 1e-2)


def check_operator(operator: Operator, shapes: Sequence[Shape] = SHAPES) -> None:
    taken = [found for shape in shapes if (found := _tried(operator, shape))]
    promise(taken, f"it takes an input of one of the shapes {list(map(list, shapes))}")
    for shape, output in taken:
        check_map(operator, shape, output)
    shape, output = taken[0]
    takes_effect(network(op=operator.written(), shapes=(shape, output)), type(operator), "apply")


def _tried(operator: Operator, shape: Shape) -> tuple[Shape, Shape] | None:
    """The shapes of input and output, where it takes such an input."""
    for wanted in (None, shape, (5,)):
        try:
            return shape, operator.output_shape(shape, wanted)
        except ShapeError:
            continue
    return None


def check_map(operator: Operator, shape: Shape, output: Shape) -> None:
    params = _drawn(operator.parameters(shape, output))
    statistics = _drawn(operator.statistics(shape))
    promise(operator.flops(shape, output) >= 0, "it counts its operations")

    def loss(params: Any, x: Any) -> Any:
        return jnp.sum(operator.apply(params, x) ** 2)

    def program(params: Any, statistics: Any, x: Any) -> Any:
        made = operator.apply_with(params, statistics, x)
        alone = operator.apply_with(params, statistics, x[:1])
        gradient = jax.grad(loss, argnums=(0, 1))(params, x)
        return operator.apply(params, x), gradient, made, alone

    x = normal((BATCH, *shape))
    applied, gradient, made, alone = computed(program, params, statistics, x)
    like(applied, (BATCH, *output), f"what it makes of {list(shape)}")
    finite(gradient, "its gradient")
    near(made[:1], alone, "samples do not depend on others")
    if operator.linear:
        check_linear(operator, params, x, output)


def check_linear(operator: Operator, params: Any, x: Any, output: Shape) -> None:
    linear = partial(operator.linear_part, params)

    def parts(x: Any, other: Any) -> Any:
        return linear(2 * x + other), linear(x), linear(other)

    whole, there, rest = computed(parts, x, normal(x.shape, seed=1))
    near(whole, 2 * there + rest, "it is linear, up to a bias")
    back = operator.transposed(x.shape[1:], output)
    if back is not None:
        y = normal(there.shape, seed=2)
        and_back = computed(partial(back.linear_part, params), y)
        words = "its transpose is that of its linear part"
        near(np.sum(x * and_back), np.sum(there * y), words, 1e-3)


def _drawn(parameters: Mapping[str, Any]) -> dict[str, Any]:
    def program(key: Any) -> Any:
        return {
            name: parameter.initializer.sampler()(
                jax.random.fold_in(key, position), parameter.shape, jnp.float32
            )
            for position, (name, parameter) in enumerate(parameters.items())
        }

    drawn = computed(program, jax.random.key(0)) if parameters else {}
    for name, parameter in parameters.items():
        like(drawn[name], parameter.shape, f"the parameter `{name}`")
    return drawn


def check_initializer(initializer: Initializer) -> None:
    shapes = ((5, 4),) if initializer.needs_matrix else ((5, 4), (4,))

    def program(key: Any) -> Any:
        draw = initializer.sampler()
        return [[draw(key, shape, jnp.float32) for _ in range(2)] for shape in shapes]

    drawn = computed(program, jax.random.key(0))
    for shape, (first, again) in zip(shapes, drawn, strict=True):
        like(first, shape, "what it draws")
        finite(first, "what it draws")
        promise(np.all(first == again), "the same key draws the same numbers")
    op = {"dense": {"weight_init": initializer.written()}}
    takes_effect(network(op=op), type(initializer), "sampler")


def check_energy(energy: Energy) -> None:
    def program(x: Any, mu: Any) -> Any:
        def total(x: Any, mu: Any) -> Any:
            return jnp.sum(energy.value(x, mu))

        gradient = jax.grad(total, argnums=(0, 1))
        alone = energy.value(x[:1], mu[:1])
        resting = energy.value(mu, mu), gradient(mu, mu)
        return energy.value(x, mu), gradient(x, mu), alone, resting

    held = np.exp(normal((BATCH, 4)))
    held /= held.sum(axis=-1, keepdims=True)
    value, gradient, alone, (least, flat) = computed(program, held, normal((BATCH, 4), seed=1))
    like(value, (BATCH,), "its value, one per sample,")
    finite((value, gradient), "value and gradient")
    near(alone, value[:1], "samples do not depend on others")
    if energy.zero_at_prediction:
        near(least, 0 * value, "it vanishes at the prediction", 1e-6)
        for part in flat:
            near(part, np.zeros_like(part), "its gradient vanishes at the prediction", 1e-6)
    if "loss" in energy.used_for:
        takes_effect(network(energy={"loss": energy.written()}), type(energy), "value")
    if "node" in energy.used_for:
        named = {"energy": energy.written()}
        spec = network(hidden=named) if energy.suits_free_states() else network(output=named)
        takes_effect(spec, type(energy), "value")


def check_prior(prior: Prior) -> None:
    promise(isinstance(prior.energy, Energy), "its `energy` is an Energy")
    spec = network()
    spec["nodes"]["root"] = {"shape": [3], "prior": prior.written()}
    spec["edges"].append({"from": "root", "to": "h"})
    takes_effect(spec, type(prior), "energy")


def check_form(form: EnergyForm) -> None:
    rule = "equilibrium_propagation" if form.undirected else "predictive_coding"
    takes_effect(
        network(energy={"form": form.written()}, learning={"rule": rule}), type(form), "term"
    )


def check_rule(rule: Rule) -> None:
    from pccompiler.driver import check

    seen: list[Any] = []

    def phases(original: Callable[..., Any], *arguments: Any) -> Any:
        found = original(*arguments)
        seen.append((arguments[1], found))
        return found

    with observed(type(rule), "phases", phases):
        check(network(learning={"rule": rule.written()}))
    promise(seen, "its `phases` are asked for")
    graph, found = seen[0]
    names = [phase.name for phase in found]
    promise(set(names) <= set(rule.phase_names), "its phases are among its `phase_names`")
    promise(len(set(names)) == len(names), "its phases have different names")
    promise(rule.reported_phase() in names, "it reports one of its phases")
    for position, phase in enumerate(found):
        promise(phase.start in (None, *names[:position]), "a phase starts from an earlier one")
    promise(rule.estimator(graph).describe(), "its estimator describes itself")
    promise(isinstance(rule.theory(graph), tuple), "its `theory` is a tuple of claims")
    takes_effect(network(learning={"rule": rule.written()}), type(rule), "estimator")


def check_state_init(init: StateInit) -> None:
    key = jax.random.key(0) if init.draws else None
    prediction = normal((BATCH, 4)) if init.sweeps else None
    state = computed(lambda *given: init.start((BATCH, 4), jnp.float32, *given), key, prediction)
    like(state, (BATCH, 4), "where it starts")
    finite(state, "where it starts")
    if prediction is not None and init.at_predictions:
        near(state, prediction, "it starts at the predictions", 0)
    takes_effect(network(inference={"init": init.written()}), type(init), "start")


def check_update_order(order: UpdateOrder) -> None:
    names = ("a", "b", "c")
    neighbours = {"a": frozenset("b"), "b": frozenset("ac"), "c": frozenset("b")}
    distance = {"a": 1, "b": 2, "c": 3}
    groups = order.groups(Coupling(names, lambda: (neighbours, distance)))
    moved = sorted(name for group in groups for name in group)
    promise(not groups or moved == list(names), "its groups hold every free node once")
    takes_effect(network(inference={"update": order.written()}), type(order), "groups")


def check_optimizer(optimizer: Optimizer) -> None:
    params = {"weight": normal((4, 3)), "bias": normal((3,))}
    transformation = optimizer.transformation()

    def program(params: Any) -> Any:
        state = transformation.init(params)
        return state, transformation.update(params, state, params)[0]

    state, updates = computed(program, params)
    for name, leaf in params.items():
        like(updates[name], leaf.shape, f"the update of `{name}`")
    finite(updates, "its update")
    remembered = sum(leaf.size for leaf in jax.tree.leaves(state) if leaf.ndim)
    size = sum(leaf.size for leaf in params.values())
    promise(remembered == optimizer.slots * size, "its `slots` are what it remembers")
    takes_effect(
        network(learning={"optimizer": optimizer.written()}), type(optimizer), "transformation"
    )


def check_state_optimizer(optimizer: StateOptimizer) -> None:
    states = {"a": normal((BATCH, 4)), "b": normal((BATCH, 3), seed=2)}
    others = {name: np.concatenate([x[:1], 7 * x[1:] + 1]) for name, x in states.items()}

    def two_steps(states: Mapping[str, Any], pull: Any) -> tuple[Any, Any, Any]:
        """Steps 1 and 2 on the energy pull/2 ||x||^2 of each sample."""
        memory = start = optimizer.start(states)
        x = dict(states)

        def energy(at: Mapping[str, Any]) -> Any:
            return sum(pull / 2 * (a * a).sum(axis=1) for a in at.values())

        for t in (1, 2):
            gradients = {name: pull * a for name, a in x.items()}
            landscape = Landscape(x, partial(energy, x), energy, dict)
            updates, memory = optimizer.move(gradients, memory, t, landscape)
            x = {name: a + updates[name] for name, a in x.items()}
        return start, x, memory

    start, after, memory = computed(two_steps, states, np.float32(1))
    kept = sum(leaf.size for leaf in jax.tree.leaves(start) if leaf.ndim > 1)
    units = sum(x.size for x in states.values())
    promise(kept == optimizer.slots * units, "its `slots` are what it remembers")
    for name, x in states.items():
        like(after[name], x.shape, "its update")
    finite((after, memory), "its update")
    promise(
        jax.tree.structure(memory) == jax.tree.structure(start), "its memory keeps its structure"
    )
    _, still, _ = computed(two_steps, states, np.float32(0))
    promise(
        all((still[name] == x).all() for name, x in states.items()) or not optimizer.still_at_zero,
        "without gradient and memory nothing moves (`still_at_zero`)",
    )
    _, alone, _ = computed(two_steps, others, np.float32(1))
    promise(
        all(np.allclose(alone[name][0], after[name][0], 1e-6) for name in states),
        "a sample moves as it would in any other batch",
    )
    takes_effect(network(inference={"optimizer": optimizer.written()}), type(optimizer), "move")


def check_schedule(schedule: Schedule) -> None:
    def program(fractions: Any) -> Any:
        return [jnp.asarray(schedule.factor(fraction)) for fraction in fractions]

    for factor in computed(program, np.asarray([0, 0.25, 0.5, 0.999], np.float32)):
        like(factor, (), "its factor")
        finite(factor, "its factor")
        promise(factor >= 0, "its factor is not negative")
    takes_effect(network(learning={"schedule": schedule.written()}), type(schedule), "factor")


def check_source(source: DataSource, folders: Sequence[Path] = ()) -> None:
    source.files(folders)
    dataset = source.load(folders)
    promise(isinstance(dataset, Dataset), "it loads a Dataset")
    again = source.load(folders)
    for fields, others in ((dataset.train, again.train), (dataset.test or {}, again.test or {})):
        sizes = {len(field.values) for field in fields.values()}
        promise(len(sizes) <= 1, "all fields of a split have as many samples")
        for name, field in fields.items():
            same = (field.values == others[name].values).all()
            promise(same, f"`{name}` is the same each time it is loaded")
            promise(field.kind in ("features", "classes", "target"), f"`{name}` says what it is")
            if field.kind == "classes":
                labels = field.values
                inside = labels.min() >= 0 and labels.max() < field.classes
                promise(inside, f"the labels of `{name}` are 0 to `classes` - 1")


CHECKS: Mapping[type[Member], Callable[..., None]] = {
    Operator: check_operator,
    Initializer: check_initializer,
    Energy: check_energy,
    Prior: check_prior,
    EnergyForm: check_form,
    Rule: check_rule,
    StateInit: check_state_init,
    UpdateOrder: check_update_order,
    Optimizer: check_optimizer,
    StateOptimizer: check_state_optimizer,
    Schedule: check_schedule,
    DataSource: check_source,
}
