"""Pictures of a run's metrics, as PNG files in its folder `plots/`.

loss.png            training and validation loss
accuracy.png        the same for accuracy, where targets are classes
energy.png          energy per node at the end of each phase, over training
inference.png       energy per node over the inference steps, first and last epoch
state_gradient.png  norm of dF/dx per node over the inference steps, first and last epoch
gradient_norm.png   norm of the parameter gradient per node, over training
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pccompiler.diagnostics.diagnostic import DataError, Diagnostic
from pccompiler.spec.names import natural_key
from runtime.host.durable import replace_file, writing
from runtime.runs.metrics import Line
from runtime.runs.run_folder import RunFolder
from runtime.training.reporter import Silent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENERGY = "energy (mean per sample)"
MOST_IN_LEGEND = 12
POINTS = 120
"""Training curves are averaged to about this many points; the band shows their range."""


def draw(folder: RunFolder, warn: Callable[[Diagnostic], None] | None = None) -> tuple[Path, ...]:
    """Draws what the metrics hold; returns the files.

    Pictures that cannot be drawn or written are told (PC522) to `warn`, as a Python warning by
    default: they can be drawn later, and must not lose a run that has finished.
    """
    warn = warn or Silent().warn
    try:
        return _draw(folder)
    except DataError as error:
        for problem in error.diagnostics:
            warn(replace(problem, severity="warning"))
    except Exception as error:  # whatever matplotlib, or a file edited by hand, makes of it
        message = f"cannot draw {folder.plots}: {type(error).__name__}: {error}"
        help = f"`pcc resume {folder.path}` draws a finished run again"
        warn(Diagnostic("PC522", message, help=help, severity="warning"))
    return ()


def _draw(folder: RunFolder) -> tuple[Path, ...]:
    lines = folder.metrics.read()
    figures = {
        "loss": _training(lines, "loss", "loss per sample", log=True),
        "accuracy": _training(lines, "accuracy", "accuracy", log=False),
        "energy": _node_energies(lines),
        "inference": _inference(lines, "energy", ENERGY),
        "state_gradient": _inference(lines, "state_gradient_norm", "norm of dF/dx"),
        "gradient_norm": _gradient_norms(lines),
    }
    written: list[Path] = []
    with writing(folder.plots):
        folder.plots.mkdir(exist_ok=True)
    for name, figure in figures.items():
        if figure is None:
            continue
        path, content = folder.plots / f"{name}.png", io.BytesIO()
        figure.savefig(content, format="png", dpi=150)
        replace_file(path, content.getvalue())
        written.append(path)
    return tuple(written)


def _training(lines: Sequence[Line], metric: str, label: str, log: bool) -> Figure | None:
    steps, values = _series(lines, "step", metric)
    validation_steps, validation = _series(lines, "epoch", metric)
    if not len(values) and not len(validation):
        return None
    figure, axes = panels_beside(1)
    if len(values):
        _curve(axes[0], steps, values, "training", "tab:blue", log)
    if len(validation):
        style = {"color": "tab:orange", "marker": "o", "markersize": 3.5, "linewidth": 1.5}
        axes[0].plot(validation_steps, validation, label="validation", **style)
    for parameters, marker in (("last", "D"), ("best", "*")):
        tests = [line for line in lines if line.get("parameters") == parameters]
        test_steps = _series(tests, "test", "trained_steps")[1]
        test = _series(tests, "test", metric)[1]
        if len(test):
            style = {"color": "tab:green", "marker": marker, "linestyle": "none", "zorder": 5}
            axes[0].plot(test_steps, test, label=f"test, {parameters} parameters", **style)
    _finish(axes[0], "training step", label, log)
    _legend(axes)
    return figure


def _node_energies(lines: Sequence[Line]) -> Figure | None:
    phases = _names(lines, "node_energy")
    nodes = {phase: _names(lines, "node_energy", phase) for phase in phases}
    shown = {
        phase: [n for n in nodes[phase] if _series(lines, "step", "node_energy", phase, n)[1].any()]
        for phase in phases
    }
    phases = [phase for phase in phases if shown[phase]]
    if not phases:
        return None
    figure, panels = panels_beside(len(phases))
    log = _suits_logarithm(
        _series(lines, "step", "node_energy", phase, node)[1]
        for phase in phases
        for node in shown[phase]
    )
    for axes, phase in zip(panels, phases, strict=True):
        for node, colour in _coloured(nodes[phase]):
            if node in shown[phase]:
                steps, values = _series(lines, "step", "node_energy", phase, node)
                _curve(axes, steps, values, node, colour, log)
        axes.set_title(f"end of phase: {phase}", fontsize=10)
        _finish(axes, "training step", ENERGY, log)
    _legend(panels)
    return figure


def _inference(lines: Sequence[Line], metric: str, label: str) -> Figure | None:
    rows = [line for line in lines if line["kind"] == "trajectory" and line.get(metric)]
    if not rows:
        return None
    first, last = rows[0], rows[-1]
    curves = [(first, "--", 0.6), (last, "-", 1.0)][0 if first is not last else 1 :]
    figure, panels = panels_beside(len(last[metric]))
    log = _suits_logarithm(
        _numbers(values)
        for row, _, _ in curves
        for nodes in row[metric].values()
        for values in nodes.values()
    )
    for axes, (phase, nodes) in zip(panels, last[metric].items(), strict=True):
        for node, colour in _coloured(sorted(nodes, key=natural_key)):
            for row, style, alpha in curves:
                values = _numbers(row[metric].get(phase, {}).get(node, ()))
                values = _positive(values) if log else values
                if not np.isfinite(values).any():
                    continue
                name = node if row is last else None
                steps = np.arange(len(values))
                axes.plot(steps, values, style, color=colour, alpha=alpha, label=name)
        epochs = f"epoch {last['epoch']}"
        if first is not last:
            epochs = f"epoch {first['epoch']} dashed, {last['epoch']} solid"
        axes.set_title(f"phase: {phase} ({epochs})", fontsize=10)
        _finish(axes, "inference step", label, log)
    _legend(panels)
    return figure


def _gradient_norms(lines: Sequence[Line]) -> Figure | None:
    nodes = _names(lines, "gradient_norm")
    if not nodes:
        return None
    figure, axes = panels_beside(1)
    for node, colour in _coloured(nodes):
        steps, values = _series(lines, "step", "gradient_norm", node)
        _curve(axes[0], steps, values, node, colour, log=True)
    _finish(axes[0], "training step", "norm of the parameter gradient", log=True)
    _legend(axes)
    return figure


# -- reading the metrics -----------------------------------------------------------------


def _series(lines: Sequence[Line], kind: str, *keys: str) -> tuple[np.ndarray, np.ndarray]:
    steps, values = [], []
    for line in lines:
        value: Any = line
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        if line["kind"] == kind and value is not None:
            steps.append(line["step"])
            values.append(value)
    return np.array(steps), np.array(values, np.float64)


def _names(lines: Sequence[Line], *keys: str) -> list[str]:
    """The keys under a metric."""
    for line in lines:
        value: Any = line
        for key in keys:
            value = value.get(key, {}) if isinstance(value, Mapping) else {}
        if line["kind"] == "step" and value:
            return sorted(value, key=natural_key)
    return []


def _numbers(values: Any) -> np.ndarray:
    """A row of the metrics, NaN for what was not finite."""
    return np.array([np.nan if v is None else v for v in values], np.float64)


def _suits_logarithm(series: Iterable[np.ndarray]) -> bool:
    """Whether a logarithmic axis shows these energies: none is below zero, but for rounding."""
    values = np.concatenate([*series, np.zeros(1)])
    values = values[np.isfinite(values)]
    return bool(values.min() >= -1e-6 * values.max())


def _positive(values: np.ndarray) -> np.ndarray:
    """For a logarithmic axis: what is not positive is left out."""
    return np.where(values > 0, values, np.nan)


# -- drawing -----------------------------------------------------------------------------


def panels_beside(panels: int, shared: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels beside each other, and their axes."""
    # Figure, not pyplot: no global state, no backend to choose, works without a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.2 + 5.6 * panels, 4.2), layout="constrained")
    axes = figure.subplots(1, panels, sharey=shared, squeeze=False)
    return figure, list(axes[0])


