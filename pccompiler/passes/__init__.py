"""The passes, in the order in which they run."""

from pccompiler.passes.pipeline import (
    GRAPH_PASSES,
    OPTIONAL,
    PLAN_PASSES,
    STAGES,
    GraphPass,
    PlanPass,
)

__all__ = ["GRAPH_PASSES", "OPTIONAL", "PLAN_PASSES", "STAGES", "GraphPass", "PlanPass"]
