"""DIN in six variants."""

import torch
from torch.nn import functional as F

from ctr_histories import TABLES, WIDTH, embed, history_batches, rows_with_history
from ctr_operations import (
    EPSILON,
    LENGTHS,
    MOMENTUM,
    Draw,
    attention_scores,
    dice,
    network,
    sample_of_step,
    softmax_by_sample,
)
from ctr_training import check_gradients, prefixed, train, typed

# attention's activation, softmax, the DNN's activation
DIN_VARIANTS = [
    ("sigmoid", False, "dice"),
    ("sigmoid", True, "prelu"),
    ("prelu", False, "prelu"),
    ("prelu", True, "dice"),
    ("dice", False, "dice"),
    ("dice", True, "prelu"),
]


def din():
    draw, hidden, layers = Draw(6), [6, 4], [9, 7]
    initial = {f"{name}.embedding": draw.normal(rows, WIDTH, std=0.6) for name, rows in TABLES.items()}
    for name, inputs, sizes in [("attention", 8 * WIDTH, hidden), ("dnn", 5 * WIDTH, layers)]:
        for k, (inputs, outputs) in enumerate(zip([inputs, *sizes], sizes)):
            initial |= draw.layer(f"{name}.{k}", inputs, outputs)
            initial[f"{name}.{k}.alpha"] = draw.normal(outputs, std=0.3)
        initial |= draw.layer(f"{name}.output", sizes[-1], 1)
    batches = history_batches(draw, negatives=False)

    def parts(variant):
        """The variant's parameters and what its running statistics begin with."""
        attention, softmax, dnn = variant
        has_alpha = {"attention": attention != "sigmoid", "dnn": True}
        names = [n for n in initial if not n.endswith(".alpha") or has_alpha[n.split(".")[0]]]
        if softmax:
            names.remove("attention.output.bias")  # the same for all scores: softmax takes it out
        dices = [("attention", hidden)] * (attention == "dice") + [("dnn", layers)] * (dnn == "dice")
        running = {f"{n}.{k}": [0 * torch.ones(w), torch.ones(w)] for n, sizes in dices for k, w in enumerate(sizes)}
        return {n: initial[n] for n in names}, {n: torch.stack(pair) for n, pair in running.items()}

    def forward(variant, p, batch, running, training=True):
        attention, softmax, dnn = variant
        query, key = embed(p, batch), embed(p, batch, "history.")
        offsets = batch["offsets"]
        scores = attention_scores(p, query, key, offsets, attention, len(hidden), running, training)
        weights = softmax_by_sample(scores, offsets) if softmax else scores
        interest = torch.zeros_like(query).index_add(0, sample_of_step(offsets), weights.unsqueeze(1) * key)
        x = torch.cat([p["user.embedding"][batch["user"].long()], interest, query], 1)
        logit = network(p, "dnn", x, dnn, len(layers), running, training)
        loss = F.binary_cross_entropy_with_logits(logit, batch["label"])
        return {"logit": logit, "loss": loss, "score": scores, "attention": weights}

    def make(dtype):
        data = [typed(batch, dtype) for batch in batches]
        out = prefixed("init", typed(initial, dtype))
        for s, batch in enumerate(data):
            out |= prefixed(f"step{s}", batch)
        for variant in DIN_VARIANTS:
            p, running = (typed(tensors, dtype) for tensors in parts(variant))
            name = variant_name(variant)
            run = lambda *arguments: forward(variant, *arguments)
            found, ends = train(p, data, run, rows_with_history, every_step=False, running=running)
            keep = {key: x for key, x in found.items() if key.startswith("dense/step0/") or
                    not key.endswith(("/score", "/attention"))}
            for mode, (p, statistics) in ends.items():
                keep[f"{mode}/evaluation/logit"] = run(p, data[0], statistics, False)["logit"]
            out |= prefixed(name, keep)
        return out

    for variant in DIN_VARIANTS:
        p, running = parts(variant)
        batch = typed(batches[0], torch.float64)
        fresh = lambda: {name: x.double() for name, x in running.items()}
        check_gradients(lambda p: forward(variant, p, batch, fresh())["loss"], p)
    check_dice(draw)
    metadata = {"tables": TABLES, "width": WIDTH, "attention": hidden, "layers": layers, "batch": len(LENGTHS),
                "momentum": MOMENTUM, "epsilon": EPSILON, "variants": [variant_name(v) for v in DIN_VARIANTS]}
    return metadata, make


def variant_name(variant):
    attention, softmax, dnn = variant
    return f"{attention}-{'softmax' if softmax else 'plain'}-{dnn}"


def check_dice(draw):
    """Against the formula, and running statistics against torch.nn.BatchNorm1d."""
    x, alpha = draw.normal(9, 4).double(), draw.normal(4).double()
    running = torch.stack([torch.zeros(4), torch.ones(4)]).double()
    found = dice(x, alpha, running, True)
    p = 1 / (1 + torch.exp(-(x - x.mean(0)) / (x.var(0, correction=0) + EPSILON).sqrt()))
    torch.testing.assert_close(found, x * (alpha + (1 - alpha) * p))
    norm = torch.nn.BatchNorm1d(4, eps=EPSILON, momentum=MOMENTUM, affine=False).double()
    norm(x)
    torch.testing.assert_close(running, torch.stack([norm.running_mean, norm.running_var]))
