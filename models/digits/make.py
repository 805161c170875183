"""Make `digits.tosa`: train a small network on handwritten digits, quantise it, lower it to TOSA-1.0+INT.

    pip install 'onus[compile]'
    python models/digits/make.py

Writes next to this file:

- `digits.tosa`: the model, one flatbuffer, int8 image in, int8 logits out;
- `digits.json`: shapes, scales, zero points, hashes, accuracy;
- `heldout.npz`: the 599 images the network never saw, quantised for the model, with their labels.

Every random number comes from `SEED` and all arithmetic runs on one thread, so a second run on the same
processor and package versions writes the same bytes. Another processor may round a training step differently
and arrive at another, equally good, network: the committed file is the model.
"""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from eth_hash.auto import keccak
from executorch.backends.arm.quantizer.arm_quantizer import TOSAQuantizer, get_symmetric_quantization_config
from executorch.backends.arm.tosa.compile_spec import TosaCompileSpec
from executorch.backends.arm.tosa.partitioner import TOSAPartitioner
from executorch.exir import to_edge_transform_and_lower
from executorch.exir.lowered_backend_module import get_lowered_submodules
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

HERE = Path(__file__).parent
PROFILE = "TOSA-1.0+INT"
SEED = 0
EPOCHS = 150
BATCH = 64
TRAINING_IMAGES = 1_198  # the first two thirds; the last 599 are held out


class Digits(nn.Module):
    """A residual convolutional network of 110 thousand multiplications, 8x8 grey image to ten logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 16, kernel_size=3, padding=1)
        self.depthwise = nn.Conv2d(16, 16, kernel_size=3, padding=1, groups=16)
        self.pointwise = nn.Conv2d(16, 16, kernel_size=1)
        self.conv = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.classifier = nn.Linear(32 * 2 * 2, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (n, 10) of images (n, 1, 8, 8) whose pixels lie in 0 … 1."""
        x = F.relu(self.stem(image))
        x = F.relu(x + self.pointwise(F.relu(self.depthwise(x))))
        x = F.max_pool2d(x, 2)
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        return self.classifier(torch.flatten(x, 1))


@dataclass(frozen=True, slots=True)
class Split:
    """Images (n, 1, 8, 8), float32 in 0 … 1, and labels (n,)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True)
class Affine:
    """Quantisation of one tensor: real = scale * (int8 - zero_point)."""

    scale: float
    zero_point: int

    def quantise(self, real: Tensor) -> np.ndarray:
        """The int8 values of `real`, rounded half to even and saturated."""
        return torch.clamp(torch.round(real / self.scale) + self.zero_point, -128, 127).to(torch.int8).numpy()


@dataclass(frozen=True, slots=True)
class Lowered:
    """The TOSA file, and how its input and output stand for real numbers."""

    tosa: bytes
    input: Affine
    output: Affine


def load() -> tuple[Split, Split]:
    """The training images and the held-out images, in the order of the data set."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    cut = TRAINING_IMAGES
    return Split(images[:cut], labels[:cut]), Split(images[cut:], labels[cut:])


