"""Dot products of 16-bit integers with 32-bit accumulators, exact modulo 2^32.

Operands of 8 bits minus their zero points have 9 bits, so they are held in 16. The inner loop multiplies
pairs and adds them (what processors have an instruction for); LLVM's vector instructions are used directly
because numba does not find that pattern in loops. Accumulators wrap like INT32 does: there is no largest
length, and no rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

OUTPUTS: Final = 16
"""Outputs computed side by side."""
PIXELS: Final = 4
"""Positions computed side by side: each load of weights serves that many."""

_I16, _I32, _I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
_HALF = ir.VectorType(_I16, OUTPUTS)
_SUM = ir.VectorType(_I32, OUTPUTS)
_PAIRS = ir.VectorType(_I16, 2 * OUTPUTS)
_WIDE = ir.VectorType(_I32, 2 * OUTPUTS)


def _number(value: int) -> ir.Constant:
    return ir.Constant(_I64, value)


def _lanes(lanes: list[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(_I32, len(lanes)), lanes)


def _loop(
    builder: Any, count: Any, carried: list[Any], body: Callable[[Any, list[Any]], list[Any]]
) -> list[Any]:
    """for k in range(count): carried = body(k, carried); count ≥ 1."""
    before = builder.block
    block = builder.append_basic_block("loop")
    builder.branch(block)
    builder.position_at_end(block)
    counter = builder.phi(_I64)
    phis = [builder.phi(value.type) for value in carried]
    after = body(counter, list(phis))
    following = builder.add(counter, _number(1))
    end = builder.block
    done = builder.append_basic_block("done")
    builder.cbranch(builder.icmp_signed("<", following, count), block, done)
    counter.add_incoming(_number(0), before)
    counter.add_incoming(following, end)
    for phi, initial, final in zip(phis, carried, after, strict=True):
        phi.add_incoming(initial, before)
        phi.add_incoming(final, end)
    builder.position_at_end(done)
    return after


def _emitter(step: int, multiply: Callable[[Any, Any, Any, Any], Any]) -> Callable[..., Any]:
    """Code of an intrinsic.

    Args:
        step: bytes of weights that one multiplication of a run uses.
        multiply: total + products: builder, total, address of the operands, address of the weights → total.
    """

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        positions = args[:PIXELS]
        run_table, count, length, weight_base, bias_at, target, distance = args[PIXELS:]
        initial = _load(builder, bias_at, _SUM, 4)

        def run(number: Any, carried: list[Any]) -> list[Any]:
            place = builder.add(run_table, builder.shl(number, _number(3)))
            distance_of_run = _load(builder, place, _I64, 8)
            starts = [builder.add(position, distance_of_run) for position in positions]
            weights = builder.add(weight_base, builder.mul(builder.mul(number, length), _number(step)))

            def part(index: Any, totals: list[Any]) -> list[Any]:
                weight_at = builder.add(weights, builder.mul(index, _number(step)))
                offset = builder.shl(index, _number(2))
                return [
                    multiply(builder, total, builder.add(start, offset), weight_at)
                    for start, total in zip(starts, totals, strict=True)
                ]

            return _loop(builder, length, carried, part)

        totals = _loop(builder, count, [initial] * PIXELS, run)
        for number, total in enumerate(totals):
            address = builder.add(target, builder.mul(distance, _number(number)))
            builder.store(total, builder.inttoptr(address, _SUM.as_pointer())).align = 4
        return ir.Constant(_I32, 0)

    return emit


def _load(builder: Any, address: Any, kind: Any, align: int) -> Any:
    value = builder.load(builder.inttoptr(address, kind.as_pointer()))
    value.align = align
    return value


def _pair(builder: Any, total: Any, operands: Any, weights: Any) -> Any:
    """Two operands, the same for all outputs, times two weights of each output."""
    both = _load(builder, operands, _I32, 2)
    undefined = ir.Constant(_SUM, ir.Undefined)
    first = builder.insert_element(undefined, both, ir.Constant(_I32, 0))
    everywhere = builder.bitcast(builder.shuffle_vector(first, undefined, _lanes([0] * OUTPUTS)), _PAIRS)
    product = builder.mul(
        builder.sext(everywhere, _WIDE), builder.sext(_load(builder, weights, _PAIRS, 2), _WIDE)
    )
    undefined = ir.Constant(_WIDE, ir.Undefined)
    even = builder.shuffle_vector(product, undefined, _lanes(list(range(0, 2 * OUTPUTS, 2))))
    odd = builder.shuffle_vector(product, undefined, _lanes(list(range(1, 2 * OUTPUTS, 2))))
    return builder.add(total, builder.add(even, odd))


def _each(builder: Any, total: Any, operands: Any, weights: Any) -> Any:
    """One operand of each output times one weight of each output."""
    values = builder.sext(_load(builder, operands, _HALF, 2), _SUM)
    return builder.add(total, builder.mul(values, _load(builder, weights, _SUM, 4)))


_emit_dense = _emitter(4 * OUTPUTS, _pair)
_emit_depthwise = _emitter(4 * OUTPUTS, _each)


@intrinsic
def _dot_dense(
    _typing: Any,
    x0: Any,
    x1: Any,
    x2: Any,
    x3: Any,
    runs: Any,
    run_count: Any,
    length: Any,
    weights: Any,
    bias: Any,
    out: Any,
    stride: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Four positions × sixteen outputs, each a sum over all operands of the position.

    All arguments are addresses or numbers of 64 bits.

    Args:
        x0: address of the first position's 16-bit operands; x1, x2, x3: of the others'.
        runs: address of `run_count` 64-bit distances in bytes from a position's address to each of its runs.
        run_count: number of runs, at least 1.
        length: pairs of operands in a run, at least 1.
        weights: address of the 16-bit weights, (run_count, length, 16, 2).
        bias: address of sixteen 32-bit initial values.
        out: address of the first position's sixteen 32-bit results.
        stride: distance in bytes from one position's results to the next one's.
    """
    return types.int32(*(types.intp,) * 11), _emit_dense


@intrinsic
def _dot_depthwise(
    _typing: Any,
    x0: Any,
    x1: Any,
    x2: Any,
    x3: Any,
    runs: Any,
    run_count: Any,
    length: Any,
    weights: Any,
    bias: Any,
    out: Any,
    stride: Any,
) -> tuple[Any, Callable[..., Any]]:
    """As `_dot_dense`, but output k sums over operand k of each run: weights are 32-bit, (run_count, 16).

    `length` is 1.
    """
    return types.int32(*(types.intp,) * 11), _emit_depthwise


# As they look inside compiled code: without the first argument.
dot_dense: Any = _dot_dense
dot_depthwise: Any = _dot_depthwise
