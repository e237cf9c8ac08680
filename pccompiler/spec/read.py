"""YAML text to a tree with positions; harmful input is refused before anything walks it.

The parser's events are read one by one, so nesting, size and aliases are bounded while the
tree is built, and no tag is ever constructed. Plain aliases are allowed; the values that
they repeat are counted, so a file cannot grow without end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.source import LINE_BREAK, Source, Span
from pccompiler.diagnostics.suggest import closest
from pccompiler.diagnostics.wording import plural
from pccompiler.spec.problems import report, shortened
from pccompiler.spec.scalars import NumberError, meaning
from pccompiler.spec.syntax import misplaced, told
from pccompiler.spec.tree import Entry, KeyPath, Mapping, Scalar, Sequence, Tree, dotted

MAX_BYTES = 256 * 1024
MAX_DEPTH = 50
_LIKE_FILE = 0.7
"""Least similarity of a suggested file name; any two short words have something in common."""
MAX_REPEATED = 10_000
"""Values that aliases may repeat in one file."""

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_source(path: Path, shown: str) -> Source:
    """The text of a file. Raises SpecError (PC101, PC102, PC110).

    Pipes are read where the system makes them (`/dev/stdin`, the shell's `<(...)`); one with a
    name of its own is refused, since without a writer it would be waited for without end.
    """
    try:
        if path.is_fifo() and path.absolute().parts[1:2] not in (("dev",), ("proc",)):
            help = "name a file; what a program prints is read as `/dev/stdin`"
            raise SpecError(_unreadable(shown, f"`{shown}` is a pipe, not a file", help))
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise SpecError(_folder(path, shown)) from None
    except FileNotFoundError:
        raise SpecError(_missing(path, shown)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        help = "check the path, and whether you may read it"
        raise SpecError(_unreadable(shown, f"cannot read `{shown}`: {reason}", help)) from None
    if len(data) > MAX_BYTES:
        message = f"`{shown}` is larger than {MAX_BYTES:,} bytes"
        help = "a spec is a few hundred lines at most"
        raise SpecError(Diagnostic("PC110", message, help=help, file=shown))
    try:
        return Source(shown, data.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        known = Source(shown, data[: error.start].decode("utf-8").removeprefix("\ufeff"))
        line, column = _line_and_column(known.text, len(known.text))
        message = f"the file is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
        span = Span(known, line, column, line, column + 1)
        raise SpecError(Diagnostic("PC102", message, span, help="save the file as UTF-8")) from None


def _unreadable(shown: str, message: str, help: str) -> Diagnostic:
    return Diagnostic("PC101", message, help=help, file=shown)


def _folder(path: Path, shown: str) -> Diagnostic:
    inside = [file.name for file in sorted(path.glob("*.y*ml"))]
    if "spec.yaml" in inside and (path / "checkpoints").is_dir():
        help = f"`pcc resume {shown}` goes on with it; its spec is {Path(shown) / 'spec.yaml'}"
        return _unreadable(shown, f"`{shown}` is the folder of a run, not a spec", help)
    help = f"name a file in it, such as {Path(shown) / inside[0]}" if inside else "name a file"
    return _unreadable(shown, f"`{shown}` is a folder", help)


def _missing(path: Path, shown: str) -> Diagnostic:
    try:
        neighbours = {file.stem: file.name for file in path.parent.glob("*.y*ml")}
    except (OSError, ValueError):
        neighbours = {}
    near = closest(path.stem, neighbours, _LIKE_FILE)  # the ending is common to all
    advice = f"did you mean `{Path(shown).with_name(neighbours[near])}`?" if near else ""
    return _unreadable(shown, f"there is no file `{shown}`", advice or "check the path")


def read_document(source: Source, problems: list[Diagnostic]) -> Mapping:
    """The one mapping that a spec file holds.

    Faults that leave the rest readable are added to `problems`; others raise SpecError.
    """
    builder = _Builder(source, problems)
    tree = builder.document()
    if isinstance(tree, Mapping):
        return tree
    if isinstance(tree, Scalar) and tree.faulty:
        raise SpecError(())  # what is wrong with it stands in `problems`
    if isinstance(tree, Sequence):
        found = "a list"
    elif tree.value is None:
        found = "nothing but null"
    else:
        found = f"the text or number `{shortened(tree.written)}`"
    raise SpecError(
        Diagnostic(
            "PC106",
            f"a spec is a mapping of keys to values, but the file holds {found}",
            tree.span,
            help="start with `pcc: 1`",
        )
    )


def read_value(source: Source, start: int, problems: list[Diagnostic]) -> Tree:
    """The YAML value that stands in a source from the offset `start` on."""
    # Blanks keep the columns of what follows.
    return _Builder(source, problems, " " * start + source.text[start:]).document(empty=True)


class _Builder:
    """Builds one tree from the events of one text."""

    def __init__(self, source: Source, problems: list[Diagnostic], text: str | None = None) -> None:
        self.source = source
        self.problems = problems
        self.text = source.text if text is None else text
        self.stand_ins = _stand_ins(self.text)
        self.anchors: dict[str, tuple[Tree, int, int]] = {}
        self.open_anchors: set[str] = set()
        self.repeated = 0

    def document(self, empty: bool = False) -> Tree:
        """The only document of the text; `empty` text means null where that is allowed."""
        self._refuse_control_characters()
        try:
            text = self.text.translate(self.stand_ins)
            events = iter(yaml.parse(text, Loader=_LOADER))
            return self._only_document(events, empty)
        except yaml.MarkedYAMLError as error:
            raise SpecError(self._syntax(error)) from None
        except yaml.YAMLError as error:
            raise SpecError(Diagnostic("PC103", f"the file is not YAML: {error}")) from None

    def _only_document(self, events: Iterator[Any], empty: bool) -> Tree:
        next(events)  # the start of the stream
        start = next(events)
        if isinstance(start, yaml.StreamEndEvent):
            if empty:
                return Scalar(None, self._span(start))
            raise SpecError(self._nothing_there())
        tree, _, _ = self._node(next(events), events, ())
        next(events)  # the end of the document
        after = next(events)
        if isinstance(after, yaml.StreamEndEvent):
            return tree
        span = self._span(after)
        message = "the file holds several documents, but a spec is one"
        raise SpecError(
            Diagnostic("PC105", message, span, help="remove `---` or split the file in two")
        )

    def _node(self, event: Any, events: Iterator[Any], path: KeyPath) -> tuple[Tree, int, int]:
        """A tree, how many values it holds, and how deep it is."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        if len(path) >= MAX_DEPTH:
            raise SpecError(
                Diagnostic(
                    "PC110", f"values are nested more than {MAX_DEPTH} deep", self._span(event)
                )
            )
        if event.anchor is not None:
            self.open_anchors.add(event.anchor)
        if isinstance(event, yaml.ScalarEvent):
            built: tuple[Tree, int, int] = (self._scalar(event, path), 1, 1)
        elif isinstance(event, yaml.SequenceStartEvent):
            built = self._sequence(event, events, path)
        else:
            built = self._mapping(event, events, path)
        if event.tag is not None:
            self._refuse_tag(event, path)
            built = (Scalar(None, self._span(event), faulty=True), 1, 1)
        if event.anchor is not None:
            self.open_anchors.discard(event.anchor)
            self.anchors[event.anchor] = built
        return built

    def _sequence(self, start: Any, events: Iterator[Any], path: KeyPath) -> tuple[Tree, int, int]:
        items: list[Tree] = []
        size, height = 1, 1
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                return Sequence(tuple(items), self._span(start, event)), size, height
            item, more, below = self._node(event, events, (*path, len(items)))
            items.append(item)
            size, height = size + more, max(height, below + 1)
        raise AssertionError("the parser ends every sequence")

    def _mapping(self, start: Any, events: Iterator[Any], path: KeyPath) -> tuple[Tree, int, int]:
        entries: dict[str, Entry] = {}
        merges: dict[str, Entry] = {}
        size, height = 1, 1
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                merged = self._merged(merges, path)
                return Mapping({**merged, **entries}, self._span(start, event)), size, height
            key, _, _ = self._node(event, events, (*path, ""))
            name = key.written if isinstance(key, Scalar) else ""
            value, more, below = self._node(next(events), events, (*path, name))
            size, height = size + more, max(height, below + 1)
            self._add(merges if _merges(event) else entries, key, value, path)
        raise AssertionError("the parser ends every mapping")

    def _add(self, entries: dict[str, Entry], key: Tree, value: Tree, path: KeyPath) -> None:
        if not isinstance(key, Scalar) or not key.written:
            found = "an empty key" if isinstance(key, Scalar) else "a list or mapping as a key"
            self._problem(
                "PC112", f"{found}; a key is a name", key.span, path, help="write `name: value`"
            )
            return
        first = entries.get(key.written)
        if first is None:
            entries[key.written] = Entry(value, key.span)
            return
        related = (("first written here", first.key_span),) if first.key_span else ()
        line = f" (first on line {first.key_span.line})" if first.key_span else ""
        self._problem(
            "PC107",
            f"the key `{shortened(key.written)}` stands twice in the same mapping{line}",
            key.span,
            (*path, key.written),
            label="second",
            help="remove or rename one of the two",
            related=related,
        )

    def _merged(self, merges: dict[str, Entry], path: KeyPath) -> dict[str, Entry]:
        """The entries of a merge `<<: *name`, or `<<: [*one, *two]`: a mapping keeps its own keys,
        and of several mappings the first that has a key wins."""
        merged: dict[str, Entry] = {}
        for entry in merges.values():
            given = entry.value
            for tree in given.items if isinstance(given, Sequence) else (given,):
                if isinstance(tree, Mapping):
                    merged |= {k: e for k, e in tree.entries.items() if k not in merged}
                elif not (isinstance(tree, Scalar) and tree.faulty):
                    self._problem(
                        "PC113",
                        "`<<` takes over the keys of a mapping, and this is none",
                        tree.span,
                        (*path, "<<"),
                        help="write `<<: *name`, and `&name` before the mapping that it repeats",
                    )
        return merged

    def _scalar(self, event: Any, path: KeyPath) -> Scalar:
        span, text = self._span(event), str(event.value).translate(_back(self.stand_ins))
        if not event.style and path and isinstance(path[-1], int):
            self._refuse_swallowed_items(span, path)
        forbidden = _FORBIDDEN.search(text)
        if forbidden is not None:
            self._problem(
                "PC102",
                f"the text contains the control character U+{ord(forbidden.group()):04X}",
                span,
                path,
                help="remove the escape",
            )
            return Scalar(None, span, "?", faulty=True)
        if event.style:
            return Scalar(text, span, text)
        try:
            return Scalar(meaning(text), span, text)
        except NumberError as error:
            self._problem(
                "PC111", str(error), span, path, help="write a finite number of usual size"
            )
            return Scalar(None, span, text, faulty=True)

    def _refuse_swallowed_items(self, span: Span, path: KeyPath) -> None:
        """Items of a list that are indented too far, and so continue the text of the one above."""
        lines = LINE_BREAK.split(self.text)
        for number in range(span.line, span.end_line):
            meant = misplaced(lines, number)
            if meant is None or not lines[number].lstrip().startswith("- "):
                continue
            indent, wanted, like = meant
            message = f"the line is indented by {indent} {plural(indent, 'blank')}, so that it "
            message += "continues the text above it"
            at = Span(self.source, number + 1, indent + 1, number + 1, indent + 2)
            help = f"indent it by {wanted}, like line {like}"
            self._problem("PC114", message, at, path, help=help)

    def _alias(self, event: Any, path: KeyPath) -> tuple[Tree, int, int]:
        span = self._span(event)
        if event.anchor in self.anchors:
            tree, size, height = self.anchors[event.anchor]
            self.repeated += size
            if self.repeated > MAX_REPEATED:
                message = f"aliases repeat more than {MAX_REPEATED:,} values"
                raise SpecError(Diagnostic("PC109", message, span, help="write the values out"))
            if len(path) + height > MAX_DEPTH:
                message = f"values are nested more than {MAX_DEPTH} deep"
                raise SpecError(Diagnostic("PC110", message, span))
            return tree, size, height
        name = shortened(str(event.anchor))
        inside = event.anchor in self.open_anchors
        found = f"the alias `*{name}` stands inside the value it repeats"
        self._problem(
            "PC109",
            found if inside else f"the alias `*{name}` repeats nothing",
            span,
            path,
            help="write the values out" if inside else f"mark a value before it with `&{name}`",
        )
        return Scalar(None, span, "*", faulty=True), 1, 1

    def _refuse_tag(self, event: Any, path: KeyPath) -> None:
        tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
        self._problem(
            "PC108",
            f"the tag `{shortened(tag)}` is not part of the language",
            self._span(event),
            path,
            help="remove the tag; what a value means follows from its key",
        )

    def _refuse_control_characters(self) -> None:
        found = _FORBIDDEN.search(self.source.text)
        if found is None:
            return
        line, column = _line_and_column(self.source.text, found.start())
        message = f"the text contains the control character U+{ord(found.group()):04X}"
        span = Span(self.source, line, column, line, column + 1)
        raise SpecError(Diagnostic("PC102", message, span, help="is this a text file?"))

    def _nothing_there(self) -> Diagnostic:
        lines = LINE_BREAK.split(self.text.strip())
        message = "the file is empty" if lines == [""] else "the file holds only comments"
        span = Span(self.source, 1, 1, 1, 1)
        return Diagnostic("PC104", message, span, help="start with `pcc: 1`")

    def _syntax(self, error: yaml.MarkedYAMLError) -> Diagnostic:
        problem = told(error, self.source)
        if "maximum nesting depth" not in (error.problem or ""):
            return problem
        message = f"values are nested more than {MAX_DEPTH} deep"
        return Diagnostic("PC110", message, problem.span)  # newer libyaml looks ahead and stops

    def _span(self, start: Any, end: Any = None) -> Span:
        first, last = start.start_mark, (end or start).end_mark
        return Span(self.source, first.line + 1, first.column + 1, last.line + 1, last.column + 1)

    def _problem(
        self, code: str, message: str, span: Span | None, path: KeyPath, **more: Any
    ) -> None:
        report(self.problems, Diagnostic(code, message, span, dotted(path), **more))


def _merges(event: Any) -> bool:
    """Whether a key is the merge key, which quotes would make a name."""
    is_text = isinstance(event, yaml.ScalarEvent)
    return is_text and not event.style and event.tag is None and event.value == "<<"


def _stand_ins(text: str) -> dict[int, str]:
    """A character that the text lacks for each that breaks lines in YAML 1.1 alone, which the
    parser reads; in YAML 1.2 it is like any other."""
    breaks = [char for char in "\x85\u2028\u2029" if char in text]
    if not breaks:
        return {}
    used, private = set(text), chain(range(0xE000, 0xF900), range(0xF0000, 0xFFFFE))
    unused = (chr(code) for code in private if chr(code) not in used)
    return {ord(char): next(unused) for char in breaks}


def _back(stand_ins: dict[int, str]) -> dict[int, str]:
    return {ord(stand_in): chr(code) for code, stand_in in stand_ins.items()}


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    lines = LINE_BREAK.split(text[:offset])
    return len(lines), len(lines[-1]) + 1