def _curve(
    axes: Axes, steps: np.ndarray, values: np.ndarray, label: str, colour: Any, log: bool
) -> None:
    """A noisy curve: the mean of stretches of steps over a band from minimum to maximum."""
    if log:
        values = _positive(values)
    length = max(1, round(len(values) / POINTS))
    parts = [
        (steps[i : i + length].mean(), part[np.isfinite(part)])
        for i in range(0, len(values), length)
        if np.isfinite(part := values[i : i + length]).any()
    ]
    if not parts:
        return
    x = [position for position, _ in parts]
    axes.plot(x, [part.mean() for _, part in parts], color=colour, linewidth=1.5, label=label)
    if length > 1:
        low, high = [part.min() for _, part in parts], [part.max() for _, part in parts]
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


def _coloured(names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Ten nodes get distinct colours, more of them a scale from first to last."""
    from matplotlib import colormaps

    if len(names) <= 10:
        yield from zip(names, colormaps["tab10"].colors, strict=False)  # pyright: ignore
        return
    for i, name in enumerate(names):
        yield name, colormaps["viridis"](0.9 * i / (len(names) - 1))  # its end is pale yellow


def _finish(axes: Axes, x: str, y: str, log: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel(x)
    if axes.get_subplotspec().is_first_col():  # pyright: ignore
        axes.set_ylabel(y)
    if log:
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(panels: Sequence[Axes]) -> None:
    """One legend for all panels: beside the last one where it is long, else inside."""
    entries: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    names = sorted(entries, key=natural_key) if len(entries) > 5 else list(entries)
    names = names[:: -(-len(names) // MOST_IN_LEGEND)] if names else []
    style: dict[str, Any] = {"frameon": False, "fontsize": 8}
    if len(names) > 5:
        style |= {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
    if names:
        panels[-1].legend([entries[name] for name in names], names, **style)
