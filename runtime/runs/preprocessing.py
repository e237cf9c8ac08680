"""preprocessing.npz: how the data was scaled, so that predictions need no training data.

NODE.description   JSON, see `_Description`
NODE.mean          as `Encoding` has them
NODE.deviation
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pccompiler.components.sources.stored import StoredArray, npz_headers
from pccompiler.diagnostics.diagnostic import DataError
from pccompiler.planning.plan import UpdatePlan
from runtime.data.binding import nodes_with_data
from runtime.data.encoding import Encoding, Kind
from runtime.data.taking import vocabulary
from runtime.runs.reading import LARGEST, first_fault

Shape = tuple[Annotated[int, Field(ge=0)], ...]

_DESCRIPTION, _MEAN, _DEVIATION = ".description", ".mean", ".deviation"


class _Description(BaseModel):
    """The fields of an `Encoding` beside its arrays."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    field: str
    kind: Kind
    shape: Shape
    field_shape: Shape
    classes: Annotated[int, Field(ge=0)]
    full_scale: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    steps: Annotated[int, Field(ge=1)] | None = None
    names: tuple[str, ...] = ()  # runs of old have none

    @model_validator(mode="after")
    def _is_of_one_piece(self) -> _Description:
        if self.steps and self.field_shape[:1] != (self.steps,):
            raise ValueError("field_shape does not begin with steps")
        units = math.prod(self.value_shape) * (self.classes if self.kind == "classes" else 1)
        if units != math.prod(self.shape):
            raise ValueError("shape has another number of units than field_shape")
        if self.kind in ("classes", "one_hot") and self.shape[-1:] != (self.classes,):
            raise ValueError("shape does not end with a unit for each class")
        if self.kind == "one_hot" and self.field_shape[-1:] != (self.classes,):
            raise ValueError("field_shape does not end with a number for each class")
        if self.names and len(self.names) != self.classes:
            raise ValueError("there is not one name for each class")
        return self

    @property
    def value_shape(self) -> Shape:
        return self.field_shape[1:] if self.steps else self.field_shape


def encodings_to_npz(encodings: Sequence[Encoding]) -> bytes:
    """The content of the file."""
    arrays: dict[str, Any] = {}
    for code in encodings:
        description = {name: getattr(code, name) for name in _Description.model_fields}
        arrays[f"{code.node}{_DESCRIPTION}"] = np.array(json.dumps(description))
        arrays[f"{code.node}{_MEAN}"] = code.mean
        arrays[f"{code.node}{_DEVIATION}"] = code.deviation
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def encodings_from_npz(path: Path, plan: UpdatePlan | None = None) -> Mapping[str, Encoding]:
    """The encodings in a file by node, those of the network of `plan` where it is given.

    Raises ValueError, which says what is wrong with the file.
    """
    try:
        stored = npz_headers(path)
        nodes = [n.removesuffix(_DESCRIPTION) for n in stored if n.endswith(_DESCRIPTION)]
        if stored.keys() != {n + p for n in nodes for p in (_DESCRIPTION, _MEAN, _DEVIATION)}:
            raise ValueError("it does not hold a description, a mean and a deviation of each node")
        found = {node: _encoding(node, stored) for node in nodes}
        if plan:
            _refuse_other_networks(found, plan)
        return found
    except ValidationError as error:
        raise ValueError(first_fault(error)) from None
    except DataError as error:
        raise ValueError(error.diagnostics[0].message) from None


def _encoding(node: str, stored: Mapping[str, StoredArray]) -> Encoding:
    text = stored[f"{node}{_DESCRIPTION}"]
    if text.shape or text.dtype.kind != "U" or text.bytes > LARGEST:
        raise ValueError(f"the description of {node} is no text")
    found = _Description.model_validate_json(str(text.read()))
    mean, deviation = (stored[f"{node}{part}"] for part in (_MEAN, _DEVIATION))
    for array in (mean, deviation):
        if array.shape not in ((), found.value_shape) or array.dtype.kind != "f":
            raise ValueError(f"array `{array.name}` is {array.dtype} of shape {array.shape}")
    if not (deviation.read() > 0).all():
        raise ValueError(f"array `{deviation.name}` is not positive")
    return Encoding(node=node, mean=mean.read(), deviation=deviation.read(), **dict(found))


def _refuse_other_networks(encodings: Mapping[str, Encoding], plan: UpdatePlan) -> None:
    """Raises ValueError for nodes, shapes, times or tokens that are not the network's."""
    graph, wanted = plan.graph, nodes_with_data(plan)
    if set(encodings) != set(wanted):
        found, known = (", ".join(sorted(names)) or "none" for names in (encodings, wanted))
        raise ValueError(f"it is of the nodes {found}, but the network takes data at {known}")
    for node, code in encodings.items():
        shape, times = graph.node[node].shape or (), graph.time.steps if graph.time else None
        if code.shape != shape:
            raise ValueError(f"`{node}` has shape {list(code.shape)}, in the network {list(shape)}")
        if code.steps not in (None, times):
            known = f"{times} times" if times else "no time"
            raise ValueError(f"`{node}` takes {code.steps} times, but the network has {known}")
        if code.kind == "tokens" and code.classes != vocabulary(graph, node):
            raise ValueError(f"`{node}` takes {code.classes} tokens, which the network does not")
