"""PC336 to PC339: warnings about a plan."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code, whole

DEEP = (
    "nodes:\n  image:   {shape: [4], role: input}\n  h[1..4]: {shape: [3], activation: tanh}\n"
    '  label:   {shape: [2], role: output}\nedges:\n  - {path: "image -> h[1..4] -> label"}\n'
)

PLANNING_CODES: tuple[Code, ...] = (
    Code(
        "PC336",
        "edges that no error reaches (warning)",
        "After a feedforward start every error is zero but that of the outputs, and an inference "
        "step carries it one edge further. With fewer steps than there are edges on the way, the "
        "gradient of the first edges is exactly zero. The message names them.",
        why="They keep their initial parameters for ever, which no metric shows.",
        wrong=whole(DEEP + "inference: {steps: 2}"),
        right=whole(DEEP + "inference: {steps: 5}"),
    ),
    Code(
        "PC337",
        "a rate of the states that cannot come to rest (warning)",
        "Gradient descent of rate r with momentum m overshoots more at every step where r times "
        "the curvature of F is above 2 (1 + m). The curvature of a node's own term is its "
        "precision, times 4 for summed errors of a node that is predicted from both sides, or "
        "times the sum of the weights of separate ones.",
        why="The states run away, at the latest within some steps, whatever the parameters are.",
        wrong=whole(
            DEEP + "energy: {precision: {per_node: {h1: 100}}}\n"
            "inference: {optimizer: {sgd: {learning_rate: 0.1}}}"
        ),
        right=whole(
            DEEP + "energy: {precision: {per_node: {h1: 100}}}\n"
            "inference: {optimizer: {sgd: {learning_rate: 0.01}}}"
        ),
    ),
    Code(
        "PC338",
        "a nudge that float32 cannot resolve (warning)",
        "A rule that nudges learns from how far a small beta moves the states. float32 keeps "
        "about 7 digits, so that of a movement of 1e-7 nothing is left but rounding.",
        why="The gradient becomes noise: at a beta of 1e-7 its cosine to that of the loss is "
        "about a half.",
        wrong=whole(DEEP + "learning: {rule: {equilibrium_propagation: {beta: 1e-7}}}"),
        right=whole(DEEP + "learning: {rule: {equilibrium_propagation: {beta: 1e-2}}}"),
    ),
    Code(
        "PC339",
        "a number that float32 does not hold (warning)",
        "Training computes in float32, whose numbers reach from 1.2e-38 to 3.4e38. A smaller one "
        "is taken for zero, a larger one for infinity.",
        why="An `eps` of zero, for example, divides zero by zero for every parameter whose "
        "gradient is zero.",
        wrong=whole("learning: {optimizer: {adam: {eps: 1e-46}}}"),
        right=whole("learning: {optimizer: {adam: {eps: 1e-8}}}"),
    ),
    Code(
        "PC341",
        "an optimiser of all states, and an order of some after others",
        "`adaptive` and `anderson` decide for each sample from the energy of all its states how "
        "far they move. With an update order that moves one group of nodes after another there is "
        "no step of all states.",
        why="The decision would be taken on a part of the network and be wrong for the rest.",
        wrong=whole(DEEP + "inference: {optimizer: anderson, update: asynchronous}"),
        right=whole(DEEP + "inference: {optimizer: anderson}"),
    ),
)
