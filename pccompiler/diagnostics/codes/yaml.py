"""PC1xx: reading the file."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code

YAML_CODES: tuple[Code, ...] = (
    Code(
        "PC101",
        "the spec cannot be read",
        "The path names no file, a folder, or a file that may not be opened.",
        wrong="pcc check no_such_spec.yaml",
        right="pcc check specs/digits_mlp.yaml",
    ),
    Code(
        "PC102",
        "not UTF-8 text",
        "A spec is text in UTF-8. Bytes that are no UTF-8, and control characters such as NUL, "
        "mean that the file is something else or was damaged. A byte order mark and Windows "
        "line ends are fine.",
        wrong='name: "digits\\0mlp"',
        right="name: digits_mlp",
    ),
    Code(
        "PC103",
        "not YAML",
        "The text does not follow YAML's grammar from the marked place on: a tab as "
        "indentation, an open quote or bracket, a text with `: ` in it that needs quotes. "
        "The place is where reading stopped; the mistake may stand a little before it.",
        wrong="description: energy: the sum of squared errors",
        right='description: "energy: the sum of squared errors"',
    ),
    Code(
        "PC104",
        "an empty spec",
        "The file holds nothing, or only comments.",
        wrong="# to be written",
        right="pcc: 1",
    ),
    Code(
        "PC105",
        "several documents",
        "One file is one spec; `---` starts a second YAML document.",
        wrong="pcc: 1\n---\npcc: 1",
        right="pcc: 1",
    ),
    Code(
        "PC106",
        "no mapping on top",
        "A spec is a mapping of keys to values, with no dash before its sections.",
        wrong="- pcc: 1\n- name: digits_mlp",
        right="pcc: 1\nname: digits_mlp",
    ),
    Code(
        "PC107",
        "the same key twice",
        "Most YAML readers keep the last of two equal keys in silence, so that half of a "
        "section is lost. Here it is an error, also where two keys become equal only after "
        "parameters have been put in.",
        wrong="training:\n  epochs: 10\n  epochs: 20",
        right="training:\n  epochs: 20",
    ),
    Code(
        "PC108",
        "a tag",
        "Tags such as `!!python/object` tell a YAML reader to build other kinds of values. "
        "The language has none, and none is ever carried out.",
        wrong='name: !!python/object/apply:os.system ["echo"]',
        right="name: digits_mlp",
    ),
    Code(
        "PC109",
        "an alias that repeats too much, itself, or nothing",
        "`*name` repeats the value marked with `&name` before it. A few aliases can repeat "
        "each other to billions of values, so what they repeat is counted.",
        wrong="nodes: &all\n  h: *all",
        right="nodes:\n  h1: &hidden {shape: [32]}\n  h2: *hidden",
    ),
    Code(
        "PC110",
        "too large or too deep",
        "Files above 256 KiB and values nested more than 50 deep are refused before anything "
        "walks them. A network with many layers is written with a range, `h[1..100]`.",
        wrong="nodes: " + 60 * "[" + 60 * "]",
        right="nodes: {}",
    ),
    Code(
        "PC111",
        "a number that cannot be used",
        "Infinity, NaN and numbers beyond 64 bits have no meaning in a spec.",
        wrong="inference: {optimizer: {sgd: {learning_rate: .inf}}}",
        right="inference: {optimizer: {sgd: {learning_rate: 0.1}}}",
    ),
    Code(
        "PC112",
        "a key that is no name",
        "Keys are texts; a list, a mapping or nothing at all cannot be one.",
        wrong="nodes:\n  [h1, h2]: {shape: [32]}",
        right="nodes:\n  h[1..2]: {shape: [32]}",
    ),
)
