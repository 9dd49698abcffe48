"""NeuMF's training step in PyTorch, timed as examples/throughput.rs times ours.

    python benches/peers/torch_neumf.py paper8 fused --threads 2

Prints one JSON line: library, config, mode, threads and samples per second (median, least and most of the runs). The
step is gather, product, MLP with ReLU, logit, cross-entropy of logits, backward and Adam. Ids are drawn before the clock
starts.

Modes: eager, fused (Adam in one kernel), sparse (sparse gradients of the tables, SparseAdam: what LazyAdam does), compiled
(torch.compile of forward and loss, fused Adam) and compiled-sparse. Needs `pip install torch numpy`; the compiled modes
need a C++ compiler.
"""

import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional as F

# users, items, factors, layers (the first is both embeddings side by side), batch
CONFIGS = {
    "paper8": (6040, 3706, 8, [64, 32, 16, 8], 256),
    "paper8b16k": (6040, 3706, 8, [64, 32, 16, 8], 16_384),
    "paper64": (6040, 3706, 64, [512, 256, 128, 64], 256),
    "nvidia64": (138_493, 26_744, 64, [256, 256, 128, 64], 16_384),
    "nvidia64b4k": (138_493, 26_744, 64, [256, 256, 128, 64], 4096),
    "nvidia64b1m": (138_493, 26_744, 64, [256, 256, 128, 64], 1 << 20),
}
MODES = ["eager", "fused", "sparse", "compiled", "compiled-sparse"]
BATCHES = 32


class NeuMF(nn.Module):
    def __init__(self, users, items, factors, layers, sparse):
        super().__init__()

        def table(rows, width):
            embedding = nn.Embedding(rows, width, sparse=sparse)
            nn.init.normal_(embedding.weight, std=0.01)
            return embedding

        self.tables = nn.ModuleDict(
            {
                "gmf_user": table(users, factors),
                "gmf_item": table(items, factors),
                "mlp_user": table(users, layers[0] // 2),
                "mlp_item": table(items, layers[0] // 2),
            }
        )
        self.tower = nn.ModuleList(nn.Linear(a, b) for a, b in zip(layers, layers[1:]))
        self.logit = nn.Linear(factors + layers[-1], 1)

    def forward(self, users, items, labels):
        tables = self.tables
        product = tables["gmf_user"](users) * tables["gmf_item"](items)
        z = torch.cat([tables["mlp_user"](users), tables["mlp_item"](items)], 1)
        for layer in self.tower:
            z = F.relu(layer(z))
        logits = self.logit(torch.cat([product, z], 1)).squeeze(1)
        return F.binary_cross_entropy_with_logits(logits, labels)


def optimizers(model, mode):
    if not mode.endswith("sparse"):
        return [torch.optim.Adam(model.parameters(), lr=1e-3, fused=mode in ("fused", "compiled"))]
    dense = [*model.tower.parameters(), *model.logit.parameters()]
    return [
        torch.optim.SparseAdam(model.tables.parameters(), lr=1e-3),
        torch.optim.Adam(dense, lr=1e-3, fused=True),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", choices=CONFIGS)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--threads", type=int, default=0, help="0: PyTorch's own choice")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a timed run")
    parser.add_argument("--runs", type=int, default=3, help="timed runs; the median counts")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--tf32", action="store_true", help="on cuda: matrix products in TF32")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.tf32:
        torch.set_float32_matmul_precision("high")
    torch.manual_seed(0)

    users, items, factors, layers, batch = CONFIGS[options.config]
    device = options.device
    model = NeuMF(users, items, factors, layers, options.mode.endswith("sparse")).to(device)
    optimisers = optimizers(model, options.mode)
    loss_of = torch.compile(model) if options.mode.startswith("compiled") else model
    batches = [
        (
            torch.randint(users, (batch,), device=device),
            torch.randint(items, (batch,), device=device),
            (torch.rand(batch, device=device) < 0.2).float(),
        )
        for _ in range(BATCHES)
    ]

    def run(steps):
        start = time.perf_counter()
        for k in range(steps):
            for optimiser in optimisers:
                optimiser.zero_grad(set_to_none=True)
            loss = loss_of(*batches[k % BATCHES])
            loss.backward()
            for optimiser in optimisers:
                optimiser.step()
        value = loss.item()  # waits for the device
        return steps * batch / (time.perf_counter() - start), value

    run(5)  # compiles where it has to
    rate, _ = run(10)
    steps = max(5, round(options.seconds * rate / batch))
    run(max(2, steps // 5))
    rates, losses = zip(*(run(steps) for _ in range(options.runs)))
    rates = sorted(rates)
    line = {
        "library": f"torch {torch.__version__}",
        "config": options.config,
        "mode": options.mode,
        "device": device + (" tf32" if options.tf32 else ""),
        "threads": torch.get_num_threads(),
        "samples_per_s": round(rates[len(rates) // 2]),
        "min": round(rates[0]),
        "max": round(rates[-1]),
        "loss": losses[-1],
    }
    print(json.dumps(line))


main()
