"""From a typed graph to JAX: the plan of a training step, and its emission."""
