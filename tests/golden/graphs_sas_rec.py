"""SASRec of Kang and McAuley (ICDM 2018), section III, on histories padded at the left as in the authors' code, without
dropout, with a softmax over all items or over a list.

As in the authors' code, normalised queries attend to keys and values that are not normalised, and what comes out is added to
the queries; what is behind attention is normalised, and what comes out of its layers is added to that.
"""

import torch
from torch.nn import functional as F

from ctr_operations import Draw, linear, samples
from ctr_training import STEPS, check_gradients, prefixed, train, typed

ITEMS, WIDTH, HEADS, BLOCKS, LENGTH, LISTED, EPSILON = 13, 12, 2, 2, 7, 5, 1e-8
FAR = -(2.0**32) + 1  # the score of what is not to be read, as in the authors' code


def layer_norm(p, name, x):
    return F.layer_norm(x, (WIDTH,), p[f"{name}.weight"], p[f"{name}.bias"], EPSILON)


def attention(p, name, queries, x, mask):
    split = lambda x: x.unflatten(2, (HEADS, WIDTH // HEADS)).transpose(1, 2)
    q, k, v = linear(p, f"{name}.query", queries), linear(p, f"{name}.key", x), linear(p, f"{name}.value", x)
    readable = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril() & mask[:, None, None]
    scores = torch.zeros(readable.shape, dtype=x.dtype).masked_fill(~readable, FAR)
    read = F.scaled_dot_product_attention(split(q), split(k), split(v), attn_mask=scores)
    return read.transpose(1, 2).flatten(2)


def states(p, batch):
    """What is liked after each step, `[steps, width]`, and where each sample's last step is."""
    steps = samples(batch["offsets"])
    seq = torch.zeros(len(steps), LENGTH, dtype=torch.long)
    mask = torch.zeros(len(steps), LENGTH, dtype=torch.bool)
    for s, here in enumerate(steps):
        length = here.stop - here.start
        seq[s, LENGTH - length :] = batch["seen"][here].long()
        mask[s, LENGTH - length :] = True
    only = mask[:, :, None].to(p["item.weight"].dtype)
    x = (p["item.weight"][seq] + p["position.weight"]) * only
    for block in range(BLOCKS):
        name = f"block.{block}"
        queries = layer_norm(p, f"{name}.attention_norm", x)
        x = queries + attention(p, name, queries, x, mask)
        x = layer_norm(p, f"{name}.forward_norm", x)
        x = (x + linear(p, f"{name}.forward.1", torch.relu(linear(p, f"{name}.forward.0", x)))) * only
    return layer_norm(p, "norm", x)[mask]


def forward(p, batch, listed):
    found, items = states(p, batch), p["item.weight"]
    own = (found * items[batch["next"].long()]).sum(1)
    last = [own[here.stop - 1] if here.stop > here.start else own.new_zeros(()) for here in samples(batch["offsets"])]
    if listed is None:
        loss = F.cross_entropy(found @ items.T, batch["next"].long())
    else:
        same = batch["next"][:, None] == listed[None]
        others = (found @ items[listed.long()].T).masked_fill(same, -torch.inf)
        loss = F.cross_entropy(torch.cat([own[:, None], others], 1), torch.zeros(len(own), dtype=torch.long))
    return {"logit": torch.stack(last), "loss": loss[None]}


def sas_rec():
    draw = Draw(34)
    initial = {"item.weight": draw.normal(ITEMS, WIDTH, std=0.5), "position.weight": draw.normal(LENGTH, WIDTH, std=0.5)}
    norm = lambda name: {f"{name}.weight": 1 + draw.normal(WIDTH, std=0.2), f"{name}.bias": draw.normal(WIDTH, std=0.2)}
    for block in range(BLOCKS):
        name = f"block.{block}"
        initial |= norm(f"{name}.attention_norm") | draw.layer(f"{name}.query", WIDTH, WIDTH)
        initial |= draw.layer(f"{name}.key", WIDTH, WIDTH, bias=False) | draw.layer(f"{name}.value", WIDTH, WIDTH)
        initial |= norm(f"{name}.forward_norm")
        initial |= draw.layer(f"{name}.forward.0", WIDTH, WIDTH) | draw.layer(f"{name}.forward.1", WIDTH, WIDTH)
    initial |= norm("norm")
    batches = []
    for s in range(STEPS):
        offsets = draw.offsets(s)
        paths = [draw.ids(ITEMS, here.stop - here.start + 1) for here in samples(offsets)]
        position = [torch.arange(LENGTH + 1 - len(path), LENGTH, dtype=torch.int32) for path in paths]
        batches.append({
            "offsets": offsets,
            "seen": torch.cat([path[:-1] for path in paths]),
            "position": torch.cat(position),
            "next": torch.cat([path[1:] for path in paths]),
            "listed": draw.ids(ITEMS, LISTED),
        })

    def make(dtype):
        p0 = typed(initial, dtype)
        out = prefixed("init", p0)
        for s, batch in enumerate(batches):
            out |= prefixed(f"step{s}", batch)
        for variant in ("all", "listed"):
            listed = lambda batch: batch["listed"] if variant == "listed" else None
            of = lambda p, batch, running: forward(p, batch, listed(batch))

            def rows_of(batch):
                listed = batch["listed"] if variant == "listed" else torch.arange(ITEMS)
                items = torch.cat([batch["seen"], batch["next"], listed])
                return {"item.weight": items.long().unique(), "position.weight": batch["position"].long().unique()}

            if dtype == torch.float64:
                check_gradients(lambda p: of(p, batches[0], None)["loss"], initial)
            found, _ = train(p0, batches, of, rows_of, every_step=False)
            out |= prefixed(variant, found)
        return out

    sizes = {"items": ITEMS, "width": WIDTH, "heads": HEADS, "blocks": BLOCKS, "length": LENGTH}
    return sizes, make
