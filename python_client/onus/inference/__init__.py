"""Asking an operator over HTTP: what travels, who asks, and what a payer checks before it believes.

`NodeClient` speaks to one endpoint; `Session` is a payer's account with one operator: it signs requests and
vouchers, and takes no receipt that would not hold on chain. Needs no engine.
"""

from onus.inference._client import NodeClient
from onus.inference._errors import (
    AnswerTooLarge,
    BadAnswer,
    InferenceError,
    NodeFailed,
    NodeUnreachable,
    OutputMismatch,
    Refused,
)
from onus.inference._json import parse_json
from onus.inference._roots import CHUNK_BYTES, tensor_root, tensors_root
from onus.inference._session import Inference, Located, Session
from onus.inference._wire import Answer, BatchData, Order, Problem

__all__ = [
    "CHUNK_BYTES",
    "Answer",
    "AnswerTooLarge",
    "BadAnswer",
    "BatchData",
    "Inference",
    "InferenceError",
    "Located",
    "NodeClient",
    "NodeFailed",
    "NodeUnreachable",
    "Order",
    "OutputMismatch",
    "Problem",
    "Refused",
    "Session",
    "parse_json",
    "tensor_root",
    "tensors_root",
]
