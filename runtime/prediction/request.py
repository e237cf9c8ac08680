"""Requests of predictions: numbers, classes, arrays and masks, as arrays for the nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pccompiler.components.sources.stored import StoredArray
from pccompiler.components.vocabulary import Shape
from pccompiler.diagnostics.diagnostic import DataError, Diagnostic, SpecError
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.ir.graph import Graph
from runtime.data.encoding import Encoding
from runtime.data.held_values import energies_where_held, fault_in, place
from runtime.data.layout import advice_on_axes, same_layout, transposition
from runtime.prediction.input_files import KINDS, names_inputs, read_inputs
from runtime.prediction.input_pictures import Pictures
from runtime.prediction.pictures import picture_shape


@dataclass(frozen=True)
class Each:
    """A value for each sample: numbers, or names of classes."""

    values: tuple[float | str, ...]


@dataclass(frozen=True)
class Request:
    """The nodes to clamp and to read, beside the spec's `prediction`.

    clamp   {node: a number for every unit, the number or name of a class, one of these for each
            sample (`Each`), an array, or pictures}, in the units of the training data; nodes
            without data take the values of their units
    masks   {node: array or picture}: only entries where it is not zero are held, the others
            are free
    read    the nodes to read; with any, exactly the nodes given are held
    steps   of the relaxation; default: the spec's
    samples how many samples, where the values are the same for all of them; default 1
    seed    of a random start
    """

    clamp: Mapping[str, Any] = field(default_factory=dict)
    masks: Mapping[str, Any] = field(default_factory=dict)
    read: tuple[str, ...] = ()
    steps: int | None = None
    samples: int | None = None
    seed: int = 0


AS_THE_SPEC_SAYS = Request()
"""Inputs in, outputs out."""


def request_from_words(
    clamps: Sequence[str],
    masks: Sequence[str],
    read: Sequence[str] = (),
    steps: int | None = None,
    samples: int | None = None,
    seed: int = 0,
    header: bool | None = None,
) -> Request:
    """A request whose values are written NODE=VALUE: numbers or names of classes, separated by
    commas, or a file, of which `header` says whether a table has one.

    Raises SpecError (PC554) for words of another form, DataError for files.
    """
    values = {
        node: _array_of(Path(word), node, header) if names_inputs(word) else _value(word)
        for node, word in _pairs("clamp", clamps).items()
    }
    arrays = {
        node: _array_of(Path(word), node, header) for node, word in _pairs("mask", masks).items()
    }
    return Request(values, arrays, tuple(dict.fromkeys(read)), steps, samples, seed)


def _pairs(option: str, words: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words:
        node, sign, value = word.partition("=")
        if not (node and sign and value):
            form = "NODE=VALUE" if option == "clamp" else "NODE=FILE"
            raise unusable(f"`--{option} {word}` is not of the form {form}", f"write {form}")
        if node in pairs:
            raise unusable(f"`--{option}` names `{node}` twice", "give one value for each node")
        pairs[node] = value
    return pairs


def _value(word: str) -> float | str | Each:
    """A number or a name, or several of them."""
    parts = tuple(_number_or_name(part.strip()) for part in word.split(","))
    for part in parts:
        if part == "" or (isinstance(part, float) and not math.isfinite(part)):
            raise unusable(
                f"`{word}` is neither a number nor a file",
                f"write a number, such as a class, or name a file ending in {KINDS}",
            )
    return parts[0] if len(parts) == 1 else Each(parts)


def _number_or_name(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word


def _array_of(path: Path, node: str, header: bool | None) -> Any:
    """The array for a node in a file, or its pictures."""
    arrays = read_inputs([path], header)
    if isinstance(arrays, Pictures):
        return arrays
    if node not in arrays and len(arrays) != 1:
        held = ", ".join(f"`{name}`" for name in arrays) or "nothing"
        raise unusable(f"{path} holds {held}, none named `{node}`", f"name an array `{node}`")
    return arrays[node] if node in arrays else next(iter(arrays.values()))


@dataclass(frozen=True)
class Holder:
    """Makes the arrays of nodes from what the user gives, in a network and its run's units."""

    graph: Graph
    encodings: Mapping[str, Encoding]

    def image_shape(self, node: str) -> Shape | None:
        """(height, width, 1 or 3) of a picture of the node; None where it is no picture."""
        return picture_shape(self.graph.node[node].shape or (), self.encodings.get(node))

    def samples_of(self, node: str, values: Any) -> np.ndarray:
        """An array with an axis of samples, of numbers or names of classes, or pictures, as the
        node takes it, (samples, [time,] *shape).

        Raises DataError (PC550) for a shape or a class that the node does not have, and for
        samples without time where those in training were sequences, and what `Pictures.read`
        raises.
        """
        if isinstance(values, Pictures):
            code = self.encodings.get(node)
            values = self._pictures(node, values, code.full_scale if code else 1.0)
            return self._samples_of(node, values, timeless=True)
        if isinstance(values, StoredArray):
            self._refuse_other_shapes(node, values.shape, self._is_timeless(node))
        values = np.asarray(values)
        if values.dtype.kind in "US":
            named = [self._class_named(node, str(name)) for name in values.reshape(-1)]
            values = np.array(named).reshape(values.shape)
        return self._samples_of(node, values, self._is_timeless(node))

    def _samples_of(self, node: str, values: np.ndarray, timeless: bool) -> np.ndarray:
        inner = self._refuse_other_shapes(node, values.shape, timeless)
        return self._encoded(node, values.reshape(len(values), *inner))

    def _refuse_other_shapes(self, node: str, shape: Shape, timeless: bool) -> Shape:
        """As what samples in an array of this shape are read. Raises DataError (PC550)."""
        one = self._value_shape(node)
        inner = self._inner(node, shape[1:], one, timeless) if shape else None
        if inner is not None:
            return inner
        known = self.encodings[node].field_shape if node in self.encodings else one
        help = f"store an array of shape ({', '.join(map(str, ('samples', *known)))})"
        if shape and shape == known:
            help = "add an axis for samples: x[None]"
        elif shape and transposition(shape[1:], known):
            help = advice_on_axes(node, shape[1:], known)
        raise unfit(
            f"a sample of `{node}` has shape {shape[1:]}, but the network "
            f"{'was trained on' if node in self.encodings else 'has'} {known}",
            help,
        )

    def given(self, node: str, value: Any) -> np.ndarray:
        """A number for every unit (a class for a node of classes, also by its name), one of these
        for each sample, an array of one sample, or one with an axis of samples; the first and the
        third as a single sample.

        Of a sequence the array may be one time, which is then held at all.

        Raises DataError (PC550) for arrays, SpecError (PC554) for a class that does not exist.
        """
        if isinstance(value, Pictures):
            return self.samples_of(node, value)
        if isinstance(value, Each):
            return np.concatenate([self.given(node, single) for single in value.values])
        if isinstance(value, str):
            value = self._class_named(node, value)
        one = self._value_shape(node)
        if isinstance(value, StoredArray) and self._inner(node, value.shape, one) is None:
            self._refuse_other_shapes(node, value.shape, self._is_timeless(node))
        value = np.asarray(value)
        if value.ndim == 0:
            self._refuse_unknown_class(node, float(value))
            code = self.encodings.get(node)
            if code is not None and code.kind == "one_hot":
                return self._encoded(node, np.full((1, *one), np.eye(code.classes)[int(value)]))
            return self._encoded(node, np.full((1, *one), value))
        if self._is_timeless(node):
            if (
                self._inner(node, value.shape, one)
                and self._inner(node, value.shape[1:], one) is None
            ):
                value = value[None]
        elif self._inner(node, value.shape, one, timeless=False):
            value = value[None]
        elif self._inner(node, value.shape, one):
            return self._samples_of(node, value[None], timeless=True)
        return self.samples_of(node, value)

    def mask(self, node: str, mask: Any, samples: int) -> np.ndarray:
        """The entries of a node that are held, (samples, [time,] *shape), from a mask of the shape
        of one sample or of all.

        Raises SpecError (PC554) for any other shape.
        """
        if isinstance(mask, Pictures):
            mask = self._pictures(node, mask, 1.0)
            mask = mask[0] if len(mask) == 1 else mask
        given, shape = np.shape(mask), self.graph.node[node].shape or ()
        times = (self.graph.time.steps,) if self.graph.time else ()
        leading = [((), (1,)), ((samples,), (samples,))]
        if times:
            leading += [(times, (1, *times)), ((samples, *times), (samples, *times))]
        one = self._value_shape(node)
        fits = [
            lead
            for start, lead in leading
            if given[: len(start)] == start
            and same_layout(given[len(start) :], shape)
            and (self._has_classes(node) or same_layout(given[len(start) :], one))
        ]
        if times and samples > 1 and {(samples,), (1, *times)} <= set(fits):
            raise unusable(
                f"the mask of `{node}` of shape {given} may be meant by sample or by time",
                f"store it as ({', '.join(map(str, (samples, *times, *shape)))})",
            )
        if not fits:
            raise unusable(
                f"the mask of `{node}` has shape {given}, but a sample has {shape}",
                "store a mask of the shape of one sample, or one for each of the "
                f"{samples} samples",
            )
        lead = fits[0]
        if times and len(lead) == 1:
            lead = (*lead, 1)  # the same at all times
        held = np.asarray(mask) != 0
        return np.broadcast_to(held.reshape(*lead, *shape), (samples, *times, *shape))

    def _pictures(self, node: str, pictures: Pictures, white: float) -> np.ndarray:
        shape = self.image_shape(node)
        if shape is None:
            raise unfit(
                f"`{node}` is no picture, so {pictures.files[0]} cannot be held there",
                f"give its values in a file ending in {KINDS.partition(' or ')[0]}",
            )
        return pictures.read(node, shape, white)

    def _value_shape(self, node: str) -> Shape:
        code = self.encodings.get(node)
        return code.value_shape if code else self.graph.node[node].shape or ()

    def _is_timeless(self, node: str) -> bool:
        """Whether samples of the node may be without time: in training they were no sequences."""
        code = self.encodings.get(node)
        return code is None or code.steps is None

    def _inner(self, node: str, given: Shape, one: Shape, timeless: bool = True) -> Shape | None:
        """`one`, or (time, *one), whichever samples of this shape can be read as; without
        `timeless` the latter alone."""
        if timeless and self._keeps_places(node, given, one):
            return one
        time = self.graph.time
        if time and given and given[0] == time.steps and self._keeps_places(node, given[1:], one):
            return (time.steps, *one)
        return None

    def _keeps_places(self, node: str, given: Shape, one: Shape) -> bool:
        """Whether each number of a sample is at its place, as in training and in the node."""
        shape = self.graph.node[node].shape or ()
        return same_layout(given, one) and (self._has_classes(node) or same_layout(given, shape))

    def _has_classes(self, node: str) -> bool:
        """Whether it takes numbers of classes, which have fewer axes than its units."""
        return node in self.encodings and self.encodings[node].kind == "classes"

    def _encoded(self, node: str, values: np.ndarray) -> np.ndarray:
        code = self.encodings.get(node)
        if code is None:
            with np.errstate(over="ignore"):
                encoded = values.astype(np.float32)
            where = np.argwhere(~np.isfinite(encoded))
            if len(where):
                raise unfit(
                    f"`{node}` is {values[tuple(where[0])]:g} in {place(where[0])}, which is not "
                    "finite in float32, the precision of the program",
                    "give smaller numbers; float32 ends at 3.4e38",
                )
            return encoded
        if code.kind == "classes" and values.size:
            whole = (values == np.floor(values)).all()
            if not whole or values.min() < 0 or values.max() >= code.classes:
                raise unfit(
                    f"`{node}` wants class numbers from 0 to {code.classes - 1}",
                    "store integers in that range",
                )
        encoded = code.encode(values)
        fault = fault_in(code, energies_where_held(self.graph, node), values, encoded)
        if fault:
            raise unfit(fault.message, fault.help)
        return encoded

    def _class_named(self, node: str, name: str) -> float:
        """The number of the class of this name."""
        code = self.encodings.get(node)
        names = code.names if code is not None else ()
        if name in names:
            return float(names.index(name))
        if names:
            raise unusable(f"`{node}` has no class `{name}`", suggestion(name, names))
        raise unusable(
            f"`{name}` for `{node}` is neither a number nor a file",
            f"write a number, such as a class, or name a file ending in {KINDS}",
        )

    def _refuse_unknown_class(self, node: str, number: float) -> None:
        code = self.encodings.get(node)
        if code is None or not code.are_classes:
            return
        if not number.is_integer() or not 0 <= number < code.classes:
            raise unusable(
                f"`{node}` has no class {number:g}",
                f"its classes are the numbers from 0 to {code.classes - 1}",
            )


def unfit(message: str, help: str) -> DataError:
    """PC550: an array of the input."""
    return DataError(Diagnostic("PC550", message, help=help))


def unusable(message: str, help: str) -> SpecError:
    """PC554: a value, or a mask."""
    return SpecError(Diagnostic("PC554", message, help=help))
