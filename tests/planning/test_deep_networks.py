"""Deep networks: no path is walked twice, and nothing recurses along one."""

from __future__ import annotations

from typing import Any

import pytest

import pccompiler as pcc
from pccompiler.diagrams import draw
from pccompiler.ir.print import print_graph
from pccompiler.planning.plan import NEVER
from pccompiler.planning.print import print_plan

Spec = dict[str, Any]
ENDS: Spec = {"x": {"shape": [2], "role": "input"}, "y": {"shape": [2], "role": "output"}}


def chain(length: int, **options: Any) -> Spec:
    nodes = {**ENDS, f"h[1..{length}]": {"shape": [2], **options}}
    edges = [{"path": f"x -> h[1..{length}] -> y"}]
    return {"pcc": 1, "name": "chain", "nodes": nodes, "edges": edges}


def residual(blocks: int, **block: Any) -> Spec:
    """r_k = r_(k-1) + h_k, where h_k reads r_(k-1): 2^blocks paths from x to y."""
    nodes = {
        **ENDS,
        f"h[1..{blocks}]": {"shape": [2], "activation": "tanh", **block},
        f"r[1..{blocks}]": {"shape": [2], "energy": "none"},
    }
    edges: list[Spec] = [{"from": "x", "to": "h1"}, {"from": f"r{blocks}", "to": "y"}]
    edges += [{"from": "x", "to": "r1", "op": "identity", "kind": "skip"}]
    before, after = f"r[1..{blocks - 1}]", f"[2..{blocks}]"
    edges += [{"from": before, "to": f"h{after}"}]
    edges += [{"from": before, "to": f"r{after}", "op": "identity", "kind": "skip"}]
    edges += [{"from": f"h[1..{blocks}]", "to": f"r[1..{blocks}]", "op": "identity"}]
    return {"pcc": 1, "name": "residual", "nodes": nodes, "edges": edges}


@pytest.mark.parametrize("form", ["predictive_coding", "bidirectional"])
@pytest.mark.parametrize("block", [{}, {"energy": "none"}], ids=["states", "pass-through"])
def test_sixty_residual_blocks_are_planned_without_walking_their_paths(
    form: str, block: Spec
) -> None:
    spec = {**residual(60, **block), "energy": {"form": form}}
    for update in ("synchronous", "asynchronous"):
        plan = pcc.check({**spec, "inference": {"update": update}}).plan
        assert plan.phases[0].energies


def test_sixty_residual_blocks_of_a_hopfield_network_are_planned() -> None:
    spec = {**residual(60, energy="none"), "energy": {"form": "hopfield"}}
    spec["inference"] = {"init": "zeros", "update": "asynchronous"}
    spec["learning"] = {"rule": "equilibrium_propagation"}
    assert pcc.check(spec).plan.phases[0].free == ("y",)


def test_a_residual_stream_carries_an_error_to_every_block_at_once() -> None:
    """y reads every h through the sum: all move at step 1, and their errors count from step 2."""
    [phase] = pcc.check(residual(20)).plan.phases
    assert phase.first_arrival("y") == 1
    for k in range(1, 21):
        assert phase.movement[f"h{k}"] == 1
        assert phase.movement[f"r{k}"] == 1
        assert phase.first_arrival(f"h{k}") == 2


@pytest.mark.parametrize("energy", ["gaussian", "none"])
def test_a_chain_of_a_thousand_nodes_is_checked_printed_and_drawn(energy: str) -> None:
    checked = pcc.check(chain(1000, energy=energy))
    [phase] = checked.plan.phases
    assert print_graph(checked.graph).count("node h") == 1000
    assert "h1000" in print_plan(checked.plan)
    moved = {name: step for name, step in phase.movement.items() if step < NEVER}
    if energy == "none":
        assert set(phase.energies) == {"y"}
        assert moved == {}
    else:
        assert moved == {f"h{k}": 1001 - k for k in range(1, 1001)}
    for kind in ("svg", "dot", "mermaid"):
        assert draw(checked.graph, kind)
