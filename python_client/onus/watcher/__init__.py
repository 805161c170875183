"""The watcher: executes again what operators committed, and challenges what is wrong.

::

    follow      committed batches, block by block, also through reorganisations
    examine     the batch's data from its operator, held against the roots; every receipt executed again
    solve       pure: the first contradiction of a receipt, and the evidence that shows it
    sample      pure: which leaves to look at where nothing is served, within a budget of bonds
    pursue      pure: what to demand next of an operator that withholds, from what anybody knows
    decide      pure: what to do next about a challenge, from what was planned and what the chain says
    respond     the only part that sends: seal first on disk, then on chain; a preview before every proof

Only models are judged that the watcher has recompiled from their file to the registered roots.
"""

from onus.watcher._decide import Action, ChainView, decide
from onus.watcher._errors import DataWithheld, WatcherError
from onus.watcher._examine import Examination, examine
from onus.watcher._follow import Follower
from onus.watcher._inspect import Inspector
from onus.watcher._pursue import Known, next_move
from onus.watcher._respond import Responder
from onus.watcher._reveals import read_known
from onus.watcher._sample import Sampling, plan_samples
from onus.watcher._solve import Finding, TraceNeeded, solve
from onus.watcher._source import DataSource, EndpointSource, OperatorTrace
from onus.watcher._watcher import Report, Watcher

__all__ = [
    "Action",
    "ChainView",
    "DataSource",
    "DataWithheld",
    "EndpointSource",
    "Examination",
    "Finding",
    "Follower",
    "Inspector",
    "Known",
    "OperatorTrace",
    "Report",
    "Responder",
    "Sampling",
    "TraceNeeded",
    "Watcher",
    "WatcherError",
    "decide",
    "examine",
    "next_move",
    "plan_samples",
    "read_known",
    "solve",
]
