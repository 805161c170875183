"""Random small programs around one operator: shapes, attributes and values at and around their extremes."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from random import Random

from tests.trace.spec import PADS, REDUCTIONS, Entry, Evaluation, Execution, Kind, Op, Program, Tensor, Type

NARROW = (Type.INT8, Type.INT16)
NUMBERS = (Type.INT8, Type.INT16, Type.INT32, Type.INT48)
UNARY = (Op.ABS, Op.BITWISE_NOT, Op.CLZ, Op.LOGICAL_NOT, Op.NEGATE)
LOGICAL = (Op.LOGICAL_AND, Op.LOGICAL_OR, Op.LOGICAL_XOR)
SHIFTS = (Op.ARITHMETIC_RIGHT_SHIFT, Op.LOGICAL_LEFT_SHIFT, Op.LOGICAL_RIGHT_SHIFT)
COMPARISONS = (Op.EQUAL, Op.GREATER, Op.GREATER_EQUAL)
BITWISE = (Op.BITWISE_AND, Op.BITWISE_OR, Op.BITWISE_XOR)
BINARY = (
    *LOGICAL,
    *SHIFTS,
    *COMPARISONS,
    *BITWISE,
    Op.ADD,
    Op.SUB,
    Op.MUL,
    Op.INTDIV,
    Op.MAXIMUM,
    Op.MINIMUM,
)
LENGTHS = (1, 2, 3, 5, 8, 13, 31, 32, 33, 40, 64, 65, 100, 129)
"""Of contractions: around 8 and 32, which the contract takes at once."""


@dataclass
class Case:
    """A program, the entry under test, and an element of its output."""

    program: Program
    entry: Entry
    element: int

    def settle(self) -> int:
        """Makes the accused element right; returns it."""
        value = Evaluation().evaluate(self.entry, self.element)
        self.entry.output.values[self.element] = value
        return value

    def settle_all(self) -> None:
        """Makes the whole accused tensor right."""
        for index in range(self.entry.output.count):
            self.entry.output.values[index] = Evaluation().evaluate(self.entry, index)

    def execution(self) -> Execution:
        return Execution(self.program)


def case(op: Op, seed: int) -> Case:
    """The case of this number; the same every time."""
    return _Builder(Random(f"{op.name} {seed}")).case(op)


@dataclass
class _Builder:
    random: Random
    inputs: list[Tensor] = field(default_factory=list)
    constants: list[Tensor] = field(default_factory=list)
    materialised: list[Entry] = field(default_factory=list)
    virtual: list[Entry] = field(default_factory=list)

    # ---- Parts ---------------------------------------------------------------------------------------------

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def values(self, type_: Type, count: int) -> list[int]:
        low, high = type_.low, type_.high
        manner = self.random.randrange(4)
        if manner == 0:
            return [self.random.choice((low, high)) for _ in range(count)]
        if manner == 1:
            return [self.random.randint(max(low, -3), min(high, 3)) for _ in range(count)]
        return [
            self.random.choice((low, high, *(self.random.randint(low, high) for _ in range(3))))
            for _ in range(count)
        ]

    def shape(self, rank: int, high: int = 5) -> tuple[int, ...]:
        return tuple(self.random.randint(1, high) for _ in range(rank))

    def permutation(self, rank: int) -> tuple[int, ...]:
        return tuple(self.random.sample(range(rank), rank))

    def layout(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        order = self.permutation(len(shape))
        return () if self.chance(0.5) or list(order) == sorted(order) else order

    def constant(
        self, type_: Type, shape: tuple[int, ...], values: list[int] | None = None, layout: float = 0
    ) -> Tensor:
        order = self.layout(shape) if self.chance(layout) else ()
        tensor = Tensor(Kind.CONSTANT, type_, shape, values or self.values(type_, prod(shape)), order)
        self.constants.append(tensor)
        return tensor

    def input(self, type_: Type, shape: tuple[int, ...]) -> Tensor:
        tensor = Tensor(Kind.INPUT, type_, shape, self.values(type_, prod(shape)))
        self.inputs.append(tensor)
        return tensor

    def committed(self, type_: Type, shape: tuple[int, ...]) -> Tensor:
        """An input, a constant, or a tensor that another operator made."""
        match self.random.randrange(3):
            case 0:
                return self.input(type_, shape)
            case 1:
                return self.constant(type_, shape, layout=0.3)
        source = self.input(type_, shape)
        tensor = Tensor(Kind.MATERIALISED, type_, shape, [*source.values], self.layout(shape))
        self.materialised.append(Entry(Op.IDENTITY, tensor, [source]))
        return tensor

    def source(self, type_: Type, shape: tuple[int, ...], depth: int = 2) -> Tensor:
        """A committed tensor, or a virtual one at the end of a short chain."""
        if depth == 0 or type_ in (Type.BOOL, Type.INT4) or self.chance(0.45):
            return self.committed(type_, shape)
        output = Tensor(Kind.VIRTUAL, type_, shape)
        match self.random.randrange(6):
            case 0:
                rows = self.random.choice([n for n in range(1, output.count + 1) if output.count % n == 0])
                entry = Entry(
                    Op.RESHAPE, output, [self.source(type_, (rows, output.count // rows), depth - 1)]
                )
            case 1:
                entry = Entry(Op.IDENTITY, output, [self.source(type_, shape, depth - 1)])
            case 2:
                order = self.permutation(len(shape))
                before = tuple(shape[order.index(axis)] for axis in range(len(shape)))
                source = self.committed(type_, before)
                if source.kind is Kind.MATERIALISED and self.chance(0.6):
                    # Stored as it is read: the contract then reads it without the detour.
                    source.layout = () if list(order) == sorted(order) else order
                entry = Entry(Op.TRANSPOSE, output, [source], _permutation(order))
            case 3:
                entry = self.clamp(output, self.source(type_, shape, depth - 1))
            case 4:
                entry = self.rescale(output, self.source(self.random.choice(NUMBERS), shape, depth - 1))
            case _:
                entry = Entry(
                    Op.ADD, output, [self.source(type_, s, depth - 1) for s in self.narrowed(shape)]
                )
        self.virtual.append(entry)
        return output

    def narrowed(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Two shapes that are broadcast to this one."""
        pairs = [self.random.choice(((n, n), (n, n), (1, n), (n, 1))) for n in shape]
        return tuple(a for a, _ in pairs), tuple(b for _, b in pairs)

    # ---- Operators -----------------------------------------------------------------------------------------

    def clamp(self, output: Tensor, x: Tensor) -> Entry:
        low = self.random.randint(-200, 100)
        high = self.random.choice((low + self.random.randint(0, 200), 2**31 - 1))
        return Entry(Op.CLAMP, output, [x], {"min": self.random.choice((low, -(2**31))), "max": high})

    def rescale(self, output: Tensor, x: Tensor) -> Entry:
        r = self.random
        flags = r.randrange(32) & (31 if output.shape else ~4)
        zero = (
            0,
            0,
            r.randint(-128, 127),
            r.randint(-128, 255),
            -(2**31),
            2**31 - 1,
            r.randint(-(2**31), 2**31 - 1),
        )
        inputs, scale = [x], self.scale()
        if flags & 4:
            scales = [
                (shift << 32) + multiplier
                for multiplier, shift in (self.scale() for _ in range(output.shape[-1]))
            ]
            inputs.append(self.constant(Type.INT48, output.shape[-1:], scales))
            scale = (0, 0)
        attributes = {"multiplier": scale[0], "shift": scale[1], "flags": flags}
        attributes |= {"input_zp": r.choice(zero), "output_zp": r.choice(zero)}
        return Entry(Op.RESCALE, output, inputs, attributes)

    def unary(self, op: Op) -> Case:
        r = self.random
        type_ = Type.BOOL if op is Op.LOGICAL_NOT else r.choice(NUMBERS)
        shape = self.shape(r.randrange(5))
        zero = (0, -128, 127, r.randint(-128, 127), -(2**15), 2**15 - 1)
        attributes = {"input_zp": r.choice(zero), "output_zp": r.choice(zero)} if op is Op.NEGATE else {}
        entry = Entry(op, Tensor(Kind.MATERIALISED, type_, shape), [self.source(type_, shape)], attributes)
        return self.finish(entry)

    def binary(self, op: Op) -> Case:
        r = self.random
        type_ = Type.BOOL if op in LOGICAL else r.choice(NUMBERS)
        shape = self.shape(r.randrange(6), 4)
        inputs = [self.source(type_, s) for s in self.narrowed(shape)]
        if op in SHIFTS and self.chance(0.7):
            shape_of_shifts, count = inputs[1].shape, inputs[1].count
            shifts = [
                r.choice((0, 1, type_.bits - 1, type_.bits, r.randrange(type_.bits))) for _ in range(count)
            ]
            inputs[1] = self.constant(type_, shape_of_shifts, shifts)
        target = {Op.MUL: r.choice((Type.INT32, type_)), **dict.fromkeys(COMPARISONS, Type.BOOL)}.get(
            op, type_
        )
        attributes = {}
        if op is Op.MUL:
            attributes = {"shift": r.choice((0, 0, 1, 30, 31, 62, 63, r.randrange(64)))}
        if op is Op.ARITHMETIC_RIGHT_SHIFT:
            attributes = {"round": r.randrange(2)}
        return self.finish(Entry(op, Tensor(Kind.MATERIALISED, target, shape), inputs, attributes))

    def reduction(self, op: Op) -> Case:
        r = self.random
        type_ = Type.BOOL if op in (Op.REDUCE_ALL, Op.REDUCE_ANY) else r.choice(NUMBERS)
        shape = list(self.shape(r.randint(1, 5), 4))
        axis = r.randrange(len(shape))
        shape[axis] = r.choice((1, 2, 3, 7, 40))
        after = shape[axis + 1 :] if op is Op.ARGMAX else [1, *shape[axis + 1 :]]
        output = Tensor(Kind.MATERIALISED, Type.INT32 if op is Op.ARGMAX else type_, (*shape[:axis], *after))
        return self.finish(Entry(op, output, [self.source(type_, tuple(shape))], {"axis": axis}))

    def scale(self) -> tuple[int, int]:
        r = self.random
        multiplier = r.choice(
            (1 << 30, 2**31 - 1, 0, 1, r.getrandbits(31), r.getrandbits(31), r.getrandbits(10))
        )
        return multiplier, r.choice((2, 2, 30, 31, 32, 62, 62, r.randint(2, 62), r.randint(2, 62)))

    def window(self, op: Op) -> Case:
        r, pool = self.random, op in (Op.AVG_POOL2D, Op.MAX_POOL2D)
        type_ = r.choice((Type.INT8, Type.INT8, Type.INT8, Type.INT16))
        kernel = self.shape(2, 4)
        channels = r.choice(LENGTHS) if op is Op.CONV2D and type_ is Type.INT8 else r.randint(1, 9)
        shape = (r.randint(1, 2), *self.shape(2, 7), channels)
        attributes = {name: r.randint(0, 3) for name in PADS}
        attributes |= {"stride_y": r.randint(1, 3), "stride_x": r.randint(1, 3)}
        dilation = (1, 1) if pool else (r.randint(1, 3), r.choice((1, 1, 2, 3)))

        def size(axis: int) -> int:
            pads = sum(attributes[name] for name in PADS[2 * axis : 2 * axis + 2])
            room = shape[1 + axis] - 1 + pads - (kernel[axis] - 1) * dilation[axis]
            return max(0, room) // attributes[("stride_y", "stride_x")[axis]] + 1

        area = (shape[0], size(0), size(1))
        if pool:
            attributes |= {"kernel_y": kernel[0], "kernel_x": kernel[1]}
            if op is Op.AVG_POOL2D:
                zero = (0, -128, 127, r.randint(-128, 127), -(2**15), 2**15 - 1)
                attributes |= {"input_zp": r.choice(zero), "output_zp": r.choice(zero)}
            output = Tensor(Kind.MATERIALISED, type_, (*area, channels))
            return self.finish(Entry(op, output, [self.source(type_, shape)], attributes))
        attributes |= {"dilation_y": dilation[0], "dilation_x": dilation[1]}
        return self.convolution(op, shape, kernel, area, type_, attributes)

    def conv3d(self) -> Case:
        r = self.random
        type_ = r.choice((Type.INT8, Type.INT8, Type.INT16))
        kernel, shape = self.shape(3, 3), (r.randint(1, 2), *self.shape(3, 5), r.choice((1, 2, 7, 32, 33)))
        attributes, area = {}, [shape[0]]
        for k, (d, ends) in enumerate(
            (("d", ("d0", "d1")), ("y", ("top", "bottom")), ("x", ("left", "right")))
        ):
            stride, dilation, pads = (
                r.randint(1, 3),
                r.choice((1, 1, 2, 3)),
                (r.randint(0, 3), r.randint(0, 3)),
            )
            attributes |= {f"stride_{d}": stride, f"dilation_{d}": dilation}
            attributes |= {f"pad_{end}": pad for end, pad in zip(ends, pads, strict=True)}
            area.append(max(0, shape[1 + k] - 1 + sum(pads) - (kernel[k] - 1) * dilation) // stride + 1)
        return self.convolution(Op.CONV3D, shape, kernel, tuple(area), type_, attributes)

    def transpose_conv2d(self) -> Case:
        r = self.random
        type_ = r.choice((Type.INT8, Type.INT8, Type.INT16))
        kernel, shape = self.shape(2, 4), (r.randint(1, 2), *self.shape(2, 4), r.choice((1, 2, 7, 32, 33)))
        attributes, area = {}, [shape[0]]
        for k, (d, ends) in enumerate((("y", ("top", "bottom")), ("x", ("left", "right")))):
            stride = attributes[f"stride_{d}"] = r.randint(1, 4)
            size = 0
            while size < 1:
                pads = [r.randint(1 - kernel[k], 3) for _ in ends]
                size = (shape[1 + k] - 1) * stride + sum(pads) + kernel[k]
            attributes |= {f"out_pad_{end}": pad for end, pad in zip(ends, pads, strict=True)}
            area.append(size)
        return self.convolution(Op.TRANSPOSE_CONV2D, shape, kernel, tuple(area), type_, attributes)

    def convolution(
        self,
        op: Op,
        shape: tuple[int, ...],
        kernel: tuple[int, ...],
        area: tuple[int, ...],
        type_: Type,
        attributes: dict[str, int],
    ) -> Case:
        r, wide = self.random, Type.INT48 if type_ is Type.INT16 else Type.INT32
        channels, factor = shape[-1], r.randint(1, 3)
        outputs = channels * factor if op is Op.DEPTHWISE_CONV2D else factor
        weights = (*kernel, channels, factor) if op is Op.DEPTHWISE_CONV2D else (outputs, *kernel, channels)
        kind = r.choice((Type.INT8, Type.INT8, Type.INT8, Type.INT4))
        image = self.source(type_, shape, r.choice((0, 0, 1)))
        weight = (
            self.source(kind, weights, 1)
            if kind is Type.INT8 and self.chance(0.15)
            else self.constant(kind, weights, layout=0.2)
        )
        bias = self.source(wide, r.choice(((outputs,), (outputs,), (1,))), r.choice((0, 0, 0, 1)))
        attributes["input_zp"] = r.choice(
            (0, -128, 127, r.randint(-128, 127), r.randint(-(2**15), 2**15 - 1))
        )
        attributes["weight_zp"] = r.choice(
            (0, -128, 127, r.randint(-128, 127), r.randint(-(2**15), 2**15 - 1))
        )
        inputs = [image, weight, bias]
        if self.chance(0.5):
            return self.finish(
                Entry(op, Tensor(Kind.MATERIALISED, wide, (*area, outputs)), inputs, attributes)
            )
        sums = Tensor(Kind.VIRTUAL, wide, (*area, outputs))
        self.virtual.append(Entry(op, sums, inputs, attributes))
        return self.finish(self.rescale(Tensor(Kind.MATERIALISED, Type.INT8, sums.shape), sums))

    def matmul(self) -> Case:
        r = self.random
        type_ = r.choice((Type.INT8, Type.INT8, Type.INT8, Type.INT16))
        batch, rows, columns, length = r.randint(1, 3), r.randint(1, 5), r.randint(1, 5), r.choice(LENGTHS)
        a = self.source(type_, (batch, rows, length), r.choice((0, 0, 1)))
        b = self.source(type_, (batch, length, columns), r.choice((0, 0, 1)))
        if b.kind in (Kind.CONSTANT, Kind.MATERIALISED) and self.chance(0.7):
            b.layout = (0, 2, 1)
        point = (0, -128, 127, r.randint(-128, 127), r.randint(-(2**15), 2**15 - 1))
        wide = Type.INT32 if type_ is Type.INT8 else Type.INT48
        output = Tensor(Kind.MATERIALISED, wide, (batch, rows, columns))
        return self.finish(
            Entry(Op.MATMUL, output, [a, b], {"a_zp": r.choice(point), "b_zp": r.choice(point)})
        )

    def indices(self, shape: tuple[int, int], choices: int) -> Tensor:
        """Mostly inside, often the same; also at and beyond both ends."""
        r = self.random
        strange = (-1, choices, -(2**31), 2**31 - 1)
        values = [r.randrange(choices) if self.chance(0.8) else r.choice(strange) for _ in range(prod(shape))]
        tensor = self.committed(Type.INT32, shape)
        tensor.values = values
        if tensor.kind is Kind.MATERIALISED:
            self.materialised[-1].inputs[0].values = [*values]
        return tensor

    def gather(self, op: Op) -> Case:
        """GATHER or SCATTER."""
        r = self.random
        type_ = r.choice((Type.BOOL, Type.INT8, Type.INT16, Type.INT32))
        # BOOL is not made by the operators of a chain.
        depth = int(type_ is not Type.BOOL)
        batch, choices, count, channels = r.randint(1, 3), r.randint(1, 9), r.randint(1, 9), r.randint(1, 40)
        values = self.source(type_, (batch, choices, channels), depth)
        inputs = [values, self.indices((batch, count), choices)]
        shape = (batch, count, channels)
        if op is Op.SCATTER:
            inputs.append(self.source(type_, shape, depth))
            shape = values.shape
        return self.finish(Entry(op, Tensor(Kind.MATERIALISED, type_, shape), inputs))

    def resize(self) -> Case:
        r = self.random
        type_, mode = r.choice((Type.INT8, Type.INT8, Type.INT16)), r.choice((1, 2))
        shape = (r.randint(1, 2), *self.shape(2, 6), r.choice((1, 3, 40)))
        attributes, area = {"mode": mode}, [shape[0]]
        for k, d in enumerate("yx"):
            n = r.choice((1, 2, 3, 8, 16, 2048))
            step = r.choice((1, n, max(1, n // 2), n + 1, 15 * n))
            offset = r.choice((-n, 0, 1 - n, n - 1, 15 * n, r.randint(-n, 16 * n - 1)))
            # No further than the last element.
            most = max(0, (shape[1 + k] * n - 1 - offset) // step) + 1
            attributes |= {
                f"scale_{d}_n": n,
                f"scale_{d}_d": step,
                f"offset_{d}": min(offset, shape[1 + k] * n - 1),
            }
            area.append(r.randint(1, min(most, 20)))
        target = type_ if mode == 1 else Type.INT32 if type_ is Type.INT8 else Type.INT48
        output = Tensor(Kind.MATERIALISED, target, (*area, shape[3]))
        return self.finish(Entry(Op.RESIZE, output, [self.source(type_, shape, 1)], attributes))

    def movement(self, op: Op) -> Case:
        """Operators that move elements, TRANSPOSE and RESHAPE apart."""
        r = self.random
        type_, shape = r.choice(list(Type)), self.shape(r.randint(1, 6), 3)
        axis, attributes = r.randrange(len(shape)), {}
        sources = [shape]
        output = list(shape)
        match op:
            case Op.CONCAT:
                lengths = [r.randint(1, 4) for _ in range(r.choice((1, 2, 3, 5, 9)))]
                sources = [(*shape[:axis], n, *shape[axis + 1 :]) for n in lengths]
                output[axis], attributes["axis"] = sum(lengths), axis
            case Op.PAD:
                before = [r.choice((0, 0, 1, 3)) for _ in shape]
                output = [b + n + r.choice((0, 0, 1, 3)) for b, n in zip(before, shape, strict=True)]
                attributes = {f"before{k}": b for k, b in enumerate(before)}
                attributes["pad_const"] = r.choice((0, 1, -(2**31), 2**31 - 1, r.randint(-200, 200)))
            case Op.REVERSE:
                attributes["axis"] = axis
            case Op.SLICE:
                start = [r.choice((0, r.randint(0, 4))) for _ in shape]
                sources = [tuple(s + n + r.choice((0, 1)) for s, n in zip(start, shape, strict=True))]
                attributes = {f"start{k}": s for k, s in enumerate(start)}
            case Op.TILE:
                output = [n * r.choice((1, 1, 2, 3)) for n in shape]
        plain = type_ in (Type.BOOL, Type.INT4)
        inputs = [self.committed(type_, s) if plain else self.source(type_, s, 1) for s in sources]
        return self.finish(Entry(op, Tensor(Kind.MATERIALISED, type_, tuple(output)), inputs, attributes))

    def case(self, op: Op) -> Case:
        """A case of one operator."""
        r = self.random
        made = Kind.MATERIALISED
        match op:
            case Op.AVG_POOL2D | Op.CONV2D | Op.DEPTHWISE_CONV2D | Op.MAX_POOL2D:
                return self.window(op)
            case _ if op in (Op.ARGMAX, *REDUCTIONS):
                return self.reduction(op)
            case Op.CLAMP:
                type_, shape = r.choice(NARROW), self.shape(r.randrange(5))
                return self.finish(self.clamp(Tensor(made, type_, shape), self.source(type_, shape)))
            case Op.RESCALE:
                shape = self.shape(r.randrange(5))
                x = self.source(r.choice(NUMBERS), shape, 1)
                return self.finish(self.rescale(Tensor(made, r.choice(NUMBERS), shape), x))
            case _ if op in UNARY:
                return self.unary(op)
            case Op.TABLE:
                type_, shape = r.choice((Type.INT8, Type.INT8, Type.INT16)), self.shape(r.randrange(5))
                narrow = type_ is Type.INT8
                output = Tensor(made, Type.INT8 if narrow else Type.INT32, shape)
                entries = self.constant(type_, (256 if narrow else 513,))
                return self.finish(Entry(op, output, [self.source(type_, shape), entries]))
            case _ if op in BINARY:
                return self.binary(op)
            case Op.SELECT:
                type_, shape = r.choice((Type.BOOL, *NUMBERS)), self.shape(r.randrange(6), 4)
                condition, *_ = self.narrowed(shape)
                inputs = [
                    self.source(t, s)
                    for t, s in zip(
                        (Type.BOOL, type_, type_), (condition, *self.narrowed(shape)), strict=True
                    )
                ]
                return self.finish(Entry(op, Tensor(made, type_, shape), inputs))
            case Op.CONV3D:
                return self.conv3d()
            case Op.TRANSPOSE_CONV2D:
                return self.transpose_conv2d()
            case Op.GATHER | Op.SCATTER:
                return self.gather(op)
            case Op.RESIZE:
                return self.resize()
            case Op.MATMUL:
                return self.matmul()
            case Op.CONCAT | Op.PAD | Op.REVERSE | Op.SLICE | Op.TILE:
                return self.movement(op)
        type_ = r.choice(list(Type))
        rank = r.randint(1, 6) if op is Op.TRANSPOSE else r.randrange(5)
        shape = self.shape(rank, 4)
        order = self.permutation(rank)
        before = {
            Op.CAST: shape,
            Op.IDENTITY: shape,
            Op.RESHAPE: (1, prod(shape), 1),
            Op.TRANSPOSE: tuple(shape[order.index(axis)] for axis in range(rank)),
        }[op]
        x = self.source(type_, before)
        attributes = _permutation(order) if op is Op.TRANSPOSE else {}
        target = r.choice(list(Type)) if op is Op.CAST else type_
        return self.finish(Entry(op, Tensor(made, target, shape), [x], attributes))

    def finish(self, entry: Entry) -> Case:
        """Puts the entry among others that make the trees uneven."""
        output = entry.output
        output.layout = self.layout(output.shape)
        output.values = [0] * output.count
        others = [self.input(Type.INT8, (2,)) for _ in range(self.random.randint(1, 3))]
        tail = [
            Entry(Op.IDENTITY, Tensor(Kind.MATERIALISED, Type.INT8, (2,), [*others[0].values]), [others[0]])
            for _ in range(self.random.randrange(3))
        ]
        if self.chance(0.5):
            self.constant(Type.INT8, (5,))
        self.random.shuffle(self.inputs)
        self.random.shuffle(self.constants)
        entries = [*self.materialised, entry, *tail, *self.virtual]
        program = Program(self.inputs, self.constants, entries, outputs=len(tail) + 1)
        return Case(
            program, entry, self.random.choice((0, output.count - 1, self.random.randrange(output.count)))
        )


def _permutation(order: tuple[int, ...]) -> dict[str, int]:
    return {f"perm{k}": axis for k, axis in enumerate(order)}
