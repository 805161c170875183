"""ABIs of the contracts as JSON, written by ``make bindings``."""

__all__: list[str] = []
