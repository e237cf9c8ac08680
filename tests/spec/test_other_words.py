"""Words of papers and of other libraries are answered with the word of the language."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.diagnostics.suggest import meant
from pccompiler.spec.language import place
from pccompiler.spec.models import RunSpec
from pccompiler.spec.other_words import _WORDS  # pyright: ignore[reportPrivateUsage]

Errors = Callable[..., tuple[Diagnostic, ...]]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("learning: {rule: bp}", "backprop"),
        ("learning: {rule: BPTT}", "backprop"),
        ("learning: {rule: ep}", "equilibrium_propagation"),
        ("learning: {rule: {eqprop: {beta: 0.1}}}", "equilibrium_propagation"),
        ("learning: {rule: pc}", "predictive_coding"),
        ("learning: {rule: chl}", "contrastive_hebbian"),
        ("learning: {rule: Z-IL}", "z_il"),
        ("energy: {loss: mse}", "squared_error"),
        ("energy: {loss: MSELoss}", "squared_error"),
        ("energy: {loss: crossentropy}", "cross_entropy"),
        ("energy: {loss: nll}", "cross_entropy"),
        ("energy: {form: bipc}", "bidirectional"),
        ("learning: {optimizer: gd}", "sgd"),
        ("learning: {schedule: cosine_annealing}", "cosine"),
        ("learning: {schedule: MultiStepLR}", "step"),
        ("inference: {init: random}", "normal"),
        ("inference: {update: async}", "asynchronous"),
        ("inference: {optimizer: momentum}", "sgd"),
        ("learning: {optimizer: {adam: {lr: 0.1}}}", "learning_rate"),
        ("learning: {optimizer: {adam: {alpha: 0.1}}}", "learning_rate"),
        ("learning: {optimizer: {adam: {beta_1: 0.1}}}", "b1"),
        ("learning: {optimizer: {sgd: {momentum: 0.9}}}", "momentum"),
        ("learning: {schedule: {cosine: {warmup_fraction: 0.1}}}", "warmup_cosine"),
        ("learning: {rule: {contrastive_hebbian: {beta: 1}}}", "coupled_learning"),
        ("inference: {iterations: 3}", "steps"),
        ("inference: {T: 3}", "steps"),
        ("learning: {clip: 3}", "gradient_clip"),
        ("training: {early_stopping: {}}", "early_stop"),
        ("layers: {}", "nodes"),
        ("lr: 0.1", "learning.optimizer.adamw.learning_rate"),
    ],
)
def test_a_word_of_the_field_suggests_the_word_of_the_language(
    spec_errors: Errors, tiny: str, line: str, meant: str
) -> None:
    [problem] = spec_errors(tiny + line)
    assert f"`{meant}`" in problem.help


@pytest.mark.parametrize(
    ("activation", "meant"),
    [("linear", "identity"), ("swish", "silu"), ("elu", "leaky_relu"), ("LeakyReLU", "leaky_relu")],
)
def test_activations_have_other_words_too(
    spec_errors: Errors, tiny: str, activation: str, meant: str
) -> None:
    [problem] = spec_errors(tiny.replace("role: output", f"activation: {activation}"))
    assert problem.help == f"did you mean `{meant}`?"


@pytest.mark.parametrize(
    ("operator", "meant"),
    [
        ("linear", "dense"),
        ("Conv2d", "conv"),
        ("max_pooling", "max_pool"),
        ("average_pooling", "avg_pool"),
        ("BatchNorm2d", "batch_norm"),
        ("{dense: {out_features: 3}}", "units"),
        ("{conv: {filters: 3}}", "channels"),
        ("{conv: {kernel_size: 3}}", "kernel"),
        ("{max_pool: {kernel_size: 3}}", "window"),
        ("{dense: {weight_init: kaiming_normal}}", "he_normal"),
        ("{dense: {weight_init: kaiming_uniform}}", "he_uniform"),
        ("{dense: {weight_init: xavier_uniform}}", "glorot_uniform"),
        ("{dense: {weight_init: xavier}}", "glorot_uniform"),
        ("{dense: {weight_init: glorot}}", "glorot_uniform"),
        ("{dense: {weight_init: {normal: {stddev: 1}}}}", "std"),
        ("{dense: {weight_init: {glorot_normall: {}}}}", "glorot_normal"),
    ],
)
def test_operators_and_initialisers_have_other_words_too(
    spec_errors: Errors, tiny: str, operator: str, meant: str
) -> None:
    [problem] = spec_errors(tiny.replace("to: b}", f"to: b, op: {operator}}}"))
    assert problem.help == f"did you mean `{meant}`?"


def test_a_word_that_is_exactly_another_one_wins_over_one_that_looks_like_it() -> None:
    known, aliases = ("he_normal", "lecun_normal"), {"kaiming_normal": "he_normal"}
    assert meant("kaiming_normal", known, aliases) == "he_normal"
    assert meant("kaiming_norml", known, aliases) == "he_normal"
    assert meant("lecun_norml", known, aliases) == "lecun_normal"
    assert meant("x" * 100_000, known, aliases) is None


def test_other_words_of_the_sections_stand_for_keys_that_are_there() -> None:
    for section, words in _WORDS.items():
        keys = {option.alias or name for name, option in section.model_fields.items()}
        assert set(words) <= keys, section
        listed = [word for others in words.values() for word in others]
        assert len(set(listed)) == len(listed), section
        assert not keys & set(listed), section
    assert place(()).aliases["layers"] == "nodes"
    assert RunSpec in _WORDS
