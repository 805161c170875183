"""Keccak-256 of many messages of 64 or 128 bytes at once.

Eight messages are hashed side by side, one in each 64-bit lane of a vector: the permutation is written once
in LLVM's vector instructions, which become AVX-512, AVX2, SSE2 or NEON, whatever the processor has. Messages
of 64 bytes (two nodes) and of 128 bytes (a chunk) both fit one block of the sponge (136 bytes), so a hash is
one permutation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from onus.trace._dtypes import Bytes

LANES: Final = 8
HASH: Final = 32
NODE: Final = 64
"""Bytes hashed for a node: its two children."""

_RATE_WORDS: Final = 17  # the block of keccak256: 136 bytes
_I64 = ir.IntType(64)
_VECTOR = ir.VectorType(_I64, LANES)


def _round_constants() -> tuple[int, ...]:
    # FIPS 202, 3.2.5: bit 2^j − 1 of constant r is the output of an LFSR after j + 7 r steps.
    bits, state = [], 1
    for _ in range(7 * 24):
        bits.append(state & 1)
        state <<= 1
        if state & 0x100:
            state ^= 0x171
    return tuple(sum(bits[j + 7 * r] << ((1 << j) - 1) for j in range(7)) for r in range(24))


def _rotations() -> tuple[int, ...]:
    # FIPS 202, 3.2.2: lane x + 5 y.
    out, x, y = [0] * 25, 1, 0
    for t in range(24):
        out[x + 5 * y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return tuple(out)


_ROUNDS: Final = _round_constants()
_ROTATIONS: Final = _rotations()


def _splat(value: int) -> ir.Constant:
    return ir.Constant(_VECTOR, [value] * LANES)


def _rotate(builder: Any, value: Any, by: int) -> Any:
    if not by:
        return value
    signature = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    name = f"llvm.fshl.v{LANES}i64"
    function = builder.module.globals.get(name) or ir.Function(builder.module, signature, name)
    return builder.call(function, [value, value, _splat(by)])


def _round(builder: Any, state: list[Any], constant: Any) -> list[Any]:
    def xor(*values: Any) -> Any:
        out = values[0]
        for value in values[1:]:
            out = builder.xor(out, value)
        return out

    columns = [xor(*(state[x + 5 * y] for y in range(5))) for x in range(5)]
    mixed = [xor(columns[(x + 4) % 5], _rotate(builder, columns[(x + 1) % 5], 1)) for x in range(5)]
    moved: list[Any] = [None] * 25
    for x in range(5):
        for y in range(5):
            lane = xor(state[x + 5 * y], mixed[x])
            moved[y + 5 * ((2 * x + 3 * y) % 5)] = _rotate(builder, lane, _ROTATIONS[x + 5 * y])
    out = [
        xor(
            moved[x + 5 * y],
            builder.and_(builder.not_(moved[(x + 1) % 5 + 5 * y]), moved[(x + 2) % 5 + 5 * y]),
        )
        for y in range(5)
        for x in range(5)
    ]
    out[0] = xor(out[0], constant)
    return out


def _hash_lanes(words: int) -> Any:
    """Intrinsic `hash(source, target)`: eight messages of `words` words in a row → eight hashes in a row."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        source, target = (builder.inttoptr(address, _I64.as_pointer()) for address in args)
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        block: list[Any] = []
        for word in range(words):
            vector = undefined
            for lane in range(LANES):
                place = builder.gep(source, [ir.Constant(_I64, lane * words + word)])
                loaded = builder.load(place)
                loaded.align = 1
                vector = builder.insert_element(vector, loaded, ir.Constant(ir.IntType(32), lane))
            block.append(vector)
        padding = [0] * (_RATE_WORDS - words)
        padding[0] |= 0x01
        padding[-1] |= 0x80 << 56
        state = block + [_splat(word) for word in padding] + [_splat(0)] * (25 - _RATE_WORDS)

        # One loop over the rounds: unrolled, the code would not fit the instruction cache.
        constants = ir.Constant(ir.ArrayType(_I64, 24), list(_ROUNDS))
        table = ir.GlobalVariable(builder.module, constants.type, builder.module.get_unique_name("rounds"))
        table.initializer, table.global_constant, table.linkage = constants, True, "internal"
        before = builder.block
        loop, done = builder.append_basic_block("round"), builder.append_basic_block("done")
        builder.branch(loop)
        builder.position_at_end(loop)
        counter = builder.phi(_I64)
        phis = [builder.phi(_VECTOR) for _ in range(25)]
        zero, one = ir.Constant(_I64, 0), ir.Constant(_I64, 1)
        scalar = builder.load(builder.gep(table, [zero, counter]))
        first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        constant = builder.shuffle_vector(first, undefined, mask)
        after = _round(builder, phis, constant)
        following = builder.add(counter, one)
        builder.cbranch(builder.icmp_unsigned("<", following, ir.Constant(_I64, 24)), loop, done)
        counter.add_incoming(zero, before)
        counter.add_incoming(following, builder.block)
        for phi, initial, final in zip(phis, state, after, strict=True):
            phi.add_incoming(initial, before)
            phi.add_incoming(final, loop)
        builder.position_at_end(done)

        for lane in range(LANES):
            for word in range(4):
                value = builder.extract_element(after[word], ir.Constant(ir.IntType(32), lane))
                place = builder.gep(target, [ir.Constant(_I64, lane * 4 + word)])
                builder.store(value, place).align = 1
        return ir.Constant(ir.IntType(32), 0)

    @intrinsic
    def hash_lanes(_typing: Any, source: Any, target: Any) -> tuple[Any, Callable[..., Any]]:
        return types.int32(types.intp, types.intp), codegen

    return hash_lanes


