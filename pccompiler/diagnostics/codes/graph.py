"""PC3xx about nodes, edges, shapes and pictures, and PC4xx, the passes."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code, whole

HIDDEN = (
    "nodes:\n  image: {shape: [4], role: input}\n  h:     {shape: [3]}\n"
    "  label: {shape: [2], role: output}\n"
)
LOOP = "edges:\n  - {path: image -> h -> label}\n  - {from: h, to: h, kind: recurrent}"

GRAPH_CODES: tuple[Code, ...] = (
    Code(
        "PC301",
        "an edge to a node that does not exist",
        "Both ends of an edge are nodes of the spec. A name is often misspelt, or a range is "
        "one too short.",
        why="An edge to nowhere would be left out, and the network would not be the one that "
        "was meant.",
        wrong=whole("edges:\n  - {path: image -> labl}"),
        right=whole("edges:\n  - {path: image -> label}"),
    ),
    Code(
        "PC302",
        "a cycle of edges without delay",
        "A node's prediction is computed from its sources, and theirs from their sources. In a "
        "cycle a prediction depends on itself.",
        why="There would be no feedforward pass, which starts the states and often predicts. An "
        "edge backwards is written `kind: recurrent`, or `kind: feedback`.",
        wrong=whole(
            HIDDEN + "  g:     {shape: [3]}\n"
            "edges:\n  - {path: image -> h -> g -> label}\n  - {from: g, to: h}"
        ),
        right=whole(
            "time: {steps: 3}\n" + HIDDEN + "  g:     {shape: [3]}\n"
            "edges:\n  - {path: image -> h -> g -> label}\n  - {from: g, to: h, kind: recurrent}"
        ),
    ),
    Code(
        "PC303",
        "shapes that do not meet on an edge",
        "What an edge's operators make of its source's state is added into its target's "
        "prediction, so the two shapes must be the same.",
        why="Arrays that merely broadcast would give numbers without meaning.",
        wrong=whole(
            "nodes:\n  image: {shape: [8, 8], role: input}\n  label: {shape: [10], role: output}\n"
            "edges:\n  - {path: image -> label, op: dense}"
        ),
        right=whole(
            "nodes:\n  image: {shape: [8, 8], role: input}\n  label: {shape: [10], role: output}\n"
            "edges:\n  - {path: image -> label, op: [flatten, dense]}"
        ),
    ),
    Code(
        "PC304",
        "a shape that nothing determines",
        "A node's shape may be left out where an incoming edge determines it. A root has no "
        "incoming edge, and a dense operator takes its size from its target.",
        why="Parameters can only be drawn once all sizes are known.",
        wrong=whole("nodes:\n  image: {role: input}\n  label: {shape: [2], role: output}"),
        right=whole(
            "nodes:\n  image: {shape: [4], role: input}\n  label: {shape: [2], role: output}"
        ),
    ),
    Code(
        "PC305",
        "two edges of the same name",
        "An edge is called `from->to` unless it has a `name`. Two edges with the same ends need "
        "names of their own.",
        why="The parameters of an edge carry its name, in memory and in checkpoints.",
        wrong=whole(
            "edges:\n  - {path: image -> label}\n  - {from: image, to: label, op: [tanh, dense]}"
        ),
        right=whole(
            "edges:\n  - {path: image -> label}\n"
            "  - {from: image, to: label, op: [tanh, dense], name: bent}"
        ),
    ),
    Code(
        "PC306",
        "a node without edges",
        "No edge touches the node. (A node whose edges lead nowhere is only a warning, PC316.)",
        why="It takes part in nothing, so an edge was most likely forgotten or misspelt.",
        wrong=whole(HIDDEN + "edges:\n  - {path: image -> label}"),
        right=whole(HIDDEN + "edges:\n  - {path: image -> h -> label}"),
    ),
    Code(
        "PC307",
        "nothing to learn from",
        "At least one node that is bound to data must be predicted by an edge, and every output "
        "must be.",
        why="Parameters learn from the error between data and a prediction of it.",
        wrong=whole("nodes:\n  image: {shape: [4], role: input}\n  label: {shape: [2]}"),
        right=whole(
            "nodes:\n  image: {shape: [4], role: input}\n  label: {shape: [2], role: output}"
        ),
    ),
    Code(
        "PC308",
        "more memory than this machine has",
        "Parameters, their gradients, the optimiser's memory and the states of one batch must "
        "fit. The estimate counts them in 32-bit numbers.",
        why="A run that outgrows the memory is killed by the system without a message.",
        wrong=whole(
            "nodes:\n  image: {shape: [9000000], role: input}\n"
            "  label: {shape: [9000000], role: output}"
        ),
        right=whole(
            "nodes:\n  image: {shape: [900], role: input}\n  label: {shape: [900], role: output}"
        ),
    ),
    Code(
        "PC309",
        "a name that cannot be used",
        "Names of nodes are letters, digits and underscores, with no digit first; a range such "
        "as h[1..3] stands for h1, h2, h3.",
        why="Names stand in paths, ranges and tables. `total` and `external` are taken: they "
        "stand beside node names in tables of energies.",
        wrong=whole(
            "nodes:\n  image: {shape: [4], role: input}\n  h[3..1]: {shape: [3]}\n"
            "  label: {shape: [2], role: output}"
        ),
        right=whole(
            "nodes:\n  image: {shape: [4], role: input}\n  h[1..3]: {shape: [3]}\n"
            "  label: {shape: [2], role: output}\n"
            "edges:\n  - {path: 'image -> h[1..3] -> label'}"
        ),
    ),
    Code(
        "PC312",
        "an edge whose ends cannot be read",
        "`path` is a chain of nodes with arrows; ranges in `from` and `to` pair element by "
        "element and so have the same length.",
        why="It would be a guess which nodes the edge joins.",
        wrong=whole("edges:\n  - {path: image => label}"),
        right=whole("edges:\n  - {path: image -> label}"),
    ),
    Code(
        "PC313",
        "a node declared twice",
        "Two entries, or an entry and a range, stand for the same node.",
        why="They may say different things of it, and only one can hold.",
        wrong=whole(
            "nodes:\n  image:   {shape: [4], role: input}\n  h1:      {shape: [3]}\n"
            "  h[1..2]: {shape: [3]}\n  label:   {shape: [2], role: output}\n"
            "edges:\n  - {path: 'image -> h[1..2] -> label'}"
        ),
        right=whole(
            "nodes:\n  image:   {shape: [4], role: input}\n"
            "  h[1..2]: {shape: [3]}\n  label:   {shape: [2], role: output}\n"
            "edges:\n  - {path: 'image -> h[1..2] -> label'}"
        ),
    ),
    Code(
        "PC315",
        "a node named outside the network that does not exist",
        "`data.bind` maps fields of the source to nodes of the spec; `prediction` and "
        "`inference.clamp` name nodes that are clamped or read.",
        why="Data for a node that does not exist would be dropped.",
        wrong=whole("data: {source: digits, bind: {image: imge}}"),
        right=whole("data: {source: digits, bind: {image: image}}"),
    ),
    Code(
        "PC316",
        "a node that leads nowhere (warning)",
        "No node that is bound to data can be reached from it.",
        why="It stays at its prediction, and its incoming edges learn nothing.",
        wrong=whole(HIDDEN + "edges:\n  - {path: image -> label}\n  - {path: image -> h}"),
        right=whole(HIDDEN + "edges:\n  - {path: image -> label}\n  - {path: image -> h -> label}"),
    ),
    Code(
        "PC319",
        "an edge whose parameters cannot be used",
        "`transpose_of` and `tied_to` name another edge, whose parameters are used: one that "
        "exists, has parameters of its own, and, to be transposed, leads forwards.",
        why="Without them the edge would have no parameters, or ones that go round in a circle.",
        wrong=whole(
            "edges:\n  - {path: image -> label}\n"
            "  - {from: label, to: image, kind: feedback, op: {transpose_of: image->lable}}\n"
            "energy: {form: bidirectional}"
        ),
        right=whole(
            "edges:\n  - {path: image -> label}\n"
            "  - {from: label, to: image, kind: feedback, op: {transpose_of: image->label}}\n"
            "energy: {form: bidirectional}"
        ),
    ),
    Code(
        "PC320",
        "a picture format that pcc does not draw",
        "The ending of the file chooses the format of `pcc diagram`: .svg, .png or .pdf for a "
        "picture, .html for a page to explore, .dot for Graphviz, .mmd for Mermaid.",
        why="A file whose ending does not fit its content opens in no program.",
        wrong="pcc diagram specs/digits_mlp.yaml -o net.jpg",
        right="pcc diagram specs/digits_mlp.yaml -o net.svg",
    ),
    Code(
        "PC325",
        "a target out of reach (warning)",
        "Information moves along delays. Where the delays from every input to an output add up "
        "to more than the time of the target, no input can be seen in it.",
        why="The target is predicted from biases alone, so what is learned is its mean.",
        wrong=whole(
            "time: {steps: 2}\n" + HIDDEN + "edges:\n  - {from: image, to: h, delay: 1}\n"
            "  - {from: h, to: label, delay: 1}"
        ),
        right=whole(
            "time: {steps: 3}\n" + HIDDEN + "edges:\n  - {from: image, to: h, delay: 1}\n"
            "  - {from: h, to: label, delay: 1}"
        ),
    ),
    Code(
        "PC327",
        "a delay without time for it",
        "An edge with a delay reads another time step. `time: {steps: T}` unrolls the network "
        "into T steps, of which a delay must be shorter.",
        why="The edge would read a step that is never there, and so contribute nothing.",
        wrong=whole(HIDDEN + LOOP),
        right=whole("time: {steps: 3}\n" + HIDDEN + LOOP),
    ),
    Code(
        "PC340",
        "an output that no data reaches",
        "Edges join every output to a node that is clamped to data: an input, or one that "
        "`prediction.clamp` or `inference.clamp` names. Most often `role: input` was forgotten. "
        "(A generative network needs no input; its roots have a `prior`.)",
        why="Its prediction would be the same for every sample, whatever the data say, and "
        "training would find the most frequent class or the mean.",
        wrong=whole("nodes:\n  image: {shape: [4]}\n  label: {shape: [2], role: output}"),
        right=whole(
            "nodes:\n  image: {shape: [4], role: input}\n  label: {shape: [2], role: output}"
        ),
    ),
    Code(
        "PC401",
        "a pass that does not exist",
        "`--print-after` takes the name of a pass, or `all`; `--disable` only the name of a "
        "pass that optimises.",
        why="The other passes give the program its meaning; without them it could not run.",
        wrong="pcc compile specs/digits_mlp.yaml --print-after hoisting",
        right="pcc compile specs/digits_mlp.yaml --print-after hoist",
    ),
)
