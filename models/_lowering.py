"""From a PyTorch module to a TOSA-1.0+INT file: quantise after training, lower with ExecuTorch, describe."""

import json
import subprocess
import sys
from collections.abc import Sequence
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
from torch import Tensor, nn
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

ROOT = Path(__file__).parents[1]
PROFILE = "TOSA-1.0+INT"


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


def deterministic() -> None:
    """One thread does the arithmetic, so that sums have one order."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def compiled(model: nn.Module, calibration: Tensor) -> Lowered:
    """The model as one TOSA file, its activations quantised in the ranges seen on `calibration`."""
    spec = TosaCompileSpec(PROFILE)
    return lower(quantise(model, calibration, spec), calibration[:1], spec)


@torch.no_grad()
def quantise(model: nn.Module, calibration: Tensor, spec: TosaCompileSpec) -> nn.Module:
    """The model with int8 weights a channel and activations a tensor, in the ranges seen on `calibration`."""
    quantizer = TOSAQuantizer(spec)
    quantizer.set_global(get_symmetric_quantization_config(is_per_channel=True))
    # Without check_guards=False the guards stay in the module, and prepare_pt2e rejects them.
    exported = torch.export.export(model, (calibration[:1],)).module(check_guards=False)
    prepared = prepare_pt2e(exported, quantizer)
    for sample in calibration.split(1):
        prepared(sample)
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


def described_file(name: str, tosa: bytes) -> dict[str, Any]:
    """Name, size and hashes of a model's file."""
    return {
        "name": name,
        "profile": PROFILE,
        "bytes": len(tosa),
        "sha256": sha256(tosa).hexdigest(),
        "keccak256": "0x" + keccak(tosa).hex(),
    }


def described_tensor(shape: Sequence[int], affine: Affine, real: str) -> dict[str, Any]:
    """Shape and quantisation of a model's input or output, and what its real numbers mean."""
    return {"shape": list(shape), "dtype": "int8", **asdict(affine), "real": real}


def versions(*packages: str) -> dict[str, str]:
    """The installed versions."""
    return {package: version(package) for package in packages}


def run_script(module: str, *arguments: str) -> str:
    """What a script of this folder prints, run in a process of its own: the reference model may end it."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


def line_a_key(value: dict[str, Any]) -> str:
    """JSON with one line a top-level key: short lists stay short."""
    lines = (f"  {json.dumps(key)}: {json.dumps(item, ensure_ascii=False)}" for key, item in value.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"
