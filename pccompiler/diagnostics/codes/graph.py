"""PC3xx and PC4xx: the network that the spec describes, and its compilation."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code

GRAPH_CODES: tuple[Code, ...] = (
    Code(
        "PC301",
        "an edge to a node that does not exist",
        "Both ends of an edge are nodes of the spec. A name is often misspelt, or a range is "
        "one too short.",
        wrong="edges: [{path: image -> labl}]",
        right="edges: [{path: image -> label}]",
    ),
    Code(
        "PC302",
        "a cycle of edges without delay",
        "A node's prediction is computed from its sources, and theirs from their sources. In a "
        "cycle a prediction would depend on itself, and there would be no feedforward pass.",
        wrong="edges: [{path: image -> h -> g -> label}, {from: g, to: h}]\n"
        "nodes: {image: {shape: [4], role: input}, h: {shape: [3]}, g: {shape: [3]}, "
        "label: {shape: [2], role: output}}",
        right="edges: [{path: image -> h -> g -> label}, {from: h, to: label}]\n"
        "nodes: {image: {shape: [4], role: input}, h: {shape: [3]}, g: {shape: [3]}, "
        "label: {shape: [2], role: output}}",
    ),
    Code(
        "PC303",
        "shapes that do not meet on an edge",
        "What an edge's operators make of its source's state is added into its target's "
        "prediction, so the two shapes must be the same.",
        wrong="nodes: {image: {shape: [8, 8], role: input}, label: {shape: [10], role: output}}\n"
        "edges: [{path: image -> label, op: dense}]",
        right="nodes: {image: {shape: [8, 8], role: input}, label: {shape: [10], role: output}}\n"
        "edges: [{path: image -> label, op: [flatten, dense]}]",
    ),
    Code(
        "PC304",
        "a shape that nothing determines",
        "A node's shape may be left out where an incoming edge determines it. A root has no "
        "incoming edge, and a dense operator takes its size from its target.",
        wrong="nodes: {image: {role: input}, label: {shape: [10], role: output}}",
        right="nodes: {image: {shape: [64], role: input}, label: {shape: [10], role: output}}",
    ),
    Code(
        "PC305",
        "two edges of the same name",
        "An edge is called `from->to`, and its parameters carry that name. Two edges with the "
        "same ends need names of their own.",
        wrong="edges: [{path: image -> label}, {from: image, to: label, op: [tanh, dense]}]",
        right="edges: [{path: image -> label}, "
        "{from: image, to: label, op: [tanh, dense], name: bent}]",
    ),
    Code(
        "PC306",
        "a node without edges",
        "A node that no edge touches takes part in nothing. (A node whose edges lead nowhere is "
        "only a warning, PC316.)",
        wrong="nodes: {image: {shape: [4], role: input}, lost: {shape: [3]}, "
        "label: {shape: [2], role: output}}",
        right="nodes: {image: {shape: [4], role: input}, label: {shape: [2], role: output}}",
    ),
    Code(
        "PC307",
        "nothing to learn from",
        "Parameters learn from the error between data and a prediction of it. So at least one "
        "node that is bound to data must be predicted by an edge, and every output must be.",
        wrong="nodes: {image: {shape: [4], role: input}, label: {shape: [2]}}",
        right="nodes: {image: {shape: [4], role: input}, label: {shape: [2], role: output}}",
    ),
    Code(
        "PC308",
        "more memory than this machine has",
        "Parameters, their gradients, the optimiser's memory and the states of one batch must "
        "fit. The estimate counts them in 32-bit numbers.",
        wrong="nodes: {image: {shape: [9000000], role: input}, "
        "label: {shape: [9000000], role: output}}",
        right="nodes: {image: {shape: [900], role: input}, label: {shape: [900], role: output}}",
    ),
    Code(
        "PC309",
        "a name that cannot be used",
        "Names of nodes are letters, digits and underscores, with no digit first; a range such "
        "as h[1..3] stands for h1, h2, h3. `total` and `external` are taken: they stand beside "
        "node names in tables of energies.",
        wrong="nodes: {image: {shape: [4], role: input}, label: {shape: [2], role: output}, "
        "'h[3..1]': {shape: [3]}}",
        right="nodes: {image: {shape: [4], role: input}, label: {shape: [2], role: output}, "
        "'h[1..3]': {shape: [3]}}\n"
        "edges: [{path: 'image -> h[1..3] -> label'}]",
    ),
    Code(
        "PC310",
        "steps for a phase that does not exist, or none for one that relaxes",
        "`inference.steps` is one number, or a number for each phase that relaxes: `clamped` "
        "for predictive coding with a clamped output; `nudged` and `nudged_negative` for a "
        "nudged one; `free` where finding the free equilibrium needs a relaxation. Phases of "
        "other rules may stand beside them, so that one spec serves several rules.",
        wrong="inference: {steps: {nudgd: 20}}",
        right="inference: {steps: {clamped: 20}}",
    ),
    Code(
        "PC311",
        "a precision for a node that does not exist",
        "`energy.precision.per_node` gives factors on the energies of nodes, by name.",
        wrong="energy: {precision: {per_node: {lable: 2.0}}}",
        right="energy: {precision: {per_node: {label: 2.0}}}",
    ),
    Code(
        "PC312",
        "an edge whose ends cannot be read",
        "`path` is a chain of nodes with arrows; ranges in `from` and `to` pair element by "
        "element and so have the same length.",
        wrong="edges: [{path: image => label}]",
        right="edges: [{path: image -> label}]",
    ),
    Code(
        "PC313",
        "a node declared twice",
        "Two entries, or an entry and a range, stand for the same node.",
        wrong="nodes: {image: {shape: [4], role: input}, h1: {shape: [3]}, "
        "'h[1..2]': {shape: [3]}, label: {shape: [2], role: output}}",
        right="nodes: {image: {shape: [4], role: input}, h0: {shape: [3]}, "
        "'h[1..2]': {shape: [3]}, label: {shape: [2], role: output}}\n"
        "edges: [{path: 'image -> h0 -> h[1..2] -> label'}]",
    ),
    Code(
        "PC314",
        "a rule without a loss",
        "Backpropagation and a nudged output need an output with a loss; without targets there "
        "is none.",
        wrong="nodes: {cause: {shape: [2]}, image: {shape: [4], role: input}}\n"
        "edges: [{path: cause -> image}]\n"
        "learning: {rule: backprop}",
        right="nodes: {cause: {shape: [2]}, image: {shape: [4], role: input}}\n"
        "edges: [{path: cause -> image}]\n"
        "learning: {rule: predictive_coding}",
    ),
    Code(
        "PC315",
        "a node named outside the network that does not exist",
        "`data.bind` maps fields of the source to nodes of the spec; `prediction` and "
        "`inference.clamp` name nodes that are held or read.",
        wrong="data: {source: digits, bind: {image: imge}}",
        right="data: {source: digits, bind: {image: image}}",
    ),
    Code(
        "PC316",
        "a node that leads nowhere (warning)",
        "No node that is bound to data can be reached from it, so it stays at its prediction "
        "and its incoming edges learn nothing.",
        wrong="nodes: {image: {shape: [4], role: input}, h: {shape: [3]}, "
        "label: {shape: [2], role: output}}\n"
        "edges: [{path: image -> label}, {path: image -> h}]",
        right="nodes: {image: {shape: [4], role: input}, h: {shape: [3]}, "
        "label: {shape: [2], role: output}}\n"
        "edges: [{path: image -> label}, {path: image -> h -> label}]",
    ),
    Code(
        "PC317",
        "backpropagation through a relaxation that may stop early",
        "Where a free root makes the prediction a relaxation, backpropagation differentiates "
        "it step by step and so must know the number of steps beforehand.",
        wrong="nodes: {cause: {shape: [2]}, label: {shape: [4], role: output}}\n"
        "edges: [{path: cause -> label}]\n"
        "inference: {stop: {residual: 1e-3}}\n"
        "learning: {rule: backprop}",
        right="nodes: {cause: {shape: [2]}, label: {shape: [4], role: output}}\n"
        "edges: [{path: cause -> label}]\n"
        "inference: {steps: 20}\n"
        "learning: {rule: backprop}",
    ),
    Code(
        "PC318",
        "options of a rule that mean nothing (warning)",
        "`beta` and `variant` belong to a nudged output; a clamped one has no nudge.",
        wrong="learning: {rule: {predictive_coding: {beta: 0.5}}}",
        right="learning: {rule: {predictive_coding: {output: nudge, beta: 0.5}}}",
    ),
    Code(
        "PC319",
        "an edge whose parameters cannot be used",
        "`transpose_of` and `tied_to` name another edge, whose parameters are used: one that "
        "exists, has parameters of its own, and, to be transposed, leads forwards.",
        wrong="edges: [{path: image -> label}, {from: label, to: image, kind: feedback, "
        "op: {transpose_of: image->lable}}]",
        right="edges: [{path: image -> label}, {from: label, to: image, kind: feedback, "
        "op: {transpose_of: image->label}}]\n"
        "energy: {form: bidirectional}",
    ),
    Code(
        "PC320",
        "a picture format that pcc does not draw",
        "The ending of the file chooses the format of `pcc diagram`: .svg for a picture, .dot "
        "for Graphviz, .mmd for Mermaid.",
        wrong="pcc diagram specs/digits_mlp.yaml -o net.jpg",
        right="pcc diagram specs/digits_mlp.yaml -o net.svg",
    ),
    Code(
        "PC321",
        "a prior on a node that is predicted",
        "A prior says what a root is expected to be. A node with incoming edges has their "
        "prediction in its place.",
        wrong="nodes: {image: {shape: [4], role: input}, h: {shape: [3], prior: gaussian}, "
        "label: {shape: [2], role: output}}\n"
        "edges: [{path: image -> h -> label}]",
        right="nodes: {cause: {shape: [3], prior: gaussian}, label: {shape: [2], role: output}}\n"
        "edges: [{path: cause -> label}]",
    ),
    Code(
        "PC322",
        "a node with energy none that needs a state",
        "`energy: none` makes a node stand for its prediction, so it must have one that does "
        "not depend on itself, and nothing can be held there or fed back to it.",
        wrong="nodes: {image: {shape: [4], role: input}, "
        "label: {shape: [2], role: output, energy: none}}",
        right="nodes: {image: {shape: [4], role: input}, sum: {shape: [3], energy: none}, "
        "label: {shape: [2], role: output}}\n"
        "edges: [{path: image -> sum -> label}]",
    ),
    Code(
        "PC323",
        "a feedforward pass without an order",
        "A recurrent edge without delay closes a cycle within a time step. States can relax in "
        "it, but no feedforward pass can start them or predict.",
        wrong="nodes: {image: {shape: [4], role: input}, h: {shape: [3]}, "
        "label: {shape: [2], role: output}}\n"
        "edges: [{path: image -> h -> label}, {from: h, to: h, kind: recurrent, delay: 0}]",
        right="nodes: {image: {shape: [4], role: input}, h: {shape: [3]}, "
        "label: {shape: [2], role: output}}\n"
        "edges: [{path: image -> h -> label}, {from: h, to: h, kind: recurrent, delay: 0}]\n"
        "inference: {init: zeros}",
    ),
    Code(
        "PC324",
        "an energy that does not suit its node",
        "The likelihood energies bernoulli and categorical are for data that is held, and a free "
        "state would run away under them; with `logits` they are divergences. The summed errors "
        "of the bidirectional form are defined for gaussian nodes.",
        wrong="nodes: {image: {shape: [4], role: input}, h: {shape: [3], energy: bernoulli}, "
        "label: {shape: [2], role: output}}\n"
        "edges: [{path: image -> h -> label}]",
        right="nodes: {image: {shape: [4], role: input}, "
        "h: {shape: [3], energy: {bernoulli: logits}}, label: {shape: [2], role: output}}\n"
        "edges: [{path: image -> h -> label}]",
    ),
    Code(
        "PC325",
        "a target out of reach (warning)",
        "Information moves along delays. Where the delays from every input to an output add up "
        "to more than the time of the target, the target is predicted without the input.",
        wrong="time: {steps: 2}\n"
        "nodes: {image: {shape: [4], role: input}, h: {shape: [3]}, "
        "label: {shape: [2], role: output}}\n"
        "edges: [{from: image, to: h, delay: 1}, {from: h, to: label, delay: 1}]",
        right="time: {steps: 3}\n"
        "nodes: {image: {shape: [4], role: input}, h: {shape: [3]}, "
        "label: {shape: [2], role: output}}\n"
        "edges: [{from: image, to: h, delay: 1}, {from: h, to: label, delay: 1}]",
    ),
    Code(
        "PC326",
        "feedback edges that are left out (warning)",
        "In predictive coding the errors travel backwards by themselves, so feedback edges mean "
        "nothing there. They may stay in the file, which then serves the bidirectional form too.",
        wrong="edges: [{path: image -> label}, {from: label, to: image, kind: feedback}]",
        right="edges: [{path: image -> label}, {from: label, to: image, kind: feedback}]\n"
        "energy: {form: bidirectional}",
    ),
    Code(
        "PC327",
        "a delay without time for it",
        "An edge with a delay reads another time step. `time: {steps: T}` unrolls the network "
        "into T steps, of which a delay must be shorter.",
        wrong="nodes: {image: {shape: [4], role: input}, h: {shape: [3]}, "
        "label: {shape: [2], role: output}}\n"
        "edges: [{path: image -> h -> label}, {from: h, to: h, kind: recurrent}]",
        right="time: {steps: 3}\n"
        "nodes: {image: {shape: [4], role: input}, h: {shape: [3]}, "
        "label: {shape: [2], role: output}}\n"
        "edges: [{path: image -> h -> label}, {from: h, to: h, kind: recurrent}]",
    ),
    Code(
        "PC401",
        "a pass that does not exist",
        "`--print-after` takes the name of a pass, or `all`; `--disable` only the name of a "
        "pass that optimises, since the others give the program its meaning.",
        wrong="pcc compile specs/digits_mlp.yaml --print-after hoisting",
        right="pcc compile specs/digits_mlp.yaml --print-after hoist",
    ),
)
