"""Components of networks and of their training: operators, energies, rules, optimisers, data
sources."""
