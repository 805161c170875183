"""Golden values of every hash, id and tree, for any implementation; `python -m tests.vectors` writes them."""
