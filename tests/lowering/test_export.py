"""Programs can be exported with a batch whose size is a symbol, and then run at any size."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from tests.lowering.networks import batch, compiled, parameters


def exported(function: Any, params: Any, x: Any) -> Any:
    (size,) = export.symbolic_shape("size")
    like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), leaf.dtype), params)
    symbolic = jax.ShapeDtypeStruct((size, *x.shape[1:]), x.dtype)
    return export.export(jax.jit(function))(like, symbolic)


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({}, id="feedforward"),
        pytest.param({"prediction": {"method": "relax"}}, id="relaxation"),
        pytest.param(
            {"prediction": {"method": "relax"}, "inference": {"stop": {"residual": 1e-2}}},
            id="stopping",
        ),
        pytest.param({"time": {"steps": 2}}, id="time"),
    ],
)
def test_predict_is_exported_with_a_symbolic_batch(sections: dict[str, Any]) -> None:
    model = compiled(**sections)
    params, x = parameters(model), batch(5)["x"]
    program = exported(lambda p, x: model.predict(p, {"x": x})["y"], params, x)
    for size in (1, 5):
        theirs = program.call(params, x[:size])
        ours = model.predict(params, {"x": x[:size]})["y"]
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-12)


def test_inference_with_targets_is_exported_too() -> None:
    """Several arrays of the same symbolic size are known to have the same size."""
    model = compiled()
    params, given = parameters(model), batch(3)
    both = np.concatenate([given["x"], given["y"]], axis=1)

    def settled(p: Any, both: Any) -> Any:
        return model.infer(p, {"x": both[:, :4], "y": both[:, 4:]})["h"]

    program = exported(settled, params, both)
    np.testing.assert_allclose(
        program.call(params, both), model.infer(params, given)["h"], rtol=0, atol=1e-12
    )
