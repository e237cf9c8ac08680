"""`extends`: a spec that starts from others.

    extends: [base.yaml, smaller.yaml]

The child wins over its bases and a later base over an earlier one. Mappings merge key by
key; lists and scalars are replaced, and so is the choice of a member (an `sgd` in the child
replaces an `adamw` of the base, options and all). Every value keeps the position of the file
that it came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.spec.language import place
from pccompiler.spec.problems import report
from pccompiler.spec.read import read_document, read_source
from pccompiler.spec.tree import Entry, KeyPath, Mapping, Scalar, Sequence, Tree

MAX_CHAIN = 16
MAX_BASES = 16


@dataclass
class Bases:
    """Reads the bases of one spec; `root` is the folder that they must stay in."""

    root: Path
    problems: list[Diagnostic]
    read: dict[Path, Mapping] = field(default_factory=dict[Path, Mapping])

    def extended(self, tree: Mapping, folder: str, chain: tuple[Path, ...]) -> Mapping:
        """The tree merged over its bases, without the key `extends`.

        `folder` is that of the tree's file, as messages show it; `chain` are the files that
        led here, the tree's own last.
        """
        entry = tree.entries.get("extends")
        if entry is None:
            return tree
        merged = Mapping({}, tree.span)
        names = self._names(entry.value)
        if len(names) > MAX_BASES:
            self._problem("PC209", f"`extends` names more than {MAX_BASES} files", entry.value)
        for name in names[:MAX_BASES]:
            base = self._base(name, folder, chain)
            merged = merge(merged, base) if base else merged
        own = {key: value for key, value in tree.entries.items() if key != "extends"}
        return merge(merged, Mapping(own, tree.span))

    def _names(self, value: Tree) -> list[Scalar]:
        names: list[Scalar] = []
        for item in value.items if isinstance(value, Sequence) else (value,):
            if isinstance(item, Scalar) and isinstance(item.value, str):
                names.append(item)
            elif not (isinstance(item, Scalar) and item.faulty):
                message = "`extends` must be a file name, or a list of file names"
                self._problem("PC209", message, item, "write `extends: [base.yaml]`")
        return names

    def _base(self, name: Scalar, folder: str, chain: tuple[Path, ...]) -> Mapping | None:
        shown = Path(folder) / str(name.value)
        try:
            path = shown.resolve()
        except (OSError, ValueError, RuntimeError) as error:
            self._problem("PC209", f"cannot read `{name.value}`: {error}", name)
            return None
        if not path.is_relative_to(self.root):
            message = f"`{name.value}` is outside the folder of the spec"
            advice = "move the base into the folder of the spec, or below it"
            self._problem("PC209", message, name, advice)
            return None
        if path in chain:
            files = [str(file.relative_to(self.root)) for file in (*chain, path)]
            message = f"`extends` goes in a circle: {' -> '.join(files[chain.index(path) :])}"
            self._problem("PC210", message, name, "remove one of these `extends`")
            return None
        if len(chain) >= MAX_CHAIN:
            message = f"`extends` goes more than {MAX_CHAIN} files deep"
            self._problem("PC209", message, name, "merge some of the files")
            return None
        if path not in self.read:
            self.read[path] = self._read(path, shown, name, chain)
        return self.read[path]

    def _read(self, path: Path, shown: Path, name: Scalar, chain: tuple[Path, ...]) -> Mapping:
        try:
            tree = read_document(read_source(path, str(shown)), self.problems)
        except SpecError as error:
            # A base that cannot be opened has no position of its own: point at its name.
            self.problems += [
                d if d.span else replace(d, span=name.span, path="extends")
                for d in error.diagnostics
            ]
            return Mapping({}, name.span)
        return self.extended(tree, str(shown.parent), (*chain, path))

    def _problem(self, code: str, message: str, at: Tree, help: str = "") -> None:
        report(self.problems, Diagnostic(code, message, at.span, "extends", help=help))


def merge(base: Mapping, child: Mapping, path: KeyPath = ()) -> Mapping:
    """The child's mapping over the base's."""
    entries = dict(base.entries)
    for key, entry in child.entries.items():
        old = entries.get(key)
        value = entry.value if old is None else _merged(old.value, entry.value, (*path, key))
        entries[key] = Entry(value, entry.key_span)
    return Mapping(entries, child.span)


def _merged(base: Tree, child: Tree, path: KeyPath) -> Tree:
    if not isinstance(base, Mapping) or not isinstance(child, Mapping):
        return child
    if place(path).choice and list(base.entries) != list(child.entries):
        return child
    return merge(base, child, path)
