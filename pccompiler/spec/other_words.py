"""Names of papers and other libraries for the keys of the sections: suggested, never accepted.

Members declare their own other words, `aliases` and `option_aliases`.
"""

from __future__ import annotations

from collections.abc import Mapping

from pccompiler.components.member import Section
from pccompiler.spec.models import (
    DataSpec,
    EdgeSpec,
    EnergySpec,
    InferenceSpec,
    LearningSpec,
    NodeSpec,
    PredictionSpec,
    RunSpec,
    TimeSpec,
    TrainingSpec,
)

_WORDS: dict[type[Section], dict[str, tuple[str, ...]]] = {
    RunSpec: {
        "nodes": ("layers", "neurons", "populations", "units"),
        "edges": ("connections", "links", "synapses"),
        "params": ("parameters", "constants", "variables"),
        "inference": ("relaxation", "settling"),
        "training": ("trainer", "train"),
        "data": ("dataset",),
        "pcc": ("version",),
    },
    NodeSpec: {
        "shape": ("size", "units", "dim", "dims", "width", "features", "neurons"),
        "activation": ("act", "act_fn", "activation_function", "nonlinearity"),
        "role": ("type", "kind"),
        "range": ("bounds", "limits", "clip"),
    },
    EdgeSpec: {
        "from": ("source", "src", "input"),
        "to": ("target", "dst", "output"),
        "op": ("operator", "operators", "ops", "layer", "transform"),
        "kind": ("type", "role"),
        "gain": ("factor", "scale", "strength"),
        "delay": ("lag",),
        "tied_to": ("shared_with", "share_with", "shares"),
        "trainable": ("learnable", "frozen", "requires_grad"),
    },
    EnergySpec: {
        "form": ("type", "kind", "model"),
        "loss": ("cost", "criterion", "objective"),
        "precision": ("variance", "sigma", "precisions"),
    },
    TimeSpec: {"steps": ("T", "length", "horizon", "timesteps")},
    InferenceSpec: {
        "steps": ("T", "iterations", "iters", "n_iters", "num_steps", "n_steps", "max_steps"),
        "optimizer": ("optim", "optimiser", "solver"),
        "init": ("initialization", "initialisation", "initial", "start"),
        "update": ("order", "schedule"),
        "stop": ("tolerance", "tol", "early_stop"),
    },
    LearningSpec: {
        "rule": ("algorithm", "method", "learning_rule"),
        "optimizer": ("optim", "optimiser"),
        "schedule": ("scheduler", "lr_schedule", "lr_scheduler"),
        "gradient_clip": ("clip", "grad_clip", "clipping", "max_norm"),
    },
    PredictionSpec: {"clamp": ("inputs", "held"), "read": ("outputs",)},
    DataSpec: {
        "source": ("dataset", "name", "path", "file"),
        "batch_size": ("batch", "batchsize", "bs", "minibatch"),
        "standardize": ("normalize", "normalise", "standardise", "scale"),
        "validation": ("val", "valid", "val_split", "validation_split"),
        "split_seed": ("seed",),
        "root": ("folder", "dir", "directory"),
        "bind": ("fields", "mapping"),
        "train_samples": ("samples", "subset", "limit"),
    },
    TrainingSpec: {
        "epochs": ("num_epochs", "n_epochs", "max_epochs"),
        "monitor": ("metric",),
        "early_stop": ("early_stopping", "patience"),
        "checkpoint_every": ("checkpoint", "checkpoints", "save_every"),
        "seed": ("random_seed", "random_state"),
    },
}


def other_words(section: type[Section]) -> Mapping[str, str]:
    """The key that each other word stands for in a section of the language."""
    return {word: key for key, words in _WORDS.get(section, {}).items() for word in words}
