"""What follows the rows of CONTRIBUTING on the rest of the program."""

from __future__ import annotations

from tests.contributing.row import Row

PROGRAM: dict[str, Row] = {
    "pass": Row(
        files={
            "pccompiler/passes/doubling_here.py": '''"""Doubles the gain of every edge."""


def double(graph):
    edges = [edge.replace(gain=2 * edge.gain) for edge in graph.edges]
    return graph.having(graph.nodes, edges)


def look(plan):
    return plan
'''
        },
        imports={
            "pccompiler/passes/pipeline.py": "from pccompiler.passes.doubling_here "
            "import double, look"
        },
        entries={
            ("pccompiler/passes/pipeline.py", "GRAPH_PASSES"): 'GraphPass("double_here", double)',
            ("pccompiler/passes/pipeline.py", "PLAN_PASSES"): 'PlanPass("look_here", look)',
        },
        proof="""
assert "gain=2" in pcc("compile", "all.yaml", "--print-after", "double_here")
pcc("compile", "all.yaml", "--disable", "look_here")
""",
    ),
    "diagram format": Row(
        files={
            "pccompiler/diagrams/names_here.py": '''"""The names of the nodes, one a line."""


def render(layout, theme):
    return "\\n".join(node.name for node in layout.picture.nodes).encode()
'''
        },
        imports={"pccompiler/diagrams/__init__.py": "from pccompiler.diagrams import names_here"},
        entries={
            (
                "pccompiler/diagrams/__init__.py",
                "FORMATS",
            ): 'Format("names_here", (".names",), names_here.render, placed=False)'
        },
        proof="""
pcc("diagram", "all.yaml", "-o", "all.names")
assert sorted(Path("all.names").read_text().split()) == ["h", "r", "x", "y"]
""",
    ),
    "diagram view": Row(
        files={
            "pccompiler/diagrams/alone_here.py": '''"""The nodes without their edges, but one."""

from dataclasses import replace

from pccompiler.diagrams.network import picture


def alone(graph, clamped, description):
    whole = picture(graph, clamped, description)
    return replace(whole, edges=(replace(whole.edges[0], kind="sideways_here"),))
'''
        },
        imports={
            "pccompiler/diagrams/__init__.py": "from pccompiler.diagrams.alone_here import alone"
        },
        entries={("pccompiler/diagrams/__init__.py", "VIEWS"): '"alone_here": alone'},
        proof="""
pcc("diagram", "all.yaml", "-o", "all.dot", "--view", "alone_here")
assert Path("all.dot").read_text().count("class=") == 1
""",
    ),
    "look of an edge kind": Row(
        entries={
            ("pccompiler/diagrams/styles.py", "EDGE_STYLES"): '"sideways_here": EdgeStyle('
            '"from the side", "#123456", "1 1", 1.6, "dotted", "-->", 1)'
        },
        proof="""
pcc("diagram", "all.yaml", "-o", "all.svg", "--view", "alone_here")
assert "from the side" in Path("all.svg").read_text()
""",
    ),
    "command": Row(
        files={
            "runtime/commands/greet_here.py": '''"""`pcc greet_here`: greets."""

import click


@click.command()
def command() -> None:
    """Greets."""
    click.echo("good morning")
'''
        },
        entries={("cli.py", "COMMANDS"): '"greet_here"'},
        proof="""
assert pcc("greet_here") == "good morning\\n"
assert "Greets." in pcc("--help")
""",
    ),
    "template of `pcc new`": Row(
        files={
            "pccompiler/templates/tiny_here.yaml": "# A tiny network.\npcc: 1\nname: NAME\n"
            "nodes:\n  x: {shape: [2], role: input}\n  y: {shape: [2], role: output}\n"
            "edges:\n  - {path: x -> y}\n"
        },
        proof="""
pcc("new", "mine", "--template", "tiny_here")
pcc("check", "mine.yaml")
assert "name: mine" in Path("mine.yaml").read_text()
""",
    ),
    "form of the metrics": Row(
        inserted={
            ("runtime/runs/loggers.py", "open_log"): '''class LinesHere:
    """How many lines there are of each kind."""

    def __init__(self, folder: RunFolder, step: int) -> None:
        self._path = folder.path / "lines_here.txt"
        self._path.touch()

    def append(self, lines: Sequence[Line]) -> None:
        with self._path.open("a", encoding="utf-8") as stream:
            stream.writelines(line["kind"] + "\\n" for line in lines)

    def close(self) -> None: ...
'''
        },
        entries={
            ("runtime/runs/loggers.py", "kinds"): '"lines_here": LinesHere',
            ("pccompiler/spec/models.py", "loggers"): '"lines_here"',
        },
        proof='assert "step" in Path("run/lines_here.txt").read_text()',
    ),
    "message": Row(
        entries={
            ("pccompiler/diagnostics/codes/schema.py", "SCHEMA_CODES"): 'Code("PC298", '
            '"a mood that is none", "There are moods.", why="To see.", wrong=whole(), '
            "right=whole())"
        },
        proof='assert "a mood that is none" in pcc("explain", "PC298")',
    ),
    "section or key of the language": Row(
        inserted={
            (
                "pccompiler/spec/models.py",
                "loggers",
            ): '    mood_here: Literal["calm", "glad"] = Field(default="calm")\n'
        },
        proof="""
assert "mood_here" in pcc("schema")
assert "mood_here" in Path("run/spec.yaml").read_text()
""",
    ),
}
