"""Networks with seeded random weights: for tests and benchmarks of a verifier, which ask for no task."""

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models._lowering import (
    compiled,
    described_file,
    described_tensor,
    deterministic,
    line_a_key,
    run_script,
    versions,
)
from models.listing import operations, parameter_count
from models.variety import KINDS, random_inputs

SEED = 0
CALIBRATION = 128  # inputs of each kind


def seed() -> None:
    """Weights made after this call are the same in every run."""
    deterministic()
    torch.manual_seed(SEED)


@torch.no_grad()
def settle(model: nn.Module, inputs: Tensor) -> None:
    """Scale and shift every convolution and linear layer: deviation 1 a channel, means spread around 0.

    Without it random weights leave some channels constant, and saturate others, once they are int8.
    """

    def normalise(layer: nn.Conv2d | nn.Linear, _: object, output: Tensor) -> Tensor:
        channel = 1 if isinstance(layer, nn.Conv2d) else output.dim() - 1
        others = [axis for axis in range(output.dim()) if axis != channel]
        deviation, mean = torch.std_mean(output, dim=others, keepdim=True)
        target = nn.init.uniform_(torch.empty_like(mean), -0.5, 0.5)
        layer.weight /= deviation.reshape(-1, *[1] * (layer.weight.dim() - 1))
        layer.bias.copy_((layer.bias - mean.flatten()) / deviation.flatten() + target.flatten())
        return (output - mean) / deviation + target

    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(normalise) for layer in layers]
    model(inputs)
    for hook in hooks:
        hook.remove()


def publish(folder: Path, model: nn.Module, shape: list[int], steps: int, input: str, output: str) -> None:
    """Settle, quantise and lower a network with one input of `shape`; write its `.tosa` and `.json`.

    Calibrated on random int8 values divided by `steps`. `input` and `output` say what the real numbers are.
    """
    name = folder.name
    drawn = np.concatenate([random_inputs(kind, CALIBRATION, shape, SEED) for kind in KINDS])
    inputs = torch.from_numpy(drawn).float() / steps
    settle(model.eval(), inputs)
    lowered = compiled(model, inputs)
    path = folder / f"{name}.tosa"
    path.write_bytes(lowered.tosa)

    found = list(operations(lowered.tosa))
    varieties = json.loads(run_script("models.variety", "--json", str(path)))
    description = {
        "name": name,
        "file": described_file(path.name, lowered.tosa),
        "input": described_tensor(shape, lowered.input, input),
        "output": described_tensor(model(inputs[:1]).shape, lowered.output, output),
        "operators": len(found),
        "multiplications": sum(operation.multiplications for operation in found),
        "parameters": parameter_count(found),
        "output_variety": {kind: next(iter(seen.values())) for kind, seen in varieties.items()},
        "made_with": versions("torch", "torchao", "executorch", "tosa-tools"),
    }
    (folder / f"{name}.json").write_text(line_a_key(description), encoding="utf-8")
    print(run_script("models.listing", "--counts", str(path)), end="")
