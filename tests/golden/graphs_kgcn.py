"""KGCN of Wang et al. (WWW 2019), section 3 with one hop and the sum aggregator, a sample at a time: equations 1 to 3 weigh an
item's neighbours by the user, 4 brings both together, and 6 and 7 score. The last layer's activation is tanh, as in the authors'
code. Items and the neighbours of items have tables of their own.
"""

import torch
from torch.nn import functional as F

from ctr_operations import Draw, samples
from ctr_training import STEPS, check_gradients, prefixed, train, typed

USERS, ITEMS, ENTITIES, RELATIONS, WIDTH = 9, 12, 15, 4, 10


def forward(p, batch, running):
    logits, weights = [], []
    for s, here in enumerate(samples(batch["offsets"])):
        user, own = p["user.weight"][int(batch["user"][s])], p["item.weight"][int(batch["item"][s])]
        relations, entities = (p[f"{name}.weight"][batch[name][here].long()] for name in ("relation", "entity"))
        pi = torch.softmax(relations @ user, 0)
        weights.append(pi)
        seen = torch.tanh(p["aggregate.weight"] @ (own + pi @ entities) + p["aggregate.bias"])
        logits.append(user @ seen)
    logit = torch.stack(logits)
    loss = F.binary_cross_entropy_with_logits(logit, batch["label"].to(logit.dtype))
    return {"logit": logit, "loss": loss[None], "attention": torch.cat(weights)}


def kgcn():
    draw = Draw(37)
    tables = {"user": USERS, "item": ITEMS, "relation": RELATIONS, "entity": ENTITIES}
    initial = {f"{name}.weight": draw.normal(rows, WIDTH, std=0.6) for name, rows in tables.items()}
    initial |= draw.layer("aggregate", WIDTH, WIDTH)
    batches = []
    for s in range(STEPS):
        offsets = draw.offsets(s)
        size, steps = len(offsets) - 1, int(offsets[-1])
        batches.append({
            "offsets": offsets,
            "user": draw.ids(USERS, size),
            "item": draw.ids(ITEMS, size),
            "relation": draw.ids(RELATIONS, steps),
            "entity": draw.ids(ENTITIES, steps),
            "label": draw.labels(size),
        })

    def rows_of(batch):
        return {f"{name}.weight": batch[name].long().unique() for name in tables}

    def make(dtype):
        p0 = typed(initial, dtype)
        out = prefixed("init", p0)
        for s, batch in enumerate(batches):
            out |= prefixed(f"step{s}", typed(batch, dtype))
        if dtype == torch.float64:
            check_gradients(lambda p: forward(p, batches[0], None)["loss"], initial)
        return out | train(p0, batches, forward, rows_of, every_step=True)[0]

    return {"tables": tables, "width": WIDTH}, make
