"""The pure protocol layer: no chain."""
