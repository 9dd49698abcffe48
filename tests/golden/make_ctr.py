"""Makes the golden vectors of the click-through models with PyTorch: README.md says what each tensor is.

    pip install torch numpy safetensors
    python tests/golden/make_ctr.py

Made with torch 2.15.0, numpy 2.4.6 and safetensors 0.8.0 on an x86-64 CPU. Everything is computed in float64 and stored
as float32; parameters and inputs are rounded to float32 first, so that a reader in float32 begins with the same numbers.
Nothing is written unless all checks hold: gradients against finite differences, GRU against torch.nn.GRU, FM against
the sum over pairs, Dice against its formula, Adam against torch.optim.Adam, and all of it against the same in float32,
so that no number stands at a kink or is what cancellation left.
"""

import torch

from ctr_deepfm import deepfm
from ctr_dien import auxiliary_file, dien, recurrent_file
from ctr_din import din
from ctr_training import check_adam
from golden_file import write


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
