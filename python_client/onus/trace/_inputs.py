"""Inputs: arrays or committed bytes, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from onus.trace._descriptor import Descriptor
from onus.trace._dtypes import Array, Bytes
from onus.trace._errors import OutOfRange, WrongInputCount, WrongLength, WrongShape, WrongType
from onus.trace._program import Program


def check_inputs(program: Program, inputs: Sequence[Array]) -> list[Array]:
    """Inputs as the engine wants them.

    Args:
        program: the model.
        inputs: one array of integers for each input, (batch, *shape), the same batch for all.

    Returns:
        the same values, contiguous and in each type's own array type.

    Raises:
        InputError: if number, shapes, types or values are not the model's.
    """
    if len(inputs) != len(program.inputs):
        raise WrongInputCount(len(inputs), len(program.inputs))
    out = []
    batch: int | None = None
    for index, (given, descriptor) in enumerate(zip(inputs, program.inputs, strict=True)):
        array = np.asarray(given)
        if array.ndim == 0 or array.shape[1:] != descriptor.shape or batch not in (None, len(array)):
            raise WrongShape(index, array.shape, descriptor.shape)
        batch = len(array)
        if array.dtype.kind not in "iub":
            raise WrongType(index, array.dtype.name, descriptor.dtype.name)
        dtype = descriptor.dtype
        exact = array.dtype == dtype.array and dtype.array.itemsize * 8 == dtype.bits
        if not exact and array.size:
            for value in (int(array.min()), int(array.max())):
                if not dtype.minimum <= value <= dtype.maximum:
                    raise OutOfRange(index, value, dtype.minimum, dtype.maximum)
        out.append(np.ascontiguousarray(array, dtype.array))
    return out


def encode_inputs(program: Program, inputs: Sequence[Array]) -> list[bytes]:
    """Committed encoding of inputs, all inputs of an inference in one string of `manifest.input_bytes`.

    Args:
        program: the model.
        inputs: as for `Engine.run`.

    Raises:
        InputError: if they are not inputs of the model.
    """
    arrays = check_inputs(program, inputs)
    parts = [
        descriptor.dtype.encode_array(array).reshape(len(array), -1)
        for array, descriptor in zip(arrays, program.inputs, strict=True)
    ]
    return [row.tobytes() for row in np.concatenate(parts, axis=1)]


def decode_inputs(program: Program, data: Sequence[bytes]) -> tuple[list[Array], tuple[Bytes | None, ...]]:
    """Values of encoded inputs, defined for any bytes of the right length.

    Returns:
        the elements of each input, (batch, *shape), and its committed bytes if the elements encode to others.

    Raises:
        WrongLength: if one does not have `manifest.input_bytes`.
    """
    expected = program.manifest.input_bytes
    for item in data:
        if len(item) != expected:
            raise WrongLength(len(item), expected)
    rows = np.frombuffer(b"".join(data), np.uint8).reshape(len(data), expected)
    values: list[Array] = []
    raws: list[Bytes | None] = []
    at = 0
    for descriptor in program.inputs:
        part = rows[:, at : at + descriptor.size]
        at += descriptor.size
        elements = descriptor.restore(part)
        values.append(elements)
        raws.append(None if _is_canonical(descriptor, elements, part) else descriptor.pad(part))
    return values, tuple(raws)


def _is_canonical(descriptor: Descriptor, elements: Array, data: Bytes) -> bool:
    if descriptor.dtype.array.itemsize * 8 == descriptor.dtype.bits:
        return True
    return bool(np.array_equal(descriptor.commit(elements)[:, : descriptor.size], data))


def decode_outputs(program: Program, data: bytes) -> tuple[Array, ...]:
    """Values of one inference's encoded outputs, each of its shape.

    Raises:
        WrongLength: if the outputs of the model have another size.
    """
    descriptors = [program.slots[slot] for slot in program.output_slots]
    expected = sum(d.size for d in descriptors)
    if len(data) != expected:
        raise WrongLength(len(data), expected)
    out, at = [], 0
    for descriptor in descriptors:
        part = np.frombuffer(data, np.uint8, descriptor.size, at)[None]
        out.append(descriptor.restore(part)[0])
        at += descriptor.size
    return tuple(out)
