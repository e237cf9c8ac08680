"""The graph that the compiler works on: types, building, printing, invariants."""
