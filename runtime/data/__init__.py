"""From a data source to arrays per node."""
