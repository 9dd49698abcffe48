"""Layer normalisation, rows at length 1, and causal attention, each behind what it reads and before a logit.

The logit of a sample is the sum of output * functional over its rows, and the loss the mean cross-entropy with the labels.
Attention is torch's scaled_dot_product_attention on histories padded to one length, with garbage in the padding.
"""

import torch
from torch.nn import functional as F

from ctr_operations import Draw, samples
from ctr_training import check_gradients, gradients_of, prefixed, typed

ROWS, WIDTH, EPSILON = 17, 21, 1e-5
LENGTHS, STEP_WIDTH, HEADS = [3, 0, 37, 1, 7, 2], 12, [1, 3]


def layer_norm(p):
    return F.layer_norm(p["x"], (WIDTH,), p["weight"], p["bias"], EPSILON)


def normalise(p):
    return F.normalize(p["x"])


def causal_attention(p, heads):
    offsets = torch.tensor([0, *LENGTHS]).cumsum(0)
    longest, each = max(LENGTHS), STEP_WIDTH // heads

    def padded(x):
        rows = torch.full((len(LENGTHS), longest, STEP_WIDTH), 7.0, dtype=x.dtype)
        parts = [torch.cat([x[steps], rows[s, steps.stop - steps.start :]]) for s, steps in enumerate(samples(offsets))]
        return torch.stack(parts).view(len(LENGTHS), longest, heads, each).transpose(1, 2)

    q, k, v = (padded(p[name]) for name in ("query", "key", "value"))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    out = out.transpose(1, 2).reshape(len(LENGTHS), longest, STEP_WIDTH)
    return torch.cat([out[s, : steps.stop - steps.start] for s, steps in enumerate(samples(offsets))])


def layers_file():
    draw = Draw(32)
    rows = lambda std=1.0: draw.normal(ROWS, WIDTH, std=std)
    steps = lambda std=1.0: draw.normal(sum(LENGTHS), STEP_WIDTH, std=std)
    norm = {"weight": 1 + draw.normal(WIDTH, std=0.3), "bias": draw.normal(WIDTH, std=0.3)}
    attention = {"query": steps(1.5), "key": steps(1.5), "value": steps()}
    cases = {
        "layer_norm": ({"x": rows(2.0) + 0.75} | norm, rows(0.2), layer_norm),
        "normalise": ({"x": rows()}, rows(0.5), normalise),
    }
    for heads in HEADS:
        cases[f"causal_attention_{heads}"] = attention, steps(0.3), lambda p, heads=heads: causal_attention(p, heads)
    of_samples = torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0, 1.0])
    labels = {name: of_samples if "attention" in name else draw.labels(ROWS) for name in cases}
    all_steps = torch.tensor([0, *LENGTHS], dtype=torch.int32).cumsum(0, dtype=torch.int32)

    def make(dtype):
        out = {"offsets": all_steps}
        for name, (initial, functional, operation) in cases.items():
            label, functional = labels[name].to(dtype), functional.to(dtype)

            def logits(p):
                rows = (operation(p) * functional).sum(1)
                if "attention" not in name:
                    return rows
                return torch.stack([rows[steps].sum() for steps in samples(all_steps)])

            loss_of = lambda p: F.binary_cross_entropy_with_logits(logits(p), label)
            if dtype == torch.float64:
                check_gradients(loss_of, initial)
            p = {key: x.clone().requires_grad_() for key, x in typed(initial, dtype).items()}
            loss = loss_of(p)
            found = {f"grad/{key}": g for key, g in gradients_of(loss, p).items()}
            found |= {"functional": functional, "label": label, "logit": logits(p), "loss": loss[None]}
            shared = "causal_attention" if "attention" in name else name  # what goes in is the same for all heads
            out |= prefixed(shared, typed(initial, dtype)) | prefixed(name, found)
        return out

    return {"rows": ROWS, "width": WIDTH, "epsilon": EPSILON, "step_width": STEP_WIDTH, "heads": HEADS}, make
