"""The graph as text: what differs from the defaults, and where it was written."""

from __future__ import annotations

from pathlib import Path

import pccompiler as pcc
from pccompiler.ir.print import print_graph

TEXT = """\
pcc: 1
name: small
nodes:
  x: {shape: [2, 3], role: input}
  h: {shape: [4], activation: tanh}
  y: {shape: [1], role: output}
edges:
  - {from: x, to: h, op: [flatten, {dense: {bias: false}}]}
  - {from: h, to: y, name: last}
  - {from: x, to: y, kind: skip, op: [flatten, dense]}
energy: {loss: squared_error, precision: {per_node: {h: 0.25}}}
"""

PRINTED = """\
graph small [typed]
  node x : [B,2,3] role=input # spec.yaml:4
  node h : [B,4] activation=tanh energy=gaussian(precision=0.25) # spec.yaml:5
  node y : [B,1] role=output energy=gaussian(precision=1) loss=squared_error # spec.yaml:6
  edge x->h : flatten |> dense(bias=false) # spec.yaml:8
  edge x->y : flatten |> dense kind=skip # spec.yaml:10
  edge last = h->y : dense # spec.yaml:9
"""


def test_a_graph_shows_what_differs_from_the_defaults_and_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(TEXT)
    text = print_graph(pcc.check(path).graph)
    assert [" ".join(line.split()) for line in text.splitlines()] == [
        line.strip() for line in PRINTED.splitlines()
    ]


def test_the_places_stand_in_one_column(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(TEXT)
    lines = print_graph(pcc.check(path).graph).splitlines()[1:]
    assert len({line.index("#") for line in lines}) == 1


def test_a_graph_from_python_has_no_places() -> None:
    spec = {
        "pcc": 1,
        "name": "g",
        "nodes": {"x": {"shape": [1], "role": "input"}, "y": {"shape": [1], "role": "output"}},
        "edges": [{"path": "x -> y"}],
    }
    assert "#" not in print_graph(pcc.check(spec).graph)
