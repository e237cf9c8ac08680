"""What theory says of a network, held against what its compiled programs do."""