_hash_chunks = _hash_lanes(16)
_hash_nodes = _hash_lanes(8)


# The arrays whose addresses are used are arguments, not locals: numba would free a local one before the call.


@numba.njit(nogil=True, cache=True)
def _chunk_lanes(source: Bytes, target: Bytes) -> None:
    for k in range(0, source.size // 128, LANES):
        _hash_chunks(source.ctypes.data + k * 128, target.ctypes.data + k * HASH)


@numba.njit(nogil=True, cache=True)
def _node_lanes(source: Bytes, target: Bytes) -> None:
    for k in range(0, source.size // 64, LANES):
        _hash_nodes(source.ctypes.data + k * 64, target.ctypes.data + k * HASH)


@numba.njit(nogil=True, cache=True)
def hash_chunks(source: Bytes, target: Bytes) -> None:
    """Hashes messages of 128 bytes: source (n * 128,), target (n * 32,), both contiguous."""
    count = source.size // 128
    whole = count - count % LANES
    _chunk_lanes(source[: whole * 128], target)
    if whole < count:
        spare = np.zeros(LANES * 128, np.uint8)
        hashes = np.empty(LANES * HASH, np.uint8)
        spare[: (count - whole) * 128] = source[whole * 128 :]
        _chunk_lanes(spare, hashes)
        target[whole * HASH : count * HASH] = hashes[: (count - whole) * HASH]


@numba.njit(nogil=True, cache=True)
def hash_nodes(source: Bytes, target: Bytes) -> None:
    """Hashes messages of 64 bytes: source (n * 64,), target (n * 32,), both contiguous."""
    count = source.size // 64
    whole = count - count % LANES
    _node_lanes(source[: whole * 64], target)
    if whole < count:
        spare = np.zeros(LANES * 64, np.uint8)
        hashes = np.empty(LANES * HASH, np.uint8)
        spare[: (count - whole) * 64] = source[whole * 64 :]
        _node_lanes(spare, hashes)
        target[whole * HASH : count * HASH] = hashes[: (count - whole) * HASH]
