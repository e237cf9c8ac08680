"""The codes of all messages, by number.

PC1xx YAML, PC2xx schema and names, PC3xx graph and shapes, PC4xx passes and lowering,
PC5xx running, PC9xx compiler bugs. A new code is an entry in one of the tuples.
"""

from pccompiler.diagnostics.codes.code import Code
from pccompiler.diagnostics.codes.graph import GRAPH_CODES
from pccompiler.diagnostics.codes.running import RUNNING_CODES
from pccompiler.diagnostics.codes.schema import SCHEMA_CODES
from pccompiler.diagnostics.codes.yaml import YAML_CODES

CODES: dict[str, Code] = {
    code.code: code for code in (*YAML_CODES, *SCHEMA_CODES, *GRAPH_CODES, *RUNNING_CODES)
}

__all__ = ["CODES", "Code"]
