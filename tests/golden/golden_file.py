"""How the scripts write a file: float64 held against float32, names of versions, and the sizes as metadata."""

import json
import pathlib

import numpy as np
import safetensors
import torch
from safetensors.torch import save_file

from ctr_training import ADAM, STEPS, typed

HERE = pathlib.Path(__file__).resolve().parent


def check_float32(wide, narrow):
    """How far float32 is off, relative to each tensor's largest magnitude: the worst."""
    worst = (0.0, "")
    for name, x in wide.items():
        if x.is_floating_point():
            largest = x.detach().abs().max().item()
            assert largest > 0, f"{name} is zero"
            worst = max(worst, ((x - narrow[name]).detach().abs().max().item() / largest, name))
    assert worst[0] < 2e-6, f"float32 is off by {worst[0]:.1e} in {worst[1]}: choose another seed"
    return worst


def write(name, metadata, make):
    """Writes a file, whose function gives metadata and a function from a dtype to the tensors."""
    wide = make(torch.float64)
    error, where = check_float32(wide, make(torch.float32))
    metadata = {"model": name, "steps": STEPS, **ADAM, **metadata}
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    text |= {"torch": torch.__version__, "numpy": np.__version__, "safetensors": safetensors.__version__}
    path = HERE / f"{name}.safetensors"
    save_file({key: x.detach().contiguous() for key, x in typed(wide, torch.float32).items()}, path, text)
    size = path.stat().st_size / 1024
    print(f"{path.name}: {len(wide)} tensors, {size:.0f} KiB; float32 is off by {error:.1e} ({where})")
