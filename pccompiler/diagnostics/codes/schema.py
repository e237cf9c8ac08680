"""PC2xx: keys, values and names of the language, `extends`, parameters and overrides."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code, whole

SCHEMA_CODES: tuple[Code, ...] = (
    Code(
        "PC201",
        "an unknown key",
        "The section has no key of this name.",
        why="An unknown key is most often a misspelt one, and ignoring it would train something "
        "else than what was meant.",
        wrong=whole("training: {epoch: 20}"),
        right=whole("training: {epochs: 20}"),
    ),
    Code(
        "PC202",
        "a missing key",
        "A section lacks a key that has no default.",
        why="There is no value that would suit most networks, so the spec has to say it.",
        wrong="pcc: 1\nnodes:\n  image: {shape: [4], role: input}\n"
        "  label: {shape: [2], role: output}\nedges:\n  - {path: image -> label}",
        right=whole(),
    ),
    Code(
        "PC203",
        "an unknown name",
        "Rules, operators, losses, optimisers and the like are chosen by name from a list.",
        why="The help names the most similar one; the language guide and the JSON schema "
        "(`pcc schema`) list all.",
        wrong=whole("energy: {loss: square_error}"),
        right=whole("energy: {loss: squared_error}"),
    ),
    Code(
        "PC204",
        "the wrong kind of value",
        "A quoted number is a text, `yes` is a text, `1e3` is no whole number, and a section "
        "with nothing below it is not a section.",
        why="Nothing is converted in silence: what a spec seems to say is what it says.",
        wrong=whole('training: {epochs: "20"}'),
        right=whole("training: {epochs: 20}"),
    ),
    Code(
        "PC205",
        "a value out of bounds",
        "The value is of the right kind but outside the range in which it means something.",
        why="Left alone it would fail later with a message about arrays, or train nothing.",
        wrong=whole("inference: {steps: 0}"),
        right=whole("inference: {steps: 20}"),
    ),
    Code(
        "PC206",
        "not one choice",
        "A rule, an operator or an optimiser is written as its name, or as a mapping with that "
        "name as its only key and the options below it.",
        why="Of two choices only one can be meant; options beside the name belong below it.",
        wrong=whole("learning:\n  optimizer: {adamw: {}, sgd: {}}"),
        right=whole("learning:\n  optimizer: {adamw: {learning_rate: 1e-3}}"),
    ),
    Code(
        "PC207",
        "the ends of an edge",
        "An edge has either a `path` through two or more nodes, or `from` and `to` (and then "
        "perhaps a `name`), never a mixture.",
        why="An edge with one end predicts nothing, and a path makes several edges, which cannot "
        "share a name.",
        wrong=whole("edges:\n  - {from: image, op: dense}"),
        right=whole("edges:\n  - {from: image, to: label, op: dense}"),
    ),
    Code(
        "PC208",
        "an unknown parameter",
        "`${name}` stands for the number that `params` gives this name.",
        why="Without a value there is nothing to put in its place.",
        wrong=whole(
            'params: {units: 4}\nnodes:\n  image: {shape: ["${unit}"], role: input}\n'
            "  label: {shape: [2], role: output}"
        ),
        right=whole(
            'params: {units: 4}\nnodes:\n  image: {shape: ["${units}"], role: input}\n'
            "  label: {shape: [2], role: output}"
        ),
    ),
    Code(
        "PC209",
        "a base that cannot be used",
        "`extends` names spec files, relative to the file that says it. They must lie in the "
        "folder of the spec that is compiled or below it.",
        why="A spec from elsewhere must not be able to read the rest of the disk.",
        wrong=whole("extends: [../base.yaml]"),
        right=whole("extends: [base.yaml]        # a spec beside this one"),
    ),
    Code(
        "PC210",
        "`extends` in a circle",
        "A spec extends itself, perhaps through others.",
        why="It would have to be merged over itself, without end.",
        wrong=whole("extends: [spec.yaml]        # in spec.yaml itself"),
        right=whole("extends: [base.yaml]        # a spec beside this one"),
    ),
    Code(
        "PC211",
        "an override that fits nothing",
        "`-s key.path=value` replaces one value of the spec. It may set a key that the file "
        "leaves out, but it cannot add a parameter or a node, and list items are given by "
        "number, from 0.",
        why="An override that changes nothing would leave the run as it was, unnoticed.",
        wrong="pcc check specs/digits_mlp.yaml -s params.widht=64",
        right="pcc check specs/digits_mlp.yaml -s params.width=64",
    ),
    Code(
        "PC212",
        "a value of the wrong form",
        "The value is a text or number, but not in the form that this key asks for. Names "
        "begin with a letter, followed by letters, digits, `_`, `.` and `-`.",
        why="Names become folders of runs and keys of parameters, where blanks and slashes "
        "would lead elsewhere.",
        wrong=whole("name: my first network"),
        right=whole("name: my_first_network"),
    ),
)
