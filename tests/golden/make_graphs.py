"""Makes the golden vectors of losses over lists, of what SASRec's blocks are made of, of LightGCN, CFKG, KGCN and SASRec, with
PyTorch: README.md says what each tensor is.

    pip install torch numpy safetensors
    python tests/golden/make_graphs.py

Made with torch 2.15.0, numpy 2.4.6 and safetensors 0.8.0 on an x86-64 CPU, as make_ctr.py makes its own: in float64, stored
as float32, and nothing is written unless gradients equal finite differences and float32 gives the same.
"""

import torch

from ctr_training import check_adam
from golden_file import write
from graphs_cfkg import cfkg
from graphs_kgcn import kgcn
from graphs_layers import layers_file
from graphs_light_gcn import light_gcn
from graphs_losses import losses_file
from graphs_sas_rec import sas_rec


def main():
    torch.set_num_threads(1)
    check_adam()
    files = {
        "losses": losses_file,
        "layers": layers_file,
        "light_gcn": light_gcn,
        "sas_rec": sas_rec,
        "cfkg": cfkg,
        "kgcn": kgcn,
    }
    for name, file in files.items():
        write(name, *file())


main()
