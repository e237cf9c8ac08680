"""Whether a member takes effect: a small network that names it is compiled and trained a step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pccompiler.components.vocabulary import Shape
from pccompiler.lazy import jax, np
from pccompiler.testing.promises import BATCH, computed, finite, normal, promise

Spec = dict[str, Any]


@contextmanager
def observed(kind: type, hook: str, around: Callable[..., Any]) -> Iterator[None]:
    """Inside the block a method of a class, or a property, goes through `around(original, ...)`."""
    found = inspect.getattr_static(kind, hook)
    own = hook in vars(kind)
    original = found.fget if isinstance(found, property) else found

    def asked(*arguments: Any) -> Any:
        return around(original, *arguments)

    setattr(kind, hook, property(asked) if isinstance(found, property) else asked)
    try:
        yield
    finally:
        if own:
            setattr(kind, hook, found)
        else:
            delattr(kind, hook)


def network(
    *,
    shapes: tuple[Shape, Shape] = ((4,), (3,)),
    op: Any = "dense",
    hidden: Mapping[str, Any] | None = None,
    output: Mapping[str, Any] | None = None,
    **sections: Mapping[str, Any],
) -> Spec:
    """The spec x -> h -> y; `op` leads to h, `hidden` and `output` are more keys of h and y."""
    return {
        "pcc": 1,
        "name": "contract",
        "nodes": {
            "x": {"shape": list(shapes[0]), "role": "input"},
            "h": {"shape": list(shapes[1]), "activation": "tanh", **(hidden or {})},
            "y": {"shape": [2], "role": "output", **(output or {})},
        },
        "edges": [
            {"from": "x", "to": "h", "op": op},
            {"from": "h", "to": "y", "op": ["flatten", "dense"]},
        ],
        "inference": {"steps": 3, **sections.pop("inference", {})},
        **sections,
    }


def takes_effect(spec: Spec, kind: type, hook: str) -> None:
    """A training step on the spec asks the member for what the hook computes, and is finite."""
    asked: list[str] = []

    def around(original: Callable[..., Any], *arguments: Any) -> Any:
        asked.append(hook)
        return original(*arguments)

    with observed(kind, hook, around):
        trained(spec)
    promise(asked, f"`{hook}` takes effect in a network that names `{kind.__name__}`")


def trained(spec: Spec) -> None:
    """One training step on normal data; targets are probabilities, which suit every loss."""
    from pccompiler.driver import compile

    model = compile(spec)

    def program(key: Any, batch: Any) -> Any:
        state = model.init_training(key, horizon=10, batch_size=BATCH)
        after, _ = model.step(state, batch)
        return after.params, model.predict(after.params, {"x": batch["x"]}, aux=after.aux)

    given = {name: normal((BATCH, *node["shape"])) for name, node in spec["nodes"].items()}
    targets = np.exp(given["y"])
    batch = {"x": given["x"], "y": targets / targets.sum(axis=-1, keepdims=True)}
    after, prediction = computed(program, jax.random.key(0), batch)
    finite(after, "what a training step makes of the parameters")
    finite(prediction, "the prediction")