def jitter(images: Tensor, random: torch.Generator) -> Tensor:
    """The images a little turned, sheared, scaled and moved: the held-out writers have other hands."""

    def spread(amplitude: float) -> Tensor:
        return (2 * torch.rand(len(images), generator=random) - 1) * amplitude

    angle, scale, shear = spread(0.2), 1 + spread(0.1), spread(0.2)
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    rows = [torch.stack([cos, shear - sin, spread(0.25)], 1), torch.stack([sin, cos, spread(0.25)], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def batches(split: Split, random: torch.Generator) -> Iterator[Split]:
    """One epoch of full batches in random order, each image jittered."""
    order = torch.randperm(len(split.labels), generator=random)
    for chosen in order.split(BATCH):
        yield Split(jitter(split.images[chosen], random), split.labels[chosen])


def train(split: Split) -> Digits:
    """A network trained from `SEED`, in evaluation mode."""
    torch.manual_seed(SEED)
    random = torch.Generator().manual_seed(SEED)
    model = Digits()
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=1e-2)
    steps = EPOCHS * math.ceil(len(split.labels) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1e-2, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in batches(split, random):
            optimiser.zero_grad()
            F.cross_entropy(model(batch.images), batch.labels).backward()
            optimiser.step()
            schedule.step()
    return model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, split: Split) -> float:
    """The share of images whose largest logit is their label's."""
    return (model(split.images).argmax(1) == split.labels).float().mean().item()


@torch.no_grad()
def quantise(model: Digits, calibration: Tensor, spec: TosaCompileSpec) -> nn.Module:
    """The model with int8 weights a channel and activations a tensor, in the ranges seen on `calibration`."""
    quantizer = TOSAQuantizer(spec)
    quantizer.set_global(get_symmetric_quantization_config(is_per_channel=True))
    # Without check_guards=False the guards stay in the module, and prepare_pt2e rejects them.
    exported = torch.export.export(model, (calibration[:1],)).module(check_guards=False)
    prepared = prepare_pt2e(exported, quantizer)
    for image in calibration.split(1):
        prepared(image)
    return convert_pt2e(prepared)


def lower(model: nn.Module, example: Tensor, spec: TosaCompileSpec) -> Lowered:
    """The quantised model as one TOSA file; the (de)quantisation at its borders becomes two `Affine`."""
    exported = torch.export.export(model, (example,))
    edge = to_edge_transform_and_lower(exported, partitioner=[TOSAPartitioner(spec)])
    graph_module = edge.exported_program().graph_module
    parts = get_lowered_submodules(graph_module)
    if len(parts) != 1:
        raise RuntimeError(f"expected one TOSA file, the partitioner made {len(parts)}")
    _, part, _ = parts[0]
    return Lowered(
        tosa=bytes(part.processed_bytes),
        input=border(graph_module, "quantized_decomposed::quantize_per_tensor"),
        output=border(graph_module, "quantized_decomposed::dequantize_per_tensor"),
    )


def border(graph_module: torch.fx.GraphModule, operator: str) -> Affine:
    """Scale and zero point of the only call of `operator` left outside the lowered part."""
    (call,) = (node for node in graph_module.graph.nodes if schema_name(node.target) == operator)
    _, scale, zero_point, low, high, dtype = call.args
    if (low, high, dtype) != (-128, 127, torch.int8):
        raise RuntimeError(f"{operator} is not int8: {call.args}")
    return Affine(float(scale), int(zero_point))


def schema_name(target: Any) -> str:
    """`namespace::operator` of a node's target, or an empty string where it is no operator."""
    schema = getattr(target, "_schema", None)
    return schema.name if schema else ""


def save_heldout(path: Path, split: Split, affine: Affine) -> None:
    """Write model inputs (n, 1, 8, 8) int8, labels (n,) uint8 and the original pixels (n, 8, 8) 0 … 16."""
    np.savez_compressed(
        path,
        inputs=affine.quantise(split.images),
        labels=split.labels.to(torch.uint8).numpy(),
        pixels=(split.images * 16).squeeze(1).to(torch.uint8).numpy(),
    )


def evaluate(model: Path, heldout: Path) -> dict[str, Any]:
    """Run `evaluate.py` in a process of its own: the reference model may end the process it runs in."""
    command = [sys.executable, str(HERE / "evaluate.py"), "--json", str(model), str(heldout)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def describe(lowered: Lowered, float_accuracy: float, integer: dict[str, Any]) -> dict[str, Any]:
    """What `digits.json` says."""
    packages = ("torch", "torchao", "executorch", "scikit-learn", "tosa-tools")
    return {
        "name": "digits",
        "file": {
            "name": "digits.tosa",
            "profile": PROFILE,
            "bytes": len(lowered.tosa),
            "sha256": sha256(lowered.tosa).hexdigest(),
            "keccak256": "0x" + keccak(lowered.tosa).hex(),
        },
        "input": {"shape": [1, 1, 8, 8], "dtype": "int8", **asdict(lowered.input), "real": "pixel / 16"},
        "output": {"shape": [1, 10], "dtype": "int8", **asdict(lowered.output), "real": "logit"},
        "classes": [str(digit) for digit in range(10)],
        "heldout": {
            "split": f"images {TRAINING_IMAGES} … 1796 of scikit-learn's load_digits",
            "images": integer["images"],
            "correct": integer["correct"],
            "integer_accuracy": round(integer["accuracy"], 4),
            "float_accuracy": round(float_accuracy, 4),
        },
        "made_with": {package: version(package) for package in packages},
    }


def line_a_key(value: dict[str, Any]) -> str:
    """JSON with one line a top-level key: short lists stay short."""
    lines = (f"  {json.dumps(key)}: {json.dumps(item, ensure_ascii=False)}" for key, item in value.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Train, quantise, lower, write the files, and measure what was written."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    training, heldout = load()
    model = train(training)
    float_accuracy = accuracy(model, heldout)

    spec = TosaCompileSpec(PROFILE)
    quantised = quantise(model, training.images, spec)
    lowered = lower(quantised, training.images[:1], spec)

    tosa_path, heldout_path = HERE / "digits.tosa", HERE / "heldout.npz"
    tosa_path.write_bytes(lowered.tosa)
    save_heldout(heldout_path, heldout, lowered.input)
    integer = evaluate(tosa_path, heldout_path)
    description = describe(lowered, float_accuracy, integer)
    (HERE / "digits.json").write_text(line_a_key(description), encoding="utf-8")

    subprocess.run([sys.executable, str(HERE / "listing.py"), str(tosa_path)], check=True)
    print(f"integer accuracy {integer['accuracy']:.2%}, float accuracy {float_accuracy:.2%}")


if __name__ == "__main__":
    main()
