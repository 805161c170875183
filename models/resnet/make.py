"""Make `resnet.tosa`: the residual network of eight layers that MLPerf Tiny uses, with seeded random weights.

pip install 'onus[compile,node]'
python -m models.resnet.make
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models._seeded import publish, seed


class Residual(nn.Module):
    """Two 3x3 convolutions; the input is added, by way of a 1x1 convolution where shapes differ."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, kernel_size=3, stride=stride, padding=1)
        self.second = nn.Conv2d(out, out, kernel_size=3, padding=1)
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, out, kernel_size=1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """One block."""
        return F.relu(self.shortcut(x) + self.second(F.relu(self.first(x))))


class ResNet(nn.Module):
    """12.5 million multiplications, 32x32 colour image to ten logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, kernel_size=3, padding=1)
        self.blocks = nn.Sequential(Residual(16, 16), Residual(16, 32, stride=2), Residual(32, 64, stride=2))
        self.classifier = nn.Linear(64, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (n, 10) of images (n, 3, 32, 32) whose values lie in −1 … 1."""
        x = self.blocks(F.relu(self.stem(image)))
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


def main() -> None:
    """Write the files next to this one."""
    seed()
    folder = Path(__file__).parent
    publish(folder, ResNet(), [1, 3, 32, 32], 128, input="pixel / 128 − 1, pixel 0 … 255", output="logit")


if __name__ == "__main__":
    main()
