"""The operator's node: serves inferences, signs a receipt for each, commits them in batches.

::

    HTTP → MicroBatcher → Service: admission (pure) → Executor → store → signed answers
    clock → Committer:    plan (pure) → prepare in the store → commit, finalize
    chain → Responder:    what is open on chain → duties (pure) → answers from the store or by running again

`Node` is all of it in one process; the parts can be used alone.
"""

from onus.operator._admission import Grant, OperatorFacts, PayerFacts, admit
from onus.operator._answers import Answers, answer_to
from onus.operator._committer import Committer, Progress
from onus.operator._docket import Docket, Filed
from onus.operator._duties import Duties, OpenChallenge, duties_of, in_transactions
from onus.operator._errors import (
    BodyTooLarge,
    Busy,
    CoverTooLow,
    FeeAboveMaximum,
    InputRootMismatch,
    Malformed,
    ModelNotServable,
    ModelNotServed,
    NodeError,
    NotCommitting,
    NotFound,
    NotTheSigner,
    OperatorError,
    PaymentNeeded,
    Refusal,
    RequestExpired,
    StakeBelowMinimum,
    StakeExhausted,
    Unanswerable,
    Unavailable,
    VoucherInvalid,
    VoucherTooLow,
    WrongInput,
    WrongKey,
)
from onus.operator._executor import EngineExecutor, Executor
from onus.operator._http import create_app
from onus.operator._node import Node
from onus.operator._plan import CommitPolicy, Plan, plan
from onus.operator._responder import Responder, Response
from onus.operator._server import Server
from onus.operator._service import Offer, Service

__all__ = [
    "Answers",
    "BodyTooLarge",
    "Busy",
    "CommitPolicy",
    "Committer",
    "CoverTooLow",
    "Docket",
    "Duties",
    "EngineExecutor",
    "Executor",
    "FeeAboveMaximum",
    "Filed",
    "Grant",
    "InputRootMismatch",
    "Malformed",
    "ModelNotServable",
    "ModelNotServed",
    "Node",
    "NodeError",
    "NotCommitting",
    "NotFound",
    "NotTheSigner",
    "Offer",
    "OpenChallenge",
    "OperatorError",
    "OperatorFacts",
    "PayerFacts",
    "PaymentNeeded",
    "Plan",
    "Progress",
    "Refusal",
    "RequestExpired",
    "Responder",
    "Response",
    "Server",
    "Service",
    "StakeBelowMinimum",
    "StakeExhausted",
    "Unanswerable",
    "Unavailable",
    "VoucherInvalid",
    "VoucherTooLow",
    "WrongInput",
    "WrongKey",
    "admit",
    "answer_to",
    "create_app",
    "duties_of",
    "in_transactions",
    "plan",
]
