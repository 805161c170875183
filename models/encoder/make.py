"""Make `encoder.tosa`: one block of a transformer encoder, with seeded random weights.

pip install 'onus[compile,node]'
python -m models.encoder.make
"""

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models._seeded import publish, seed

TOKENS, WIDTH, HEADS, HIDDEN = 16, 64, 4, 256


def layer_norm() -> nn.LayerNorm:
    """With weights that are not all one, and biases that are not all zero."""
    norm = nn.LayerNorm(WIDTH)
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.normal_(norm.bias, std=0.2)
    return norm


class Attention(nn.Module):
    """Scaled dot-product attention of every token on every token, in four heads."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Of (n, tokens, width), the same shape."""

        def heads(projected: Tensor) -> Tensor:
            return projected.view(-1, TOKENS, HEADS, WIDTH // HEADS).transpose(1, 2)

        query, key, value = heads(self.query(x)), heads(self.key(x)), heads(self.value(x))
        scores = query @ key.transpose(-2, -1) / math.sqrt(WIDTH // HEADS)
        mixed = torch.softmax(scores, dim=-1) @ value
        return self.out(mixed.transpose(1, 2).reshape(-1, TOKENS, WIDTH))


class Encoder(nn.Module):
    """Layer norm, attention, layer norm, two layers with GELU between; 819 thousand multiplications."""

    def __init__(self) -> None:
        super().__init__()
        self.before_attention = layer_norm()
        self.attention = Attention()
        self.before_layers = layer_norm()
        self.up = nn.Linear(WIDTH, HIDDEN)
        self.down = nn.Linear(HIDDEN, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """Of (n, 16, 64), the same shape."""
        x = tokens + self.attention(self.before_attention(tokens))
        return x + self.down(F.gelu(self.up(self.before_layers(x))))


def main() -> None:
    """Write the files next to this one."""
    seed()
    publish(Path(__file__).parent, Encoder(), [1, TOKENS, WIDTH], 32, input="token", output="token")


if __name__ == "__main__":
    main()
