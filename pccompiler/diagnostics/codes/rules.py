"""PC328 to PC331: what forms, rules and state optimisers are not defined for; PC557, verify."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code, whole

HIDDEN = (
    "nodes:\n  image: {shape: [4], role: input}\n  h:     {shape: [3], activation: tanh}\n"
    "  label: {shape: [2], role: output}\n"
)
CHAIN = "edges:\n  - {path: image -> h -> label}\n"
HOPFIELD = "energy: {form: hopfield}\n"
NUDGED = "learning: {rule: equilibrium_propagation}"

RULE_CODES: tuple[Code, ...] = (
    Code(
        "PC328",
        "a network that the hopfield form is not defined for",
        "In a Hopfield network edges are couplings that act both ways at once. There is no time "
        "to unroll, nodes have no prediction errors and so neither energies nor precisions of "
        "their own, and their activations must be increasing, with a closed form of the integral "
        "of their inverse.",
        why="Without an energy the states would follow rules for which nothing is proven.",
        wrong=whole(HIDDEN.replace("tanh", "gelu") + CHAIN + HOPFIELD + NUDGED),
        right=whole(HIDDEN + CHAIN + HOPFIELD + NUDGED),
    ),
    Code(
        "PC329",
        "a rule without theory on this network",
        "Every rule rests on a theory that says what its gradient is, and that theory on "
        "properties of the network: an energy, errors, a feedforward prediction, levels.",
        why="Outside of it the rule would train something, but nobody could say what.",
        wrong=whole(HIDDEN + CHAIN + HOPFIELD + "learning: {rule: predictive_coding}"),
        right=whole(HIDDEN + CHAIN + HOPFIELD + "learning: {rule: contrastive_hebbian}"),
    ),
    Code(
        "PC330",
        "fixed_point where a state has no rest of its own",
        "The state optimiser `fixed_point` moves each state to where it would rest if all others "
        "stayed. That place is known for Hopfield nodes and for Gaussian ones with a prediction.",
        why="Elsewhere there may be no such place, or none in closed form.",
        wrong=whole(
            HIDDEN.replace("tanh}", "tanh, energy: laplace}")
            + CHAIN
            + "inference: {optimizer: fixed_point}"
        ),
        right=whole(HIDDEN + CHAIN + "inference: {optimizer: fixed_point}"),
    ),
    Code(
        "PC331",
        "a nudge so large that the energy has no minimum",
        "A negative nudge subtracts beta C from the energy of an output. C grows with the distance "
        "from the target as the output's own energy does with its error, so from beta = precision "
        "on their difference falls without end.",
        why="The states of the phase would run away, and the rule compare numbers without meaning.",
        wrong=whole(
            HIDDEN + CHAIN + "learning: {rule: {equilibrium_propagation: {beta: 1.5, "
            "variant: centred}}}"
        ),
        right=whole(
            HIDDEN + CHAIN + "learning: {rule: {equilibrium_propagation: {beta: 0.5, "
            "variant: centred}}}"
        ),
    ),
    Code(
        "PC557",
        "a narrowed copy of the network does not fit together",
        "`pcc verify` measures a copy whose hidden nodes are at most 32 units or channels wide. "
        "Where a pipeline fixes sizes, such as a reshape, the cut sizes may not meet.",
        why="A copy that is another network would say nothing about this one.",
        wrong="pcc verify spec.yaml --narrow 5        # a reshape wants 32 units",
        right="pcc verify spec.yaml --full",
    ),
)
