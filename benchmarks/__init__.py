"""Gas and speed, measured; results are committed in `benchmarks/results`."""
