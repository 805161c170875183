"""Make `digits.tosa`: train a small network on handwritten digits, quantise it, lower it to TOSA-1.0+INT.

    pip install 'onus[compile,node]'
    python -m models.digits.make

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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from models._lowering import (
    Affine,
    Lowered,
    compiled,
    described_file,
    described_tensor,
    deterministic,
    line_a_key,
    run_script,
    versions,
)

HERE = Path(__file__).parent
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


def save_heldout(path: Path, split: Split, affine: Affine) -> None:
    """Write model inputs (n, 1, 8, 8) int8, labels (n,) uint8 and the original pixels (n, 8, 8) 0 … 16."""
    np.savez_compressed(
        path,
        inputs=affine.quantise(split.images),
        labels=split.labels.to(torch.uint8).numpy(),
        pixels=(split.images * 16).squeeze(1).to(torch.uint8).numpy(),
    )


def evaluate(model: Path, heldout: Path) -> dict[str, Any]:
    """What `evaluate.py` measures."""
    return json.loads(run_script("models.digits.evaluate", "--json", str(model), str(heldout)))


def describe(lowered: Lowered, float_accuracy: float, integer: dict[str, Any]) -> dict[str, Any]:
    """What `digits.json` says."""
    return {
        "name": "digits",
        "file": described_file("digits.tosa", lowered.tosa),
        "input": described_tensor([1, 1, 8, 8], lowered.input, "pixel / 16"),
        "output": described_tensor([1, 10], lowered.output, "logit"),
        "classes": [str(digit) for digit in range(10)],
        "heldout": {
            "split": f"images {TRAINING_IMAGES} … 1796 of scikit-learn's load_digits",
            "images": integer["images"],
            "correct": integer["correct"],
            "integer_accuracy": round(integer["accuracy"], 4),
            "float_accuracy": round(float_accuracy, 4),
        },
        "made_with": versions("torch", "torchao", "executorch", "scikit-learn", "tosa-tools"),
    }


def main() -> None:
    """Train, quantise, lower, write the files, and measure what was written."""
    deterministic()
    training, heldout = load()
    model = train(training)
    float_accuracy = accuracy(model, heldout)
    lowered = compiled(model, training.images)

    tosa_path, heldout_path = HERE / "digits.tosa", HERE / "heldout.npz"
    tosa_path.write_bytes(lowered.tosa)
    save_heldout(heldout_path, heldout, lowered.input)
    integer = evaluate(tosa_path, heldout_path)
    description = describe(lowered, float_accuracy, integer)
    (HERE / "digits.json").write_text(line_a_key(description), encoding="utf-8")

    print(run_script("models.listing", str(tosa_path)), end="")
    print(f"integer accuracy {integer['accuracy']:.2%}, float accuracy {float_accuracy:.2%}")


if __name__ == "__main__":
    main()
