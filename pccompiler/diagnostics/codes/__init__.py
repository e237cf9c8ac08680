"""The codes of all messages, by number. A new code is an entry in one of the tuples."""

from pccompiler.diagnostics.codes.code import Code
from pccompiler.diagnostics.codes.data import DATA_CODES
from pccompiler.diagnostics.codes.energies import ENERGY_CODES
from pccompiler.diagnostics.codes.graph import GRAPH_CODES
from pccompiler.diagnostics.codes.planning import PLANNING_CODES
from pccompiler.diagnostics.codes.plugins import PLUGIN_CODES
from pccompiler.diagnostics.codes.rules import RULE_CODES
from pccompiler.diagnostics.codes.running import RUNNING_CODES
from pccompiler.diagnostics.codes.schema import SCHEMA_CODES
from pccompiler.diagnostics.codes.yaml import YAML_CODES

RANGES = {
    "1": "reading the file",
    "2": "the language: keys, values, names",
    "3": "the network",
    "4": "passes of the compiler",
    "5": "data, runs and predictions",
    "9": "bugs of the compiler",
}
"""The subjects of codes, by their first digit."""

CODES: dict[str, Code] = {
    code.code: code
    for code in sorted(
        (
            *YAML_CODES,
            *SCHEMA_CODES,
            *GRAPH_CODES,
            *ENERGY_CODES,
            *RULE_CODES,
            *PLANNING_CODES,
            *PLUGIN_CODES,
            *DATA_CODES,
            *RUNNING_CODES,
        ),
        key=lambda code: code.code,
    )
}

__all__ = ["CODES", "RANGES", "Code"]
