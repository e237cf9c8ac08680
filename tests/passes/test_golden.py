"""What a pass makes of a network, as text: before and after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import pccompiler as pcc
from pccompiler.ir.graph import Graph
from pccompiler.ir.print import print_graph
from pccompiler.passes import STAGES
from pccompiler.planning.plan import UpdatePlan
from pccompiler.planning.print import print_plan

GOLDEN = Path(__file__).parents[1] / "golden"

GRAPHS = dict.fromkeys(
    ("chain", "skip_dag", "images", "late_shape", "timed_feedback"), "infer_shapes"
) | {"lateral": "join_laterals"}
PLANS = {
    "hoisted_chain": "hoist",
    "chain": "wavefront",
    "skip_dag": "wavefront",
    "nudged_centred": "wavefront",
    "stop_by_residual": "wavefront",
    "backprop": "wavefront",
    "two_inputs_two_outputs": "wavefront",
    "few_steps": "wavefront",
    "started_at_zero": "wavefront",
    "timed": "wavefront",
    "timed_feedback": "hoist",
    "nudged_together": "batch_phases",
}
CASES = [("graphs", *item) for item in GRAPHS.items()] + [("plans", *i) for i in PLANS.items()]


@pytest.mark.parametrize(("kind", "name", "after"), CASES, ids=lambda value: value)
def test_a_pass_makes_of_a_network_what_was_reviewed(
    kind: str, name: str, after: str, golden: Callable[[str, str], None]
) -> None:
    printed: dict[str, str] = {}

    def observe(stage: str, result: Graph | UpdatePlan) -> None:
        printed[stage] = print_graph(result) if isinstance(result, Graph) else print_plan(result)

    pcc.check(GOLDEN / kind / name / "spec.yaml", observe=observe)
    before = STAGES[STAGES.index(after) - 1]
    golden(
        f"{kind}/{name}",
        f"# before {after}\n{printed[before]}\n# after {after}\n{printed[after]}",
    )


def test_every_golden_network_is_tested() -> None:
    assert {path.name for path in (GOLDEN / "graphs").iterdir()} == set(GRAPHS)
    assert {path.name for path in (GOLDEN / "plans").iterdir()} == set(PLANS)
