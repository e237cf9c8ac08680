"""The commands of `pcc`, one file each, and what they share: the group that ends them, options,
progress, results of runs, tables."""
