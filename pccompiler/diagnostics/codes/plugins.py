"""PC213 to PC215: plugins, and the members that they bring."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code

FILE = "# my_rules.py"
"""How an example begins that is such a file."""
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
)
