"""Planning of a single phase: its energies, what is free, and when information arrives where."""

from __future__ import annotations

from pccompiler.components.energies import Energy
from pccompiler.components.phases import Phase, PhaseKind
from pccompiler.ir.copies import Copies, Copy
from pccompiler.ir.coupling import coupling
from pccompiler.planning.plan import NEVER, PhasePlan, Repeat, Steps, Stretch
from pccompiler.planning.wave import through_pass_through, wave
from pccompiler.spec.models import InferenceSpec


class PhasePlanner:
    """Plans single phases of a graph, unoptimised."""

    def __init__(self, copies: Copies, inference: InferenceSpec) -> None:
        self.graph = copies.graph
        self.copies = copies
        self.until_at_rest = inference.stop is not None
        self.update = inference.update

    def plan(self, phase: Phase, may_be_off: frozenset[Copy]) -> PhasePlan:
        """The plan of a phase that starts with `may_be_off` copies off their predictions; the
        error of every other free copy is then zero by definition."""
        graph = self.graph
        energies, without_target = self._energies(phase)
        held = self._held(phase)
        free = tuple(
            node.name
            for node in graph.variables
            if any((node.name, t) not in held for t in self.copies.times)
        )
        colours = self._colours(phase, free)
        arrival, movement = self._wave(
            phase, energies, without_target, free, held, may_be_off, in_step=not colours
        )
        steps = phase.steps
        live = tuple(energies)
        rests = self.until_at_rest and free and phase.descent.optimizer is None
        repeat = Repeat.UNTIL_AT_REST if rests else Repeat.COUNTED
        late = {n: arrived for n, arrived in arrival.items() if max(arrived) > 1}
        running = Stretch(1, steps, live, free, frozenset(), repeat, late)
        last = steps + 1
        reached = tuple(n for n in live if min(arrival[n]) <= last)
        partly = {n: arrival[n] for n in reached if max(arrival[n]) > last}
        end = Stretch(last, last, reached, (), frozenset(), Repeat.UNROLLED, partly)
        stretches = (running,) if steps else ()
        return PhasePlan.of(
            phase,
            energies=energies,
            without_target=without_target,
            free=free,
            arrival=arrival,
            movement=movement,
            stretches=stretches,
            end=end,
            colours=colours,
        )

    def _colours(self, phase: Phase, free: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """The order in which a step moves the free nodes; empty where they move at once."""
        relaxes = phase.kind is PhaseKind.RELAX and not phase.descent.from_predictions
        if not relaxes or not free:
            return ()
        found = coupling(self.graph, self.copies, self.graph.inputs, free)
        groups = self.update.groups(found)
        if groups and sorted(name for group in groups for name in group) != sorted(free):
            raise TypeError(
                f"the update order {self.update.name} groups {groups}, which is not every one of "
                f"the free nodes {free} once"
            )
        return groups

    def off_after(self, earlier: PhasePlan, phase: Phase) -> frozenset[Copy]:
        """The copies that may be off their predictions when a phase follows another.

        Those that information reached in the earlier phase, and, where the two phases do not
        hold the same copies, those next to the difference.
        """
        last = earlier.steps + 1
        reached = {
            (n, t)
            for n, arrived in earlier.arrival.items()
            for t, step in enumerate(arrived)
            if step <= last
        }
        changed = self._held(phase) ^ self._held(earlier)
        after = self.copies.across(changed, self.copies.readers)
        return frozenset(reached | changed).union(after)

    def carried(self, earlier: PhasePlan, plan: PhasePlan) -> frozenset[str]:
        """The edges whose values at the start of an earlier phase hold at the start of this one."""
        graph, clamped = self.graph, set(plan.clamped)
        if earlier.kind is not PhaseKind.FORWARD:  # only what both clamp has stayed
            moved = {*earlier.free, *plan.free, *plan.pulled}
            both = clamped & set(earlier.clamped) - moved
            return frozenset(edge.name for edge in graph.edges if edge.source in both)
        changed = clamped ^ set(earlier.clamped)
        for group in graph.sweep:  # what passes a changed value through changes too
            for name in group:
                sources = {edge.source for edge in graph.forward_edges(name)}
                if graph.node[name].passes_through and sources & changed:
                    changed.add(name)
        return frozenset(edge.name for edge in graph.edges if edge.source not in changed)

    def _held(self, phase: Phase) -> frozenset[Copy]:
        """The copies clamped to data: of an output, those at the times of targets."""
        outputs = self.graph.outputs
        return frozenset(
            (name, t)
            for name in phase.clamped
            for t in self.copies.times
            if name not in outputs or self.copies.targets[t]
        )

    def _energies(self, phase: Phase) -> tuple[dict[str, Energy], dict[str, Energy]]:
        """The energy of every node with a prediction, and of outputs where no target holds."""
        graph, outputs = self.graph, self.graph.outputs
        energies: dict[str, Energy] = {}
        without_target: dict[str, Energy] = {}
        for node in graph.variables:
            clamped = node.name in phase.clamped
            fed_back = graph.form.uses_feedback and graph.feedback_edges(node.name)
            if graph.form.undirected:
                if not clamped or graph.edges_into(node.name):
                    energies[node.name] = node.energy
                continue
            if not graph.is_root(node.name):
                energies[node.name] = graph.free_energy(node)
            elif fed_back:
                default = graph.feedback_loss if clamped else graph.free_energy(node)
                energies[node.name] = node.energy if node.chosen else default
            elif node.prior is not None and not clamped:
                energies[node.name] = node.prior.energy
            if clamped and node.name in outputs:
                if not all(self.copies.targets):
                    without_target[node.name] = energies[node.name]
                pulled = node.name in phase.pulled  # no target: somewhere on the way there
                target = graph.free_energy(node) if pulled else graph.target_energy(node)
                energies[node.name] = target
        return energies, without_target

    def _wave(
        self,
        phase: Phase,
        energies: dict[str, Energy],
        without_target: dict[str, Energy],
        free: tuple[str, ...],
        held: frozenset[Copy],
        may_be_off: frozenset[Copy],
        in_step: bool,
    ) -> tuple[dict[str, Steps], dict[str, int]]:
        """Arrival by node and time, and movement by node, pass-through ones included.

        Where nodes move one colour after another, a step carries information over several
        edges: every error then counts from the first step.
        """
        graph, copies = self.graph, self.copies
        vanish = graph.form.feedforward_is_minimum and in_step
        vanish = vanish and not any(graph.bounds(name) for name in free)
        vanish = vanish and all(
            without_target.get(n, energies[n]).zero_at_prediction for n in free if n in energies
        )
        arrival: dict[str, Steps]
        if phase.kind is PhaseKind.FORWARD:
            arrival = dict.fromkeys(energies, (NEVER,) * graph.copies)
            movement = dict.fromkeys(free, NEVER)
        elif not vanish:
            arrival = dict.fromkeys(energies, (1,) * graph.copies)
            movement = dict.fromkeys(free, 1)
        else:
            priors = {n for n in energies if graph.is_root(n)}
            predicted = [(n, t) for n in energies for t in copies.times if copies.forward[n][t]]
            off = [c for c in predicted if c in held or c in may_be_off or c[0] in priors]
            movable = [(n, t) for n in free for t in copies.times if (n, t) not in held]
            pulled = [(n, t) for n in phase.nudged for t in copies.times if copies.targets[t]]
            arrivals, moves = wave(copies, predicted, movable, off, pulled)
            arrival = {
                n: tuple(arrivals.get((n, t), NEVER) for t in copies.times) for n in energies
            }
            movement = {n: min(moves.get((n, t), NEVER) for t in copies.times) for n in free}
        return arrival, movement | through_pass_through(copies, movement)
