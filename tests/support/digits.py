"""The digits network served for real: registered, executed, committed, re-executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from onus.protocol import Batch, FaultKind, ModelId, Parent, Receipt, Request
from onus.trace import Alteration, Engine, Program, Trace, compile_tosa, evidence, find_fault
from tests.support.actors import Actor
from tests.support.verdicts import Case
from tests.support.world import World

FOLDER = Path(__file__).resolve().parents[2] / "models" / "digits"


@cache
def program() -> Program:
    """The compiled network."""
    return compile_tosa((FOLDER / "digits.tosa").read_bytes())


@cache
def engine() -> Engine:
    """One for all tests: its kernels are compiled once."""
    return Engine(program(), threads=1)


@cache
def _held_out() -> tuple[np.ndarray, np.ndarray]:
    data = np.load(FOLDER / "heldout.npz")
    return data["inputs"], data["labels"]


def label(image: int) -> int:
    """What a held-out image shows."""
    return int(_held_out()[1][image])


def run(image: int, *, alter: Alteration | None = None) -> Trace:
    """Executes the network on a held-out image."""
    pixels = _held_out()[0][image].reshape(1, *program().inputs[0].shape)
    return engine().run([pixels], alter=alter)[0]


def altered(image: int, slot: int, element: int = 0) -> Trace:
    """An execution with one element off by one, everything after it consistent."""
    right = int(run(image).tensors[slot].reshape(-1)[element])
    return run(image, alter=Alteration(slot, element, right ^ 1))


@dataclass(frozen=True)
class Served:
    """One inference: what was asked, what was answered, and what the operator really has."""

    image: int
    request: Request
    receipt: Receipt
    trace: Trace

    def receipt_with(self, **fields: Any) -> Served:
        """The same with other fields in the receipt."""
        return replace(self, receipt=replace(self.receipt, **fields))


class Digits:
    """The network in a world: op1 can serve it for alice and bob."""

    def __init__(self, world: World, *, parents: Sequence[Parent] = (), royalty_bps: int = 1_000) -> None:
        self.world = world
        world.operator_ready()
        for payer in (world.alice, world.bob):
            world.payer_ready(payer)
        spec = replace(
            world.spec(parents=tuple(parents), royalty_bps=royalty_bps), manifest=program().manifest
        )
        tx = world.models.register(spec, sender=world.provider)
        self.model = ModelId(tx.event("ModelRegistered").modelId)

    def request(self, image: int, payer: Actor, **overrides: Any) -> Request:
        """What a payer asks about an image."""
        return self.world.request(payer, self.model, **({"input_root": run(image).input_root} | overrides))

    def serve(
        self,
        image: int,
        *,
        payer: Actor | None = None,
        trace: Trace | None = None,
        request: Request | None = None,
        **fields: Any,
    ) -> Served:
        """Answers about an image for a payer (alice); execution and receipt may be wrong."""
        request = request or self.request(image, payer or self.world.alice)
        trace = trace or run(image)
        roots = {"output_root": trace.output_root, "trace_root": trace.trace_root}
        receipt = self.world.receipt(self.world.op1, self.model, request=request, **(roots | fields))
        return Served(image, request, receipt, trace)

    def batch(self, *served: Served, **options: Any) -> Batch:
        """A batch of these, in this order."""
        return self.world.batch(self.world.op1, receipts=[each.receipt for each in served], **options)

    def accuse(self, batch: Batch, leaf: int, served: Served) -> Case | None:
        """What an honest watcher that re-executes finds wrong with a leaf; None if it is right."""
        fault = find_fault(run(served.image), served.trace, output_root=served.receipt.output_root)
        if fault is None:
            return None
        shown = evidence(served.trace, fault)
        return Case(batch, leaf, FaultKind.EXECUTION, shown, slot=fault.slot, element=fault.element)
