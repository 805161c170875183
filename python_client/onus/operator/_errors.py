"""Errors of the operator.

Every refusal is an HTTP answer (RFC 9457): the class gives its type and status.

::

    OperatorError (OnusError)
    ├── NodeError                       the node cannot be what it should be
    │   ├── WrongKey                    its key is not the one that is registered
    │   └── ModelNotServable            an offer for a model that it has not secured
    ├── Unanswerable                    a demand that the records cannot answer: the batch will be lost
    └── Refusal
        ├── Malformed              400  not what the API takes
        │   ├── WrongInput         400  number or size of the inputs
        │   └── InputRootMismatch  400  inputs that are not those of the request
        ├── NotTheSigner           401  the request is not signed by its payer
        ├── PaymentNeeded          402
        │   ├── FeeAboveMaximum    402  the price is higher than the request allows
        │   ├── VoucherInvalid     402  of another payer or operator, or signed by neither payer nor its key
        │   ├── VoucherTooLow      402  it does not cover what was served and this
        │   └── CoverTooLow        402  the reservation does not cover what was served and this
        ├── NotFound               404
        │   └── ModelNotServed     404
        ├── StakeBelowMinimum      409  the request wants more collateral than is offered
        ├── RequestExpired         410
        ├── BodyTooLarge           413
        └── Unavailable            503
            ├── Busy               503  too many requests wait
            ├── NotCommitting      503  the operator could not commit now: jailed, reserve, closed
            └── StakeExhausted     503  all its stake backs other results
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from onus.inference import Problem
from onus.protocol import OnusError, camel

__all__ = [
    "BodyTooLarge",
    "Busy",
    "CoverTooLow",
    "FeeAboveMaximum",
    "InputRootMismatch",
    "Malformed",
    "ModelNotServable",
    "ModelNotServed",
    "NodeError",
    "NotCommitting",
    "NotFound",
    "NotTheSigner",
    "OperatorError",
    "PaymentNeeded",
    "Refusal",
    "RequestExpired",
    "StakeBelowMinimum",
    "StakeExhausted",
    "Unanswerable",
    "Unavailable",
    "VoucherInvalid",
    "VoucherTooLow",
    "WrongInput",
    "WrongKey",
]


class OperatorError(OnusError):
    """Everything the operator raises on purpose."""


class NodeError(OperatorError):
    """The node cannot be what it should be."""


class WrongKey(NodeError):
    """Its key is not the one that is registered: nobody would take its receipts."""


class ModelNotServable(NodeError):
    """An offer for a model that the node has not recompiled to what is registered."""


class Unanswerable(OperatorError):
    """A demand, or a claim, that the records cannot answer: what stands behind it will be lost."""


class Refusal(OperatorError):
    """An order, or another request, that is not served."""

    status: ClassVar[int] = 400

    def __init__(self, detail: str, **values: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.values = values

    def problem(self) -> Problem:
        """As it travels; integers as decimal text, like amounts everywhere."""
        words = re.findall("[A-Z][a-z]*", type(self).__name__)
        return Problem(
            type="urn:onus:problem:" + "-".join(words).lower(),
            title=" ".join(words).capitalize(),
            status=self.status,
            detail=self.detail,
            values={
                camel(name): str(value) if isinstance(value, int) else value
                for name, value in self.values.items()
            },
        )


class Malformed(Refusal):
    """Not what the API takes."""


class WrongInput(Malformed):
    """Number or size of the inputs."""


class InputRootMismatch(Malformed):
    """The inputs are not those of the request."""


class NotTheSigner(Refusal):
    """The request is not signed by its payer."""

    status = 401


class PaymentNeeded(Refusal):
    """What was promised does not pay for it."""

    status = 402


class FeeAboveMaximum(PaymentNeeded):
    """The price is higher than the request allows."""


class VoucherInvalid(PaymentNeeded):
    """Of another payer or operator, or signed by neither the payer nor its key."""


class VoucherTooLow(PaymentNeeded):
    """It does not cover what was served to its payer and this."""


class CoverTooLow(PaymentNeeded):
    """The payer's reservation does not cover what was served to it and this."""


class NotFound(Refusal):
    """There is no such thing here."""

    status = 404


class ModelNotServed(NotFound):
    """The operator does not serve this model."""


class StakeBelowMinimum(Refusal):
    """The request wants more collateral than the operator offers."""

    status = 409


class RequestExpired(Refusal):
    """Too late to serve it."""

    status = 410


class BodyTooLarge(Refusal):
    """More bytes than any order of these models has."""

    status = 413


class Unavailable(Refusal):
    """Not now."""

    status = 503


class Busy(Unavailable):
    """Too many requests wait."""


class NotCommitting(Unavailable):
    """The operator could not commit now."""


class StakeExhausted(Unavailable):
    """All stake backs other results."""
