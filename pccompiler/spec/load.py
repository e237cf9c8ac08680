"""From a file or mapping to a `RunSpec`: read, extend, override, substitute, validate."""

from __future__ import annotations

from collections import abc
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from pccompiler.components.plugins import broken_packages, load_plugins
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.source import COMMAND_LINE, Span
from pccompiler.spec.characters import explained
from pccompiler.spec.errors import diagnostics
from pccompiler.spec.merge import Bases
from pccompiler.spec.models import RunSpec
from pccompiler.spec.overrides import applied, parse
from pccompiler.spec.parameters import Parameters
from pccompiler.spec.python_values import tree_of
from pccompiler.spec.read import read_document, read_source
from pccompiler.spec.tree import Document, Mapping, plain

SpecLike = str | Path | abc.Mapping[str, Any]
"""A spec file, or a mapping of Python values of the same form."""


class LanguageError(SpecError):
    """The text, or what it says section by section, is wrong.

    `network` holds nodes and edges alone where these are right, so that their mistakes as a
    graph can be told in the same run.
    """

    def __init__(
        self, found: abc.Iterable[Diagnostic], network: tuple[RunSpec, Document] | None = None
    ) -> None:
        super().__init__(found)
        self.network = network


def load(spec: SpecLike, overrides: abc.Sequence[str] = ()) -> tuple[RunSpec, Document]:
    """Reads a spec file, or a mapping of Python values, and checks it against the language.

    `overrides` are texts like `training.epochs=5`. Raises SpecError with everything that is
    wrong with the text and the sections; only text that is no YAML hides what comes after it.
    Members come from pcc, from the plugins that are loaded or that PCC_PLUGINS names, and, where
    a name is known to none of these, from installed packages.
    """
    load_plugins()
    problems: list[Diagnostic] = []
    try:
        tree = _written(spec, problems)
        document = Document(_resolved(tree, overrides, problems))
    except SpecError as error:
        raise SpecError(_ordered([*problems, *error.diagnostics], spec)) from None
    try:
        run_spec = RunSpec.model_validate(plain(document.tree), by_alias=True, by_name=False)
    except ValidationError as error:
        problems += diagnostics(error, document)
        if any(fault["type"] == "unknown_name" for fault in error.errors()):
            problems += broken_packages()
        raise LanguageError(_ordered(problems, spec), _network(document, problems)) from None
    if problems:
        raise LanguageError(_ordered(problems, spec), _network(document, problems))
    return run_spec, document


def _network(
    document: Document, problems: abc.Iterable[Diagnostic]
) -> tuple[RunSpec, Document] | None:
    """The spec with its network only, if nothing is wrong with that."""
    sections = {problem.path.split(".")[0].split("[")[0] for problem in problems}
    if sections & {"nodes", "edges", "time", "params", ""}:
        return None
    values = cast(dict[str, object], plain(document.tree))
    parts = ("nodes", "edges", "time", *(() if "energy" in sections else ("energy",)))
    network = {key: values[key] for key in parts if key in values}
    try:
        return RunSpec.model_validate({"pcc": 1, "name": "network", **network}), document
    except ValidationError:
        return None


def _written(spec: SpecLike, problems: list[Diagnostic]) -> Mapping:
    """The user's spec merged over the bases it extends."""
    if isinstance(spec, abc.Mapping):
        return Bases(Path.cwd(), problems).extended(tree_of(spec), "", ())
    path = Path(spec)
    tree = read_document(read_source(path, str(spec)), problems)
    if "extends" not in tree.entries:
        return tree
    resolved = path.resolve()
    return Bases(resolved.parent, problems).extended(tree, str(path.parent), (resolved,))


def _resolved(tree: Mapping, overrides: abc.Sequence[str], problems: list[Diagnostic]) -> Mapping:
    # Parameters are overridden before they are put in, everything else afterwards: only
    # then do the names in the overrides' paths (`h[1..2]`) stand in the tree.
    parsed = [override for text in overrides if (override := parse(text, problems))]
    tree = applied(
        tree, [o for o in parsed if o.sets_parameter], Parameters({}, problems), problems
    )
    parameters = Parameters.of(tree, problems)
    substituted = parameters.substituted(tree)
    assert isinstance(substituted, Mapping)
    others = [o for o in parsed if not o.sets_parameter]
    return applied(substituted, others, parameters, problems)


def _ordered(problems: list[Diagnostic], spec: object) -> list[Diagnostic]:
    """In the order of the text: the spec itself, its bases, the command line."""

    def position(problem: Diagnostic) -> tuple[int, str, int, int]:
        span: Span | None = problem.span
        if span is None:
            return (3 if problem.severity == "note" else 0, "", 0, 0)
        group = {str(spec): 0, COMMAND_LINE: 2}.get(span.source.name, 1)
        return group, span.source.name, span.line, span.column

    return sorted(explained(problems), key=position)
