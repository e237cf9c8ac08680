"""What a network is made of: operators, energies, rules, optimisers, data sources."""
