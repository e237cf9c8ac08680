"""PC2xx: keys, values and names of the language, `extends`, parameters and overrides."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code

SCHEMA_CODES: tuple[Code, ...] = (
    Code(
        "PC201",
        "an unknown key",
        "An unknown key is most often a misspelt one, and ignoring it would train something "
        "else than what was meant.",
        wrong="training: {epoch: 20}",
        right="training: {epochs: 20}",
    ),
    Code(
        "PC202",
        "a missing key",
        "A section lacks a key that has no default.",
        wrong="pcc: 1\nnodes:\n  image: {shape: [64], role: input}",
        right="pcc: 1\nname: digits\nnodes:\n  image: {shape: [64], role: input}",
    ),
    Code(
        "PC203",
        "an unknown name",
        "Rules, operators, losses, optimisers and the like are chosen by name from a list.",
        wrong="energy: {loss: square_error}",
        right="energy: {loss: squared_error}",
    ),
    Code(
        "PC204",
        "the wrong kind of value",
        "Nothing is converted in silence: a quoted number is a text, `yes` is a text, `1e3` is "
        "no whole number, and a section with nothing below it is not a section.",
        wrong='training: {epochs: "20"}',
        right="training: {epochs: 20}",
    ),
    Code(
        "PC205",
        "a value out of bounds",
        "The value is of the right kind but outside the range in which it means something.",
        wrong="inference: {steps: 0}",
        right="inference: {steps: 20}",
    ),
    Code(
        "PC206",
        "not one choice",
        "A rule, an operator or an optimiser is written as its name, or as a mapping with that "
        "name as its only key and the options below it.",
        wrong="learning:\n  optimizer: {adamw: {}, sgd: {}}",
        right="learning:\n  optimizer: {adamw: {learning_rate: 1e-3}}",
    ),
    Code(
        "PC207",
        "the ends of an edge",
        "An edge has either a `path` through two or more nodes, or `from` and `to` (and then "
        "perhaps a `name`), never a mixture.",
        wrong="edges:\n  - {from: image, op: dense}",
        right="edges:\n  - {from: image, to: label, op: dense}",
    ),
    Code(
        "PC208",
        "an unknown parameter",
        "`${name}` stands for the number that `params` gives this name.",
        wrong='params: {width: 128}\nnodes:\n  h: {shape: ["${widht}"]}',
        right='params: {width: 128}\nnodes:\n  h: {shape: ["${width}"]}',
    ),
    Code(
        "PC209",
        "a base that cannot be used",
        "`extends` names spec files, relative to the file that says it. They must lie in the "
        "folder of the spec that is compiled or below it, so that a spec from elsewhere cannot "
        "read the rest of the disk.",
        wrong="extends: [../base.yaml]",
        right="extends: [base.yaml]",
    ),
    Code(
        "PC210",
        "`extends` in a circle",
        "A spec would have to be merged over itself.",
        wrong="extends: [spec.yaml]",
        right="extends: [base.yaml]",
    ),
    Code(
        "PC211",
        "an override that fits nothing",
        "`-s key.path=value` replaces one value of the spec. It may set a key that the file "
        "leaves out, but it cannot add a parameter or a node, and list items are given by "
        "number, from 0.",
        wrong="pcc check spec.yaml -s params.widht=64",
        right="pcc check spec.yaml -s params.width=64",
    ),
    Code(
        "PC212",
        "a value of the wrong form",
        "The value is a text or number, but not in the form that this key asks for. Names "
        "begin with a letter, followed by letters, digits, `_`, `.` and `-`.",
        wrong="name: my first network",
        right="name: my_first_network",
    ),
)
