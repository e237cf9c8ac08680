"""PC1xx: reading the file."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code, whole

YAML_CODES: tuple[Code, ...] = (
    Code(
        "PC101",
        "the spec cannot be read",
        "The path names no file, a folder, a pipe, or a file that may not be opened.",
        why="Paths start at the folder in which the command is given, not at that of a spec.",
        wrong="pcc check no_such_spec.yaml",
        right="pcc check specs/digits_mlp.yaml",
    ),
    Code(
        "PC102",
        "not UTF-8 text",
        "A spec is text in UTF-8. Bytes that are no UTF-8, and control characters such as NUL, "
        "have no place in it; a byte order mark and Windows line ends are fine.",
        why="Such bytes mean that the file is something else, or was damaged; a guess at them "
        "could train another network than the one that was written.",
        wrong=whole('name: "digits\\0mlp"'),
        right=whole("name: digits_mlp"),
    ),
    Code(
        "PC103",
        "not YAML",
        "The text does not follow YAML's grammar from the marked place on: a tab as "
        "indentation, an open quote or bracket, a text with `: ` in it that needs quotes. "
        "The place is where reading stopped; the mistake may stand a little before it.",
        why="What follows cannot be understood, so mistakes after it are not told yet.",
        wrong=whole("description: energy: the sum of squared errors"),
        right=whole('description: "energy: the sum of squared errors"'),
    ),
    Code(
        "PC104",
        "an empty spec",
        "The file holds nothing, or only comments.",
        why="A spec has no defaults for its version, its name and its nodes; `pcc new` writes "
        "one to start from.",
        wrong="# to be written",
        right=whole(),
    ),
    Code(
        "PC105",
        "several documents",
        "One file is one spec; `---` starts a second YAML document.",
        why="Only one of them could be meant, and reading the first would drop the other in "
        "silence. Specs that share much are written with `extends`.",
        wrong=f"{whole()}\n---\n{whole('name: second')}",
        right=whole(),
    ),
    Code(
        "PC106",
        "no mapping on top",
        "A spec is a mapping of keys to values, with no dash before its sections.",
        why="Sections are found by their keys, and a list has none.",
        wrong="- pcc: 1\n- name: example",
        right=whole(),
    ),
    Code(
        "PC107",
        "the same key twice",
        "A section holds two equal keys, also where they become equal only after parameters "
        "have been put in.",
        why="Most YAML readers keep the last of two equal keys in silence, so that half of a "
        "section is lost.",
        wrong=whole("training:\n  epochs: 10\n  epochs: 20"),
        right=whole("training:\n  epochs: 20"),
    ),
    Code(
        "PC108",
        "a tag",
        "Tags such as `!!python/object` tell a YAML reader to build other kinds of values. "
        "The language has none.",
        why="In a file from elsewhere a tag can run code on your machine; none is ever carried "
        "out here.",
        wrong=whole('name: !!python/object/apply:os.system ["echo"]'),
        right=whole("name: digits_mlp"),
    ),
    Code(
        "PC109",
        "an alias that repeats too much, itself, or nothing",
        "`*name` repeats the value marked with `&name` before it.",
        why="A few aliases can repeat each other to billions of values and fill the memory, so "
        "what they repeat is counted.",
        wrong=whole("nodes: &all\n  image: *all"),
        right=whole(
            "nodes:\n  left:  &pixels {shape: [4], role: input}\n  right: *pixels\n"
            "  label: {shape: [2], role: output}\n"
            "edges:\n  - {path: left -> label}\n  - {path: right -> label}"
        ),
    ),
    Code(
        "PC110",
        "too large or too deep",
        "A spec may have 256 KiB, and values nested 50 deep. A network with many layers is "
        "written with a range, `h[1..100]`.",
        why="Files made to exhaust a reader are refused before anything walks them.",
        wrong=whole("nodes: " + 51 * "[" + 51 * "]"),
        right=whole(),
    ),
    Code(
        "PC111",
        "a number that cannot be used",
        "Infinity, NaN and numbers beyond 64 bits have no meaning in a spec.",
        why="Such a number would spread through every state and every parameter at the first step.",
        wrong=whole("inference: {optimizer: {sgd: {learning_rate: .inf}}}"),
        right=whole("inference: {optimizer: {sgd: {learning_rate: 0.1}}}"),
    ),
    Code(
        "PC112",
        "a key that is no name",
        "Keys are texts; a list, a mapping or nothing at all cannot be one. Many nodes at once "
        "are written as a range, `h[1..2]`.",
        why="Keys name nodes and options, and messages, metrics and parameters use these names.",
        wrong=whole(
            "nodes:\n  image: {shape: [4], role: input}\n  [h1, h2]: {shape: [3]}\n"
            "  label: {shape: [2], role: output}\n"
            "edges:\n  - {path: 'image -> h[1..2] -> label'}"
        ),
        right=whole(
            "nodes:\n  image: {shape: [4], role: input}\n  h[1..2]: {shape: [3]}\n"
            "  label: {shape: [2], role: output}\nedges:\n"
            "  - {path: 'image -> h[1..2] -> label'}"
        ),
    ),
    Code(
        "PC113",
        "a merge key without a mapping",
        "`<<: *name` takes over the keys of the mapping marked with `&name`; keys that stand "
        "beside it win. Of `<<: [*one, *two]` the first wins.",
        why="Of a text or a list there are no keys to take over.",
        wrong=whole(
            "nodes:\n  image: {shape: &size [4], role: input}\n"
            "  label: {<<: *size, shape: [2], role: output}"
        ),
        right=whole(
            "nodes:\n  image: &node {shape: [4], role: input}\n"
            "  label: {<<: *node, shape: [2], role: output}"
        ),
    ),
    Code(
        "PC114",
        "an item that continues the text above it",
        "A line that is indented further than the text above it belongs to that text, even if "
        "it begins with a dash.",
        why="Two items would be one, whose name nothing has.",
        wrong=whole("prediction:\n  read:\n    - label\n     - image"),
        right=whole("prediction:\n  read:\n    - label\n    - image"),
    ),
)
