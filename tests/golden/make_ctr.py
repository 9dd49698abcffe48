"""Makes the golden vectors of the click-through models with PyTorch: README.md says what each tensor is.

    pip install torch numpy safetensors
    python tests/golden/make_ctr.py

Made with torch 2.15.0, numpy 2.4.6 and safetensors 0.8.0 on an x86-64 CPU. Everything is computed in float64 and stored
as float32; parameters and inputs are rounded to float32 first, so that a reader in float32 begins with the same numbers.
Nothing is written unless all checks hold: gradients against finite differences, GRU against torch.nn.GRU, FM against
the sum over pairs, Dice against its formula, Adam against torch.optim.Adam, and all of it against the same in float32,
so that no number stands at a kink or is what cancellation left.
"""

import json
import pathlib

import numpy as np
import safetensors
import torch
from safetensors.torch import save_file

from ctr_deepfm import deepfm
from ctr_dien import auxiliary_file, dien, recurrent_file
from ctr_din import din
from ctr_training import ADAM, STEPS, check_adam, typed

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


def main():
    torch.set_num_threads(1)
    check_adam()
    normed = lambda: deepfm("batch_norm_relu")
    files = {
        "deepfm": deepfm,
        "deepfm_batch_norm": normed,
        "din": din,
        "recurrent": recurrent_file,
        "auxiliary": auxiliary_file,
        "dien": dien,
    }
    for name, file in files.items():
        write(name, *file())


main()
