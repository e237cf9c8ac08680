"""The phases of rules that compare a free phase with nudged ones, and their contrast.

    positive      first free, second beta           error O(beta)
    negative      first -beta, second free          error O(beta)
    centred       first -beta, second beta          error O(beta^2)
    random_sign   first free, second beta or -beta, drawn for each batch

A nudge of the energy leaves the outputs free and adds beta C to it; a nudge of the clamp
holds them at o - beta dC/do, with o where the free phase left them.
"""

from __future__ import annotations

from typing import Literal

from pccompiler.components.phases import Phase, PhaseKind
from pccompiler.components.rules.base import Rule
from pccompiler.components.rules.network import Network
from pccompiler.components.rules.theory import ApproachesBackprop

Variant = Literal["positive", "negative", "centred", "random_sign"]

NUDGED: tuple[str, ...] = ("free", "nudged", "nudged_negative")
"""The names of the phases."""


def nudged_phases(
    network: Network,
    beta: float,
    variant: Variant,
    *,
    start: Literal["free", "initial"] = "free",
    clamp: bool = False,
) -> tuple[Phase, ...]:
    """The free phase and the nudged ones; `clamp`: the outputs are clamped part of the way."""
    relax = PhaseKind.RELAX
    free_kind = PhaseKind.FORWARD if network.feedforward_is_equilibrium else relax
    free = Phase("free", free_kind, clamped=network.inputs)
    held, nudged = network.inputs, network.outputs
    if clamp:
        held, nudged = (*held, *nudged), ()
    begin = "free" if start == "free" or clamp else None
    pulled = network.outputs if clamp else ()
    signs = {"negative": (-1,), "centred": (1, -1)}.get(variant, (1,))
    return (
        free,
        *(
            Phase(
                "nudged" if sign > 0 else "nudged_negative",
                relax,
                held,
                nudged,
                sign * beta,
                start=begin,
                pulled=pulled,
            )
            for sign in signs
        ),
    )


def compared(variant: Variant) -> tuple[str, str]:
    """(first, second) phase of the contrast."""
    if variant == "centred":
        return "nudged_negative", "nudged"
    return ("nudged_negative", "free") if variant == "negative" else ("free", "nudged")


def approaches(rule: Rule, own: Variant) -> ApproachesBackprop:
    """The claim of theory for a rule with these variants: the orders in beta of each variant, and
    of its own."""
    names: dict[str, Variant] = {"positive": "positive", "centred": "centred"}
    if own == "negative":
        names["negative"] = "negative"
    versions = tuple(
        (name, rule.model_copy(update={"variant": variant, "beta_growth": 0.0}), order(variant))
        for name, variant in names.items()
    )
    centred = next(version for name, version, _ in versions if name == "centred")
    return ApproachesBackprop(versions, increments=centred)


def order(variant: Variant) -> int:
    """The power of beta with which the error of a variant shrinks."""
    return 2 if variant == "centred" else 1
