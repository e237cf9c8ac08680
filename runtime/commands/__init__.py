"""The commands of `pcc`, one file each, and what they share."""
