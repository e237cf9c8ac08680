"""The number of training steps in one call, so that a call lasts about a third of a second.

Shorter calls would spend their time in Python; longer ones would let a signal, a progress
bar or a checkpoint wait.
"""

from __future__ import annotations

TARGET_SECONDS = 0.3
FASTEST_GROWTH = 8
"""Factor on the number of steps from one call to the next: a first fast call may mislead."""


class Pace:
    """The number of steps for the next call, from how long the last one took."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.count = 1
        self._compiled = False

    def took(self, count: int, seconds: float) -> None:
        """Learns from a call. The first one compiles, so its time says nothing."""
        if not self._compiled:
            self._compiled = True
            return
        fitting = int(count * TARGET_SECONDS / max(seconds, 1e-9))
        self.count = max(1, min(fitting, FASTEST_GROWTH * self.count, self.capacity))


class Speed:
    """Training steps per second. The very first call is left out, since it compiles."""

    def __init__(self) -> None:
        self._compiling = True
        self._steps = 0
        self._seconds = 0.0
        self.steps_per_second = 0.0

    def took(self, count: int, seconds: float) -> None:
        """Adds a call."""
        if not self._compiling:
            self._steps += count
            self._seconds += seconds
        self._compiling = False
        if self._steps:
            self.steps_per_second = self._steps / max(self._seconds, 1e-9)

    def forget(self) -> None:
        """Begins a new average; until then the old one stands."""
        self._steps, self._seconds = 0, 0.0
