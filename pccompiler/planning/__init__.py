"""The update plan as data: what a training step computes, decided before any of it is emitted."""
