"""Small `.tosa` files: written operator by operator, and random ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from serializer.tosa_serializer import DType, Op, TosaSerializer, TosaSerializerAttribute

from onus.trace import Alteration, Engine, Trace
from onus.trace import DType as Type

Values = np.ndarray[Any, Any]
_MOVED = (Type.INT8, Type.INT16, Type.INT32)
SINGLE, INEXACT, DOUBLE = 1, 2, 3
"""TOSA's rounding modes."""


class Model:
    """A file in the making. Tensors are known by their names.

    Attributes:
        shapes: shape of each tensor.
        types: type of each tensor.
        inputs: names of the inputs.
        outputs: names of the outputs.
        read: names of the tensors that operators read.
    """

    def __init__(self) -> None:
        self._graph = TosaSerializer("", tosa_version_major=1, tosa_version_minor=0, tosa_version_draft=False)
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.types: dict[str, Type] = {}
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.read: set[str] = set()
        self.made_of: dict[str, tuple[str, ...]] = {}

    def _name(self, kind: str) -> str:
        return f"{kind}{len(self.shapes)}"

    def _tensor(self, name: str, shape: Sequence[int], dtype: Type) -> str:
        self._graph.currRegion.currBasicBlock.addTensor(name, list(shape), int(dtype))
        self.shapes[name], self.types[name] = tuple(shape), dtype
        return name

    def input(self, shape: Sequence[int], dtype: Type = Type.INT8) -> str:
        """An input tensor."""
        name = self._tensor(self._name("input"), shape, dtype)
        self._graph.currRegion.currBasicBlock.addInput(name)
        self.inputs.append(name)
        return name

    def output(self, name: str) -> None:
        """Makes a tensor an output."""
        self.outputs.append(name)
        self._graph.currRegion.currBasicBlock.addOutput(name)

    def constant(self, values: Values, dtype: Type) -> str:
        """A constant tensor."""
        name = self._name("constant")
        self._graph.addConst(list(values.shape), int(dtype), values, name=name)
        self.shapes[name], self.types[name] = values.shape, dtype
        return name

    def vector(self, values: Sequence[int], dtype: Type) -> str:
        """A constant of rank 1."""
        return self.constant(np.array(values, np.int64), dtype)

    def shape(self, values: Sequence[int]) -> str:
        """A constant shape."""
        name = self._name("shape")
        self._graph.addConst([len(values)], DType.SHAPE, list(values), name=name)
        self.shapes[name] = ()
        return name

    def operator(
        self, op: int, inputs: Sequence[str], shape: Sequence[int], dtype: Type, attribute: Any = None
    ) -> str:
        """Any operator with one output."""
        name = self._tensor(self._name("tensor"), shape, dtype)
        self._graph.addOperator(op, list(inputs), [name], attribute)
        self.read.update(inputs)
        self.made_of[name] = tuple(inputs)
        return name

    def serialize(self) -> bytes:
        """The file."""
        return bytes(self._graph.serialize())

    # ---- Operators -------------------------------------------------------------------------------

    def conv2d(
        self,
        source: str,
        weight: Values | str,
        bias: Values | str,
        *,
        pad: Sequence[int] = (0, 0, 0, 0),
        stride: Sequence[int] = (1, 1),
        dilation: Sequence[int] = (1, 1),
        zero_points: tuple[int, int] = (0, 0),
        depthwise: bool = False,
        weight_type: Type = Type.INT8,
    ) -> str:
        """CONV2D or DEPTHWISE_CONV2D; weight and bias are values, or names of tensors."""
        dtype = self.types[source]
        total = Type.INT32 if dtype is Type.INT8 else Type.INT48
        n, h, w, _ = self.shapes[source]
        if not isinstance(weight, str):
            weight = self.constant(weight, weight_type)
        if not isinstance(bias, str):
            bias = self.constant(bias, total)
        shape = self.shapes[weight]
        if depthwise:
            kernel_y, kernel_x, outputs = shape[0], shape[1], shape[2] * shape[3]
        else:
            outputs, kernel_y, kernel_x, _ = shape
        rows = (h - 1 + pad[0] + pad[1] - (kernel_y - 1) * dilation[0]) // stride[0] + 1
        columns = (w - 1 + pad[2] + pad[3] - (kernel_x - 1) * dilation[1]) // stride[1] + 1
        attribute = TosaSerializerAttribute()
        make = attribute.DepthwiseConv2dAttribute if depthwise else attribute.Conv2dAttribute
        make(list(pad), list(stride), list(dilation), False, int(total))
        operands = [
            source,
            weight,
            bias,
            self.vector([zero_points[0]], dtype),
            self.vector([zero_points[1]], weight_type),
        ]
        op = Op.DEPTHWISE_CONV2D if depthwise else Op.CONV2D
        return self.operator(op, operands, (n, rows, columns, outputs), total, attribute)

    def conv3d(
        self,
        source: str,
        weight: Values,
        bias: Values,
        *,
        pad: Sequence[int] = (0, 0, 0, 0, 0, 0),
        stride: Sequence[int] = (1, 1, 1),
        dilation: Sequence[int] = (1, 1, 1),
        zero_points: tuple[int, int] = (0, 0),
    ) -> str:
        """CONV3D."""
        dtype = self.types[source]
        total = Type.INT32 if dtype is Type.INT8 else Type.INT48
        n, *sizes, _ = self.shapes[source]
        area = [
            (size - 1 + pad[2 * k] + pad[2 * k + 1] - (weight.shape[1 + k] - 1) * dilation[k]) // stride[k]
            + 1
            for k, size in enumerate(sizes)
        ]
        attribute = TosaSerializerAttribute()
        attribute.Conv3dAttribute(list(pad), list(stride), list(dilation), False, int(total))
        operands = self._convolved(source, weight, bias, total, zero_points)
        return self.operator(Op.CONV3D, operands, (n, *area, weight.shape[0]), total, attribute)

    def transpose_conv2d(
        self,
        source: str,
        weight: Values,
        bias: Values,
        *,
        out_pad: Sequence[int] = (0, 0, 0, 0),
        stride: Sequence[int] = (1, 1),
        zero_points: tuple[int, int] = (0, 0),
    ) -> str:
        """TRANSPOSE_CONV2D."""
        dtype = self.types[source]
        total = Type.INT32 if dtype is Type.INT8 else Type.INT48
        n, *sizes, _ = self.shapes[source]
        area = [
            (size - 1) * stride[k] + out_pad[2 * k] + out_pad[2 * k + 1] + weight.shape[1 + k]
            for k, size in enumerate(sizes)
        ]
        attribute = TosaSerializerAttribute()
        attribute.TransposeConv2dAttribute(list(out_pad), list(stride), False, int(total))
        operands = self._convolved(source, weight, bias, total, zero_points)
        return self.operator(Op.TRANSPOSE_CONV2D, operands, (n, *area, weight.shape[0]), total, attribute)

    def _convolved(
        self, source: str, weight: Values, bias: Values, total: Type, zero_points: tuple[int, int]
    ) -> list[str]:
        return [
            source,
            self.constant(weight, Type.INT8),
            self.constant(bias, total),
            self.vector([zero_points[0]], self.types[source]),
            self.vector([zero_points[1]], Type.INT8),
        ]

    def gather(self, values: str, indices: str) -> str:
        """GATHER."""
        attribute = TosaSerializerAttribute()
        attribute.GatherAttribute()
        shape = (*self.shapes[indices], self.shapes[values][2])
        return self.operator(Op.GATHER, [values, indices], shape, self.types[values], attribute)

    def scatter(self, values: str, indices: str, rows: str) -> str:
        """SCATTER."""
        attribute = TosaSerializerAttribute()
        attribute.ScatterAttribute()
        operands = [values, indices, rows]
        return self.operator(Op.SCATTER, operands, self.shapes[values], self.types[values], attribute)

    def resize(
        self, source: str, mode: int, scale: Sequence[int], offset: Sequence[int], border: Sequence[int]
    ) -> str:
        """RESIZE; mode 1 nearest, 2 bilinear."""
        attribute = TosaSerializerAttribute()
        attribute.ResizeAttribute(mode)
        n, *sizes, channels = self.shapes[source]
        area = [
            ((size - 1) * scale[2 * k] - offset[k] + border[k]) // scale[2 * k + 1] + 1
            for k, size in enumerate(sizes)
        ]
        dtype = self.types[source]
        if mode == 2:
            dtype = Type.INT32 if dtype is Type.INT8 else Type.INT48
        operands = [source, self.shape(scale), self.shape(offset), self.shape(border)]
        return self.operator(Op.RESIZE, operands, (n, *area, channels), dtype, attribute)

    def rescale(
        self,
        source: str,
        dtype: Type,
        multipliers: Sequence[int],
        shifts: Sequence[int],
        *,
        input_zp: int = 0,
        output_zp: int = 0,
        scale32: bool = True,
        rounding: int = SINGLE,
        per_channel: bool = False,
        input_unsigned: bool = False,
        output_unsigned: bool = False,
    ) -> str:
        """RESCALE."""
        attribute = TosaSerializerAttribute()
        attribute.RescaleAttribute(scale32, rounding, per_channel, input_unsigned, output_unsigned)
        operands = [
            source,
            self.vector(multipliers, Type.INT32 if scale32 else Type.INT16),
            self.vector(shifts, Type.INT8),
            self.vector([_stored(input_zp, self.types[source])], self.types[source]),
            self.vector([_stored(output_zp, dtype)], dtype),
        ]
        return self.operator(Op.RESCALE, operands, self.shapes[source], dtype, attribute)

    def clamp(self, source: str, low: int, high: int) -> str:
        """CLAMP."""
        dtype = self.types[source]
        attribute = TosaSerializerAttribute()
        bounds = [list(value.to_bytes(dtype.size, "little", signed=True)) for value in (low, high)]
        attribute.ClampAttribute(self._graph.builder, *bounds, 1)
        return self.operator(Op.CLAMP, [source], self.shapes[source], dtype, attribute)

    def max_pool2d(
        self,
        source: str,
        kernel: Sequence[int],
        stride: Sequence[int],
        pad: Sequence[int] = (0, 0, 0, 0),
    ) -> str:
        """MAX_POOL2D."""
        attribute = TosaSerializerAttribute()
        attribute.MaxPool2dAttribute(list(kernel), list(stride), list(pad), 1)
        shape = self._pooled(source, kernel, stride, pad)
        return self.operator(Op.MAX_POOL2D, [source], shape, self.types[source], attribute)

    def avg_pool2d(
        self,
        source: str,
        kernel: Sequence[int],
        stride: Sequence[int],
        pad: Sequence[int] = (0, 0, 0, 0),
        zero_points: tuple[int, int] = (0, 0),
        total: Type = Type.INT32,
    ) -> str:
        """AVG_POOL2D."""
        attribute = TosaSerializerAttribute()
        attribute.AvgPool2dAttribute(list(kernel), list(stride), list(pad), int(total))
        dtype = self.types[source]
        operands = [source, *(self.vector([zero], dtype) for zero in zero_points)]
        shape = self._pooled(source, kernel, stride, pad)
        return self.operator(Op.AVG_POOL2D, operands, shape, dtype, attribute)

    def _pooled(
        self, source: str, kernel: Sequence[int], stride: Sequence[int], pad: Sequence[int]
    ) -> tuple[int, ...]:
        n, h, w, c = self.shapes[source]
        rows = (h + pad[0] + pad[1] - kernel[0]) // stride[0] + 1
        return (n, rows, (w + pad[2] + pad[3] - kernel[1]) // stride[1] + 1, c)

    def elementwise(self, name: str, *sources: str, dtype: Type | None = None, attribute: Any = ()) -> str:
        """An operator on the elements in the same place.

        Args:
            name: its name.
            sources: operands.
            dtype: type of the result; the last operand's if None.
            attribute: its attributes.
        """
        shape = np.broadcast_shapes(*(self.shapes[source] for source in sources))
        return self.operator(
            getattr(Op, name), sources, shape, dtype or self.types[sources[-1]], _attribute(name, *attribute)
        )

    def mul(self, left: str, right: str, shift: int = 0) -> str:
        """MUL."""
        shape = np.broadcast_shapes(self.shapes[left], self.shapes[right])
        operands = [left, right, self.vector([shift], Type.INT8)]
        return self.operator(Op.MUL, operands, shape, Type.INT32, _attribute("MUL"))

    def negate(self, source: str, zero_points: tuple[int, int] = (0, 0)) -> str:
        """NEGATE."""
        dtype = self.types[source]
        operands = [source, *(self.vector([zero], dtype) for zero in zero_points)]
        return self.operator(Op.NEGATE, operands, self.shapes[source], dtype, _attribute("NEGATE"))

    def table(self, source: str, entries: Values | str) -> str:
        """TABLE; the entries are values, or the name of a tensor."""
        dtype = self.types[source]
        if not isinstance(entries, str):
            entries = self.constant(entries, dtype)
        result = Type.INT8 if dtype is Type.INT8 else Type.INT32
        return self.operator(Op.TABLE, [source, entries], self.shapes[source], result, _attribute("TABLE"))

    def reduce(self, name: str, source: str, axis: int) -> str:
        """A reduction, or ARGMAX."""
        shape = [*self.shapes[source]]
        shape[axis : axis + 1] = [] if name == "ARGMAX" else [1]
        dtype = Type.INT32 if name == "ARGMAX" else self.types[source]
        return self.operator(getattr(Op, name), [source], shape, dtype, _attribute(name, axis))

    def add(self, left: str, right: str) -> str:
        """ADD."""
        shape = np.broadcast_shapes(self.shapes[left], self.shapes[right])
        attribute = TosaSerializerAttribute()
        attribute.AddAttribute()
        return self.operator(Op.ADD, [left, right], shape, self.types[left], attribute)

    def reshape(self, source: str, shape: Sequence[int]) -> str:
        """RESHAPE."""
        attribute = TosaSerializerAttribute()
        attribute.ReshapeAttribute()
        return self.operator(Op.RESHAPE, [source, self.shape(shape)], shape, self.types[source], attribute)

    def matmul(self, a: str, b: str, zero_points: tuple[int, int] = (0, 0)) -> str:
        """MATMUL."""
        dtype = self.types[a]
        attribute = TosaSerializerAttribute()
        attribute.MatMulAttribute()
        total = Type.INT32 if dtype is Type.INT8 else Type.INT48
        operands = [a, b, *(self.vector([zero], dtype) for zero in zero_points)]
        return self.operator(Op.MATMUL, operands, (*self.shapes[a][:2], self.shapes[b][2]), total, attribute)

    def concat(self, sources: Sequence[str], axis: int) -> str:
        """CONCAT."""
        attribute = TosaSerializerAttribute()
        attribute.ConcatAttribute(axis)
        shape = list(self.shapes[sources[0]])
        shape[axis] = sum(self.shapes[source][axis] for source in sources)
        return self.operator(Op.CONCAT, sources, shape, self.types[sources[0]], attribute)

    def pad(self, source: str, padding: Sequence[int], value: int) -> str:
        """PAD; padding before and after each axis."""
        attribute = TosaSerializerAttribute()
        attribute.PadAttribute()
        dtype = self.types[source]
        shape = [a + n + b for a, n, b in zip(padding[::2], self.shapes[source], padding[1::2], strict=True)]
        operands = [source, self.shape(padding), self.vector([value], dtype)]
        return self.operator(Op.PAD, operands, shape, dtype, attribute)

    def reverse(self, source: str, axis: int) -> str:
        """REVERSE."""
        attribute = TosaSerializerAttribute()
        attribute.ReverseAttribute(axis)
        return self.operator(Op.REVERSE, [source], self.shapes[source], self.types[source], attribute)

    def slice(self, source: str, start: Sequence[int], size: Sequence[int]) -> str:
        """SLICE."""
        attribute = TosaSerializerAttribute()
        attribute.SliceAttribute()
        operands = [source, self.shape(start), self.shape(size)]
        return self.operator(Op.SLICE, operands, size, self.types[source], attribute)

    def tile(self, source: str, multiples: Sequence[int]) -> str:
        """TILE."""
        attribute = TosaSerializerAttribute()
        attribute.TileAttribute()
        shape = [n * m for n, m in zip(self.shapes[source], multiples, strict=True)]
        operands = [source, self.shape(multiples)]
        return self.operator(Op.TILE, operands, shape, self.types[source], attribute)

    def transpose(self, source: str, perms: Sequence[int]) -> str:
        """TRANSPOSE."""
        attribute = TosaSerializerAttribute()
        attribute.TransposeAttribute(list(perms))
        shape = [self.shapes[source][axis] for axis in perms]
        return self.operator(Op.TRANSPOSE, [source], shape, self.types[source], attribute)

    def identity(self, source: str) -> str:
        """IDENTITY."""
        attribute = TosaSerializerAttribute()
        attribute.IdentityAttribute()
        return self.operator(Op.IDENTITY, [source], self.shapes[source], self.types[source], attribute)


def _attribute(name: str, *values: Any) -> TosaSerializerAttribute:
    """Attributes of an operator that the serializer names like the operator."""
    made = TosaSerializerAttribute()
    camel = {"ARGMAX": "ArgMax", "INTDIV": "IntDiv"}.get(name) or name.title().replace("_", "")
    nan_mode = (1,) if name in ("ARGMAX", "MAXIMUM", "MINIMUM", "REDUCE_MAX", "REDUCE_MIN") else ()
    getattr(made, f"{camel}Attribute")(*values, *nan_mode)
    return made


def _stored(zero_point: int, dtype: Type) -> int:
    """A zero point of an unsigned tensor in the bits of the signed type."""
    return dtype.wrap(zero_point)


def random_values(random: np.random.Generator, shape: Sequence[int], dtype: Type) -> Values:
    """Values of a type: anything, only the two ends, or small ones."""
    low, high = dtype.minimum, dtype.maximum
    manner = random.integers(3)
    if manner == 0:
        return random.choice(np.array([low, high]), tuple(shape)).astype(np.int64)
    if manner == 1:
        return random.integers(max(low, -3), min(high, 3), tuple(shape), endpoint=True)
    return random.integers(low, high, tuple(shape), endpoint=True)


def random_inputs(random: np.random.Generator, model: Model, batch: int) -> list[Values]:
    """A batch of inputs."""
    return [random_values(random, (batch, *model.shapes[name]), model.types[name]) for name in model.inputs]


def resize_axis(random: np.random.Generator, size: int) -> tuple[int, int, int, int]:
    """Numerator, denominator, offset and border of a RESIZE of one axis that TOSA allows."""
    while True:
        n = int(random.choice((1, 2, 3, 4, 8, 16)))
        d = int(random.choice((1, 2, n, 2 * n, 3)))
        offset, border = int(random.integers(-n, min(16 * n, n * size))), int(random.integers(-n, n))
        last = (size - 1) * n - offset + border
        if d < 16 * n and last >= 0 and last % d == 0 and last // d < 40:
            return n, d, offset, border


class RandomModel:
    """A model of random operators on small tensors.

    Args:
        seed: the same gives the same model.
        operators: number of operators, besides those that make types fit.
        whole: whether every operator reaches an output; otherwise what does not is for the compiler to drop.
    """

    def __init__(self, seed: int, operators: int = 8, *, whole: bool = False) -> None:
        self.random = np.random.default_rng(seed)
        self.model = Model()
        r = self.random
        self.alive = [
            self.model.input(self._image(), Type.INT8 if r.random() < 0.8 else Type.INT16)
            for _ in range(1 + (r.random() < 0.3))
        ]
        inputs = tuple(self.alive)
        for _ in range(operators):
            self._step()
        if whole:
            for name in self.alive:
                if name not in self.model.read:
                    self.model.output(name)
        # The last tensor, now and then others: inputs, the same twice, some that are read by others.
        outputs = [self.alive[-1], *(self._any() for _ in range(r.integers(0, 3)))]
        # An input may lead nowhere else, and a model with such an input is refused.
        needed, behind = set[str](), list(outputs)
        while behind:
            name = behind.pop()
            if name not in needed:
                needed.add(name)
                behind += self.model.made_of.get(name, ())
        for name in [*outputs, *(name for name in inputs if name not in needed or len(inputs) > 1)]:
            self.model.output(name)

    @property
    def file(self) -> bytes:
        """The file."""
        return self.model.serialize()

    def inputs(self, batch: int) -> list[Values]:
        """A batch of inputs."""
        return random_inputs(self.random, self.model, batch)

    def _image(self) -> tuple[int, ...]:
        r = self.random
        return (
            int(r.integers(1, 3)),
            *(int(v) for v in r.integers(1, 8, 2)),
            int(r.choice((1, 2, 3, 5, 16, 17, 33))),
        )

    def _any(self, *dtypes: Type, rank: int | None = None) -> str:
        fitting = [
            name
            for name in self.alive
            if (not dtypes or self.model.types[name] in dtypes)
            and (rank is None or len(self.model.shapes[name]) == rank)
        ]
        # Mostly the newest: long chains.
        return fitting[-1] if self.random.random() < 0.6 else str(self.random.choice(fitting))

    def _has(self, *dtypes: Type, rank: int | None = None) -> bool:
        return any(
            self.model.types[name] in dtypes and (rank is None or len(self.model.shapes[name]) == rank)
            for name in self.alive
        )

    def _step(self) -> None:
        # There is always an input of 8 or 16 bits to move.
        options = [self._rescale, self._reshape, self._transpose, self._identity, self._movement]
        if self._has(Type.INT8, Type.INT16, rank=3):
            options += [self._matmul, self._matmul, self._gather, self._scatter]
        if self._has(Type.INT8, Type.INT16, rank=4):
            options += [self._conv2d, self._conv2d, self._depthwise, self._pool]
            options += [self._transpose_conv2d, self._resize, self._conv3d]
        if self._has(Type.INT8, Type.INT16):
            options += [self._clamp, self._table]
        if self._has(Type.INT32):
            options += [self._binary, self._binary, self._comparison]
        if self._has(Type.BOOL):
            options += [self._logical] * 3
        options += [self._unary, self._bitwise, self._reduction, self._cast]
        made = options[self.random.integers(len(options))]()
        self.alive.append(made)

    def _window(self, size: int, *, dilations: bool) -> tuple[int, int, int, int, int]:
        """Kernel, stride, dilation, pads of one axis that TOSA allows."""
        r = self.random
        while True:
            kernel, stride = int(r.integers(1, 4)), int(r.integers(1, 4))
            dilation = int(r.integers(1, 3)) if dilations else 1
            first, last = (int(v) for v in r.integers(0, kernel, 2))
            span = size - 1 + first + last - (kernel - 1) * dilation
            if span >= 0 and span % stride == 0:
                return kernel, stride, dilation, first, last

    def _convolution(self, *, depthwise: bool) -> str:
        r, model = self.random, self.model
        source = self._any(Type.INT8, Type.INT16, rank=4)
        _, h, w, c = model.shapes[source]
        (ky, sy, dy, top, bottom), (kx, sx, dx, left, right) = (
            self._window(size, dilations=True) for size in (h, w)
        )
        outputs = int(r.integers(1, 3)) if depthwise else int(r.choice((1, 3, 16, 18)))
        shape = (ky, kx, c, outputs) if depthwise else (outputs, ky, kx, c)
        narrow = model.types[source] is Type.INT8
        channels = c * outputs if depthwise else outputs
        zero_points = (
            int(r.integers(-128, 128)) if narrow else 0,
            int(r.integers(-128, 128)) if r.random() < 0.5 else 0,
        )
        made = model.conv2d(
            source,
            random_values(r, shape, Type.INT8),
            # The reference model does not see that a sum leaves 48 bits.
            random_values(r, (1 if r.random() < 0.2 else channels,), Type.INT32),
            pad=(top, bottom, left, right),
            stride=(sy, sx),
            dilation=(dy, dx),
            zero_points=zero_points,
            depthwise=depthwise,
        )
        return self._narrowed(made) if r.random() < 0.8 else made

    def _conv2d(self) -> str:
        return self._convolution(depthwise=False)

    def _depthwise(self) -> str:
        return self._convolution(depthwise=True)

    def _transpose_conv2d(self) -> str:
        r, model = self.random, self.model
        source = self._any(Type.INT8, Type.INT16, rank=4)
        kernel = [int(v) for v in r.integers(1, 4, 2)]
        outputs = int(r.choice((1, 3, 18)))
        narrow = model.types[source] is Type.INT8
        # Nothing is cut off, so that something is left of the smallest image.
        made = model.transpose_conv2d(
            source,
            random_values(r, (outputs, *kernel, model.shapes[source][3]), Type.INT8),
            random_values(r, (outputs,), Type.INT32),
            out_pad=[int(v) for v in r.integers(0, 2, 4)],
            stride=[int(v) for v in r.integers(1, 3, 2)],
            zero_points=(int(r.integers(-128, 128)) if narrow else 0, int(r.integers(-128, 128))),
        )
        return self._narrowed(made)

    def _conv3d(self) -> str:
        r, model = self.random, self.model
        source = self._any(Type.INT8, Type.INT16, rank=4)
        # The images of a batch are the depth of one.
        shape = (1, *model.shapes[source])
        windows = [self._window(size, dilations=True) for size in shape[1:4]]
        outputs = int(r.choice((1, 3, 18)))
        narrow = model.types[source] is Type.INT8
        made = model.conv3d(
            model.reshape(source, shape),
            random_values(r, (outputs, *(kernel for kernel, *_ in windows), shape[4]), Type.INT8),
            random_values(r, (outputs,), Type.INT32),
            pad=[pad for *_, first, last in windows for pad in (first, last)],
            stride=[stride for _, stride, *_ in windows],
            dilation=[dilation for _, _, dilation, *_ in windows],
            zero_points=(int(r.integers(-128, 128)) if narrow else 0, int(r.integers(-128, 128))),
        )
        return self._narrowed(made)

    def _resize(self) -> str:
        r, model = self.random, self.model
        source = self._any(Type.INT8, Type.INT16, rank=4)
        mode = int(r.choice((1, 2)))
        scale, offset, border = [], [], []
        for size in model.shapes[source][1:3]:
            n, d, o, b = resize_axis(r, size)
            scale, offset, border = [*scale, n, d], [*offset, o], [*border, b]
        made = model.resize(source, mode, scale, offset, border)
        return made if mode == 1 else self._narrowed(made)

    def _gather(self) -> str:
        r, model = self.random, self.model
        values = self._any(Type.INT8, Type.INT16, rank=3)
        batch, choices, _ = model.shapes[values]
        indices = r.integers(0, choices, (batch, int(r.integers(1, 5))))
        return model.gather(values, model.constant(indices, Type.INT32))

    def _scatter(self) -> str:
        r, model = self.random, self.model
        values = self._any(Type.INT8, Type.INT16, rank=3)
        batch, choices, channels = model.shapes[values]
        count, dtype = int(r.integers(1, choices + 1)), model.types[values]
        # TOSA defines no result where a row is written twice.
        indices = np.stack([r.permutation(choices)[:count] for _ in range(batch)])
        rows = model.constant(random_values(r, (batch, count, channels), dtype), dtype)
        return model.scatter(values, model.constant(indices, Type.INT32), rows)

    def _narrowed(self, source: str) -> str:
        """A sum back to 8 or 16 bits, often in range."""
        model, r = self.model, self.random
        shape = model.shapes[source]
        per_channel = bool(r.random() < 0.6)
        count = shape[-1] if per_channel else 1
        wide = model.types[source] is Type.INT48
        multipliers = r.integers(1 << 14, 1 << 15, count) if wide else r.integers(1 << 30, 1 << 31, count)
        shifts = r.integers(20, 36, count) if wide else r.integers(33, 46, count)
        dtype = Type.INT8 if r.random() < 0.8 else Type.INT16
        return model.rescale(
            source,
            dtype,
            multipliers.tolist(),
            shifts.tolist(),
            output_zp=int(r.integers(-128, 128)) if dtype is Type.INT8 else 0,
            scale32=not wide,
            rounding=DOUBLE if not wide and r.random() < 0.3 else SINGLE,
            per_channel=per_channel,
        )

    def _rescale(self) -> str:
        model, r = self.model, self.random
        source = self._any(Type.INT8, Type.INT16, Type.INT32, Type.INT48)
        given = model.types[source]
        target = Type(int(r.choice((Type.INT8, Type.INT16, Type.INT32))))
        narrow = given in (Type.INT8, Type.INT16) and target in (Type.INT8, Type.INT16)
        sign = r.integers(3) if narrow else 0
        scale32 = given is not Type.INT48 and bool(r.random() < 0.8)
        per_channel = bool(model.shapes[source]) and bool(r.random() < 0.4)
        count = model.shapes[source][-1] if per_channel else 1
        return model.rescale(
            source,
            target,
            r.integers(0, 1 << (31 if scale32 else 15), count).tolist(),
            r.integers(2, 63, count).tolist(),
            input_zp=self._zero_point(given, unsigned=bool(sign == 1)),
            output_zp=self._zero_point(target, unsigned=bool(sign == 2)),
            scale32=scale32,
            rounding=DOUBLE if scale32 and r.random() < 0.5 else SINGLE,
            per_channel=per_channel,
            input_unsigned=bool(sign == 1),
            output_unsigned=bool(sign == 2),
        )

    def _zero_point(self, dtype: Type, *, unsigned: bool) -> int:
        if dtype is Type.INT8:
            return int(self.random.integers(0, 256) if unsigned else self.random.integers(-128, 128))
        return int(self.random.choice((0, 1 << 15))) if dtype is Type.INT16 and unsigned else 0

    def _pool(self) -> str:
        source = self._any(Type.INT8, Type.INT16, rank=4)
        _, h, w, _ = self.model.shapes[source]
        (ky, sy, _, top, bottom), (kx, sx, _, left, right) = (
            self._window(size, dilations=False) for size in (h, w)
        )
        window = ((ky, kx), (sy, sx), (top, bottom, left, right))
        if self.random.random() < 0.5:
            return self.model.max_pool2d(source, *window)
        narrow = self.model.types[source] is Type.INT8
        points = [int(v) for v in self.random.integers(-128, 128, 2)] if narrow else (0, 0)
        return self.model.avg_pool2d(source, *window, (points[0], points[1]))

    def _clamp(self) -> str:
        source = self._any(Type.INT8, Type.INT16)
        low, high = sorted(random_values(self.random, (2,), self.model.types[source]).tolist())
        return self.model.clamp(source, low, high)

    def _pair(self, left: str) -> tuple[str, str]:
        """A tensor and another one of its type that fits, in any order."""
        r, model = self.random, self.model
        dtype, shape = model.types[left], model.shapes[left]
        same = [n for n in self.alive if model.types[n] is dtype and model.shapes[n] == shape]
        if r.random() < 0.5:
            return left, str(r.choice(same))
        thin = tuple(1 if r.random() < 0.5 else d for d in shape)
        other = model.constant(random_values(r, thin, dtype), dtype)
        return (left, other) if r.random() < 0.5 else (other, left)

    def _binary(self) -> str:
        r, model = self.random, self.model
        left, right = self._pair(self._any(Type.INT32))
        name = str(r.choice(("ADD", "ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "INTDIV")))
        if name == "MUL":
            # Small, that sums of products stay in range.
            return model.mul(left, right, int(r.choice((0, 31, 40))))
        if name == "INTDIV":
            # The reference model ends its process when it divides by zero.
            divisors = random_values(r, model.shapes[left], Type.INT32)
            right = model.constant(np.where(divisors == 0, 7, divisors), Type.INT32)
        return model.elementwise(name, left, right)

    def _comparison(self) -> str:
        name = str(self.random.choice(("EQUAL", "GREATER", "GREATER_EQUAL")))
        return self.model.elementwise(name, *self._pair(self._any(Type.INT32)), dtype=Type.BOOL)

    def _logical(self) -> str:
        r, model = self.random, self.model
        condition = self._any(Type.BOOL)
        match int(r.integers(4)):
            case 0:
                return model.elementwise("LOGICAL_NOT", condition)
            case 1 if model.shapes[condition]:
                axis = int(r.integers(len(model.shapes[condition])))
                return model.reduce(str(r.choice(("REDUCE_ALL", "REDUCE_ANY"))), condition, axis)
            case 2:
                name = str(r.choice(("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_XOR")))
                return model.elementwise(name, *self._pair(condition))
        dtype = Type(int(r.choice((Type.BOOL, Type.INT8, Type.INT16, Type.INT32))))
        shape = model.shapes[condition]
        parts = [tuple(1 if r.random() < 0.5 else d for d in shape) for _ in range(2)]
        chosen = [model.constant(random_values(r, part, dtype), dtype) for part in parts]
        return model.elementwise("SELECT", condition, *chosen)

    def _table(self) -> str:
        source = self._any(Type.INT8, Type.INT16)
        dtype = self.model.types[source]
        count = 256 if dtype is Type.INT8 else 513
        # Slopes of more than 16 bits are not defined.
        return self.model.table(source, random_values(self.random, (count,), dtype) // 2)

    def _unary(self) -> str:
        r, model = self.random, self.model
        source = self._any(*_MOVED)
        dtype = model.types[source]
        if r.random() < 0.5:
            narrow = dtype is Type.INT8
            points = [int(v) for v in r.integers(-128, 128, 2)] if narrow else (0, 0)
            return model.negate(source, (points[0], points[1]))
        names = ("BITWISE_NOT", "ABS", "CLZ") if dtype is Type.INT32 else ("BITWISE_NOT",)
        return model.elementwise(str(r.choice(names)), source)

    def _bitwise(self) -> str:
        r, model = self.random, self.model
        source = self._any(*_MOVED)
        dtype = model.types[source]
        if r.random() < 0.5:
            name = str(r.choice(("BITWISE_AND", "BITWISE_OR", "BITWISE_XOR")))
            return model.elementwise(name, *self._pair(source))
        shifts = model.constant(r.integers(0, dtype.bits, model.shapes[source]), dtype)
        names = ("ARITHMETIC_RIGHT_SHIFT", "LOGICAL_LEFT_SHIFT", "LOGICAL_RIGHT_SHIFT")
        name = str(r.choice(names))
        is_rounded = (bool(r.random() < 0.5),) if name == names[0] else ()
        return model.elementwise(name, source, shifts, attribute=is_rounded)

    def _reduction(self) -> str:
        r, model = self.random, self.model
        source = self._any(*_MOVED)
        shape = model.shapes[source]
        if not shape:
            return model.identity(source)
        last = "REDUCE_SUM" if model.types[source] is Type.INT32 else "ARGMAX"
        name = str(r.choice(("REDUCE_MAX", "REDUCE_MIN", last, last)))
        return model.reduce(name, source, int(r.integers(len(shape))))

    def _cast(self) -> str:
        source = self._any(Type.BOOL, *_MOVED)
        others = [t for t in (Type.BOOL, *_MOVED) if t is not self.model.types[source]]
        return self.model.elementwise("CAST", source, dtype=Type(int(self.random.choice(others))))

    def _reshape(self) -> str:
        source = self._any(*_MOVED)
        left = int(np.prod(self.model.shapes[source], dtype=np.int64))
        shape = []
        for _ in range(int(self.random.integers(1, 6))):
            divisors = [d for d in range(1, left + 1) if left % d == 0]
            shape.append(int(self.random.choice(divisors)))
            left //= shape[-1]
        return self.model.reshape(source, [*shape, left])

    def _transpose(self) -> str:
        source = self._any(*_MOVED)
        return self.model.transpose(source, self.random.permutation(len(self.model.shapes[source])).tolist())

    def _matmul(self) -> str:
        r, model = self.random, self.model
        a = self._any(Type.INT8, Type.INT16, rank=3)
        dtype, (batch, rows, length) = model.types[a], model.shapes[a]
        if batch * rows * length <= 512 and r.random() < 0.5:
            b = model.transpose(a, (0, 2, 1))
        else:
            b = model.constant(random_values(r, (batch, length, int(r.integers(1, 6))), dtype), dtype)
        narrow = dtype is Type.INT8
        points = (int(r.integers(-128, 128)), int(r.integers(-128, 128))) if narrow else (0, 0)
        return self._narrowed(model.matmul(a, b, points))

    def _movement(self) -> str:
        r, model = self.random, self.model
        source = self._any(*_MOVED)
        shape = model.shapes[source]
        if not shape:
            return model.identity(source)
        axis = int(r.integers(len(shape)))
        small = np.prod(shape, dtype=np.int64) < 4_000
        match int(r.integers(5)):
            case 0 if small:
                thin = [1 if k == axis else n for k, n in enumerate(shape)]
                part = model.slice(source, [0] * len(shape), thin)
                return model.concat([part, source, part], axis)
            case 1 if small:
                padding = [int(v) for v in r.choice((0, 0, 1, 2), 2 * len(shape))]
                return model.pad(source, padding, int(random_values(r, (), model.types[source])))
            case 2 if small:
                return model.tile(source, [int(v) for v in r.choice((1, 1, 2), len(shape))])
            case 3:
                return model.reverse(source, axis)
        start = [int(r.integers(n)) for n in shape]
        return model.slice(
            source, start, [int(r.integers(1, n - s + 1)) for n, s in zip(shape, start, strict=True)]
        )

    def _identity(self) -> str:
        return self.model.identity(self._any())


def altered(engine: Engine, inputs: list[Any], random: np.random.Generator) -> tuple[Trace, Alteration]:
    """An execution with one wrong element anywhere."""
    program = engine.program
    slot = int(random.integers(len(program.inputs), len(program.slots)))
    descriptor = program.slots[slot]
    element = int(random.choice((0, descriptor.count - 1, random.integers(descriptor.count))))
    right = int(engine.run(inputs)[0].tensors[slot].reshape(-1)[element])
    value = descriptor.dtype.wrap(right ^ (1 << int(random.integers(descriptor.dtype.bits))))
    return engine.run(inputs, alter=Alteration(slot, element, value))[0], Alteration(slot, element, value)
