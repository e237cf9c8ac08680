"""PC3xx about rules, phases and energies."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code, whole
from pccompiler.diagnostics.codes.graph import HIDDEN

CAUSE = (
    "nodes:\n  cause: {shape: [2]}\n  image: {shape: [4], role: input}\n"
    "edges:\n  - {path: cause -> image}\n"
)
FREE_ROOT = (
    "nodes:\n  image: {shape: [4], role: input}\n  cause: {shape: [2]}\n"
    "  label: {shape: [4], role: output}\n"
    "edges:\n  - {path: image -> label}\n  - {path: cause -> label}\n"
)
CHAIN = "edges:\n  - {path: image -> h -> label}\n"
SELF = CHAIN + "  - {from: h, to: h, kind: recurrent, delay: 0}\n"
BACK = "edges:\n  - {path: image -> label}\n  - {from: label, to: image, kind: feedback}\n"

ENERGY_CODES: tuple[Code, ...] = (
    Code(
        "PC310",
        "steps for a phase that does not exist, or none for one that relaxes",
        "`inference.steps` is one number, or a number for each phase that relaxes: `clamped` "
        "for predictive coding with a clamped output; `nudged` and `nudged_negative` for a "
        "nudged one; `free` where finding the free equilibrium needs a relaxation. Phases of "
        "other rules may stand beside them, so that one spec serves several rules.",
        why="A phase without its steps would be left where it started.",
        wrong=whole("inference: {steps: {clampd: 20}}"),
        right=whole("inference: {steps: {clamped: 20}}"),
    ),
    Code(
        "PC311",
        "a precision for a node that does not exist",
        "`energy.precision.per_node` gives factors on the energies of nodes, by name.",
        why="The node that was meant would keep its precision of 1.",
        wrong=whole("energy: {precision: {per_node: {lable: 2.0}}}"),
        right=whole("energy: {precision: {per_node: {label: 2.0}}}"),
    ),
    Code(
        "PC314",
        "a rule without a loss",
        "Backpropagation and a nudged output need an output node, whose targets make a loss.",
        why="Without a loss there is nothing to differentiate, and nothing to nudge towards.",
        wrong=whole(CAUSE + "learning: {rule: backprop}"),
        right=whole(CAUSE + "learning: {rule: predictive_coding}"),
    ),
    Code(
        "PC317",
        "backpropagation through a relaxation that may stop early",
        "Where a free root makes the prediction a relaxation, backpropagation differentiates "
        "it step by step.",
        why="For that it has to know the number of steps beforehand.",
        wrong=whole(FREE_ROOT + "inference: {stop: {residual: 1e-3}}\nlearning: {rule: backprop}"),
        right=whole(FREE_ROOT + "inference: {steps: 20}\nlearning: {rule: backprop}"),
    ),
    Code(
        "PC318",
        "options of a rule that mean nothing (warning)",
        "`beta` and `variant` belong to a nudged output; a clamped one has no nudge.",
        why="Whoever wrote them expects a difference that they do not make.",
        wrong=whole("learning: {rule: {predictive_coding: {beta: 0.5}}}"),
        right=whole("learning: {rule: {predictive_coding: {output: nudge, beta: 0.5}}}"),
    ),
    Code(
        "PC321",
        "a prior on a node that is predicted",
        "A prior says what a root is expected to be.",
        why="A node with incoming edges has their prediction in its place, and the prior would "
        "count for nothing.",
        wrong=whole(HIDDEN.replace("[3]}", "[3], prior: gaussian}") + CHAIN),
        right=whole(
            "nodes:\n  cause: {shape: [3], prior: gaussian}\n  image: {shape: [2], role: input}\n"
            "edges:\n  - {path: cause -> image}"
        ),
    ),
    Code(
        "PC322",
        "a node with energy none that needs a state",
        "`energy: none` makes a node stand for its prediction, so it must have one that does "
        "not depend on itself, and nothing can be held there or fed back to it.",
        why="It has no state of its own that data or feedback could change.",
        wrong=whole(
            "nodes:\n  image: {shape: [4], role: input}\n"
            "  label: {shape: [2], role: output, energy: none}"
        ),
        right=whole(HIDDEN.replace("[3]}", "[3], energy: none}") + CHAIN),
    ),
    Code(
        "PC323",
        "a feedforward pass without an order",
        "A recurrent edge without delay closes a cycle within a time step. States can relax in "
        "it, but there is no order in which a feedforward pass could compute them.",
        why="Such a pass starts the states and predicts, unless the spec chooses otherwise.",
        wrong=whole(HIDDEN + SELF),
        right=whole(HIDDEN + SELF + "inference: {init: zeros}"),
    ),
    Code(
        "PC324",
        "an energy that does not suit its node",
        "The likelihood energies bernoulli and categorical are for clamped data; with "
        "`logits` they are divergences. The summed errors of the bidirectional form are defined "
        "for gaussian nodes.",
        why="A likelihood is linear in the state, so that a free state would run away under it.",
        wrong=whole(HIDDEN.replace("[3]}", "[3], energy: bernoulli}") + CHAIN),
        right=whole(HIDDEN.replace("[3]}", "[3], energy: {bernoulli: logits}}") + CHAIN),
    ),
    Code(
        "PC326",
        "feedback edges that are left out (warning)",
        "In predictive coding the errors travel backwards by themselves, so feedback edges mean "
        "nothing there. They may stay in the file, which then serves the bidirectional form too.",
        why="They learn nothing and predict nothing, which may not be what was meant.",
        wrong=whole(BACK),
        right=whole(BACK + "energy: {form: bidirectional}"),
    ),
    Code(
        "PC332",
        "a distribution over a single class",
        "cross_entropy and categorical are distributions over the last axis of a node: softmax "
        "makes its entries probabilities that sum to one.",
        why="A single entry always has probability one, whatever is predicted. The loss is zero "
        "from the start, and nothing is learned.",
        wrong=whole(
            "nodes:\n  image: {shape: [4], role: input}\n  label: {shape: [1], role: output}\n"
            "energy: {loss: cross_entropy}"
        ),
        right=whole(
            "nodes:\n  image: {shape: [4], role: input}\n  label: {shape: [2], role: output}\n"
            "energy: {loss: cross_entropy}"
        ),
    ),
    Code(
        "PC333",
        "statistics of a single value",
        "batch_norm subtracts from each channel its mean over the samples of a batch, the "
        "positions and the times, and divides by the standard deviation.",
        why="A single value is its own mean: all that is left of it is zero, and the running "
        "variance, by which predictions are divided, goes to zero too.",
        wrong=whole(
            "edges:\n  - {path: image -> label, op: [dense, batch_norm]}\n"
            "data: {source: digits, batch_size: 1}"
        ),
        right=whole(
            "edges:\n  - {path: image -> label, op: [dense, batch_norm]}\n"
            "data: {source: digits, batch_size: 32}"
        ),
    ),
)
