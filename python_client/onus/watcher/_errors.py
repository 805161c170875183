"""Errors of the watcher.

::

    WatcherError (OnusError)
    └── DataWithheld    the operator does not give what it committed to
"""

from onus.protocol import OnusError

__all__ = ["DataWithheld", "WatcherError"]


class WatcherError(OnusError):
    """Everything the watcher raises on purpose."""


class DataWithheld(WatcherError):
    """The operator gives nothing, or something that is not what it committed to.

    Not a fault that can be shown, as without the data there is nothing to recompute: it is demanded on chain.

    Attributes:
        what: which data.
        reason: what came instead.
    """

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}")
        self.what = what
        self.reason = reason
