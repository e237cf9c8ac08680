"""The page docs/reference.md: every member of every family with its options, as tables.

    python -m pccompiler.spec.reference > docs/reference.md

The tables are made from the members themselves; a test sees to it that the page is up to date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from pydantic.fields import FieldInfo

from pccompiler.components.activations import ACTIVATIONS
from pccompiler.components.family import Family
from pccompiler.components.member import Member
from pccompiler.components.registry import FAMILIES

_HEAD = """\
# Reference: names and options

What each key of [the language](language.md) chooses from: the names, what they mean, their
options with the default of each, and what papers and other libraries call them, which is answered
with the name to write. A member is written as its name, `adam`, as its name with options,
`{adam: {learning_rate: 1e-3}}`, with its main option alone, `{normal: 0.1}`, or in a block:

```text
learning:
  optimizer:
    adam:
      learning_rate: 1e-3
```

`pcc explain NAME` tells more of each. This page is made from the members themselves.
"""

_WHERE: Mapping[str, tuple[str, str]] = {
    "operator": ("Operators", "edges: `op`"),
    "initializer": ("Initialisers of weights", "operators: `weight_init`"),
    "bias initializer": ("Initialisers of biases", "operators: `bias_init`"),
    "energy": ("Energies of nodes", "nodes: `energy`"),
    "prior": ("Priors of roots", "nodes: `prior`"),
    "loss": ("Losses", "`energy.loss`, `energy.feedback_loss`"),
    "energy form": ("Energy forms", "`energy.form`"),
    "initialisation": ("Starts of the states", "`inference.init`"),
    "update order": ("Orders of the updates", "`inference.update`"),
    "state optimizer": ("Optimisers of the states", "`inference.optimizer`"),
    "rule": ("Learning rules", "`learning.rule`"),
    "optimizer": ("Optimisers of the parameters", "`learning.optimizer`"),
    "schedule": ("Schedules of the learning rate", "`learning.schedule`"),
    "data source": ("Data sources", "`data.source`"),
}
"""The heading of a family and the key that chooses from it, by the family's word."""


def reference() -> str:
    """The whole page."""
    families = {family.word: family for family in FAMILIES}
    parts = [_HEAD, _activations()]
    for word in (*_WHERE, *(word for word in families if word not in _WHERE)):
        if word in families:
            parts.append(_table(families[word]))
    return "\n".join(parts)


def _activations() -> str:
    lines = ["## Activations", "", "nodes: `activation`; also operators", ""]
    lines += ["| name | f(x) | called elsewhere |", "|---|---|---|"]
    for name, activation in ACTIVATIONS.items():
        lines.append(f"| `{name}` | {_cell(activation.formula)} | {_others(activation.aliases)} |")
    return "\n".join([*lines, ""])


def _table(family: Family[Member]) -> str:
    heading, where = _WHERE.get(family.word, (family.word.capitalize(), ""))
    lines = [f"## {heading}", "", *([where, ""] if where else [])]
    lines += ["| name | what it is | options (default) | called elsewhere |", "|---|---|---|---|"]
    for member in family.ours:
        if member.name in ACTIVATIONS:
            continue  # in the table of activations
        options = "<br>".join(_options(member))
        others = _others(member.aliases)
        lines.append(f"| `{member.name}` | {_cell(member.summary())} | {options} | {others} |")
    return "\n".join([*lines, ""])


def _options(member: type[Member]) -> Iterator[str]:
    for name, option in member.model_fields.items():
        short = ", main" if name == member.shorthand else ""
        default = f" ({_default(option)}{short})"
        yield f"`{option.alias or name}`{default}: {_cell(option.description or '')}"


def _default(option: FieldInfo) -> str:
    if option.is_required():
        return "required"
    default = option.get_default(call_default_factory=True)
    if isinstance(default, Member):
        return default.name
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return f"[{', '.join(map(str, cast(tuple[object, ...], default)))}]"
    return "none" if default is None else str(default)


def _others(aliases: tuple[str, ...]) -> str:
    return ", ".join(aliases)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").rstrip(".")


if __name__ == "__main__":
    print(reference(), end="")
