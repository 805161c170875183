"""Make `mobilenet.tosa`: a small network in the style of MobileNetV3, with seeded random weights.

pip install 'onus[compile,node]'
python -m models.mobilenet.make
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models._seeded import publish, seed


class SqueezeExcite(nn.Module):
    """Each channel weighted by a gate computed from the means of all."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // 4, kernel_size=1)
        self.excite = nn.Conv2d(channels // 4, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """The weighted channels."""
        means = F.adaptive_avg_pool2d(x, 1)
        return x * F.hardsigmoid(self.excite(F.relu(self.squeeze(means))))


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise, project 1x1; the input is added where shapes allow."""

    def __init__(
        self,
        channels: tuple[int, int, int],
        activation: type[nn.Module],
        kernel: int = 3,
        stride: int = 1,
        gated: bool = False,
    ) -> None:
        super().__init__()
        narrow, wide, out = channels
        self.body = nn.Sequential(
            nn.Conv2d(narrow, wide, kernel_size=1),
            activation(),
            nn.Conv2d(wide, wide, kernel, stride, padding=kernel // 2, groups=wide),
            activation(),
            SqueezeExcite(wide) if gated else nn.Identity(),
            nn.Conv2d(wide, out, kernel_size=1),
        )
        self.residual = stride == 1 and narrow == out

    def forward(self, x: Tensor) -> Tensor:
        """One block."""
        return x + self.body(x) if self.residual else self.body(x)


class MobileNet(nn.Module):
    """3.2 million multiplications, 32x32 colour image to ten logits."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, kernel_size=3, stride=2, padding=1),
            nn.Hardswish(),
            InvertedResidual((16, 32, 16), nn.ReLU, gated=True),
            InvertedResidual((16, 64, 24), nn.ReLU, stride=2),
            InvertedResidual((24, 96, 24), nn.ReLU),
            InvertedResidual((24, 96, 40), nn.Hardswish, kernel=5, gated=True),
            InvertedResidual((40, 160, 40), nn.Hardswish, kernel=5, gated=True),
            nn.Conv2d(40, 128, kernel_size=1),
            nn.Hardswish(),
        )
        self.classifier = nn.Linear(128, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (n, 10) of images (n, 3, 32, 32) whose values lie in −1 … 1."""
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(self.features(image), 1), 1))


def main() -> None:
    """Write the files next to this one."""
    seed()
    folder = Path(__file__).parent
    publish(folder, MobileNet(), [1, 3, 32, 32], 128, input="pixel / 128 − 1, pixel 0 … 255", output="logit")


if __name__ == "__main__":
    main()
