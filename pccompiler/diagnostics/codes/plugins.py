"""Plugins, the members that they bring, and the runs that use them."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code

FILE = "# my_rules.py"
"""First line of an example that is a plugin file."""
_HEAD = (
    f"{FILE}\nfrom typing import ClassVar\nfrom pccompiler.components.schedules import Schedule\n\n"
)
_DOCS = '    """Half the learning rate, always."""\n'
_FACTOR = "    def factor(self, fraction):\n        return 0.5 + 0 * fraction"
_WHOLE = f'{_HEAD}class Half(Schedule):\n{_DOCS}    name: ClassVar[str] = "half"\n\n{_FACTOR}'

PLUGIN_CODES: tuple[Code, ...] = (
    Code(
        "PC213",
        "a plugin that cannot be loaded",
        "`--plugin`, the variable PCC_PLUGINS and `plugins=[...]` name Python files, or modules "
        "that can be imported. Installed packages bring theirs by the entry-point group "
        "`pcc.members`. The message names the line in which importing it fails.",
        why="Without it the members that it would bring are not there.",
        wrong="pcc check specs/digits_mlp.yaml --plugin my_rulse.py",
        right="pcc check specs/digits_mlp.yaml --plugin my_rules.py",
    ),
    Code(
        "PC214",
        "a member of a plugin that is not complete",
        "Every class of a plugin whose name does not begin with an underscore, and that derives "
        "from Operator, Rule, Energy or the base class of another family, is a member. It needs "
        "a name (lower-case letters, digits and underscores) and the methods that its base "
        "leaves open, and it cannot be changed once it is built.",
        why="What is registered takes effect; half a member would fail in the middle of a run.",
        wrong=f'{_HEAD}class Half(Schedule):\n{_DOCS}    name: ClassVar[str] = "half"',
        right=_WHOLE,
    ),
    Code(
        "PC215",
        "the name of a member is taken",
        "Names are unique in a family: a plugin may hide neither a member of pcc nor that of "
        "another plugin.",
        why="The same spec would mean something else with and without the plugin.",
        wrong=_WHOLE.replace('"half"', '"cosine"'),
        right=_WHOLE,
    ),
    Code(
        "PC565",
        "a run uses a member that is not there",
        "The run was trained with an operator, rule, ... from outside, and its plugin is not "
        "loaded: it is given to every command that works with the run.",
        why="A run folder holds no code: it would be run by whoever opens the folder.",
        wrong="pcc resume runs/a",
        right="pcc resume runs/a --plugin my_rules.py",
    ),
    Code(
        "PC566",
        "a run uses a member that has changed",
        "The plugin holds other code than the one that the run was trained with; the message "
        "shows version and SHA-256 of both.",
        why="It would be continued, or would predict, as another network, and nothing would show "
        "it.",
        wrong="pcc resume runs/a --plugin my_rules.py         # which was edited since",
        right="pcc resume runs/a --plugin my_rules.py --allow-changed",
    ),
)
