"""CFKG as sections 3.1 and 3.2 of Zhang et al. (SIGIR 2018) have it: head plus relation is the tail, but that a user's vector is what
the interaction leads them to, and that the relation of an attribute leads from it."""

import torch
from torch.nn import functional as F

from ctr_operations import Draw
from ctr_training import STEPS, check_gradients, prefixed, train, typed

USERS, ITEMS, ATTRIBUTES, RELATIONS, FACTORS, BATCH = 8, 13, 5, 3, 18, 25
MARGIN = 1.5
USER, ITEM, ATTRIBUTE = 0, 1, 2


def near(head, relation, tail):
    return -(head + relation - tail).square().sum(1)


def triples(p, batch, tails):
    """Who asks is a user, an item that is related to the tail, or an attribute of it."""
    at = {key: ids.long() for key, ids in batch.items() if key != "asks" and not key.endswith(".weight")}
    tail, relation = p["item.weight"][tails.long()], p["relation.weight"][at["relation"]]
    of_kind = [
        near(p["user.weight"][at["user"]], 0.0, tail),
        near(p["item.weight"][at["head"]], relation, tail),
        near(tail, -relation, p["attribute.weight"][at["attribute"]]),
    ]
    asks = batch["asks"].long()
    return torch.stack(of_kind, 1)[torch.arange(BATCH), asks]


def cfkg():
    draw = Draw(47)
    rows = {"user": USERS, "item": ITEMS, "attribute": ATTRIBUTES, "relation": RELATIONS}
    initial = {f"{name}.weight": draw.normal(count, FACTORS, std=0.3) for name, count in rows.items()}
    batches = []
    for _ in range(STEPS):
        counts = rows | {"negative": ITEMS, "head": ITEMS}
        ids = {name: draw.ids(count, BATCH) for name, count in counts.items()}
        asks = draw.ids(3, BATCH)
        asks[:3] = torch.tensor([USER, ITEM, ATTRIBUTE])
        # A negative is another item: distances of one from itself say nothing.
        same = ids["negative"] == ids["item"]
        ids["negative"][same] = (ids["item"][same] + 1) % ITEMS
        weights = {"user": asks == USER, "head": asks == ITEM, "attribute": asks == ATTRIBUTE, "relation": asks != USER}
        batches.append(ids | {"asks": asks} | {f"{name}.weight": which.float() for name, which in weights.items()})

    def make(dtype):
        p0, out = typed(initial, dtype), prefixed("init", typed(initial, dtype))
        for s, batch in enumerate(batches):
            out |= prefixed(f"step{s}", typed(batch, dtype))
        for name in ("margin", "bpr"):

            def forward(p, batch, running):
                apart = triples(p, batch, batch["item"]) - triples(p, batch, batch["negative"])
                each = F.relu(MARGIN - apart) if name == "margin" else F.softplus(-apart)
                # Users alone are scored; others count for nothing, as their ids do.
                users = batch["user.weight"].to(dtype)[:, None] * p["user.weight"][batch["user"].long()]
                logit = near(users, 0.0, p["item.weight"][batch["item"].long()])
                return {"logit": logit, "loss": each.mean()[None]}

            if dtype == torch.float64:
                check_gradients(lambda p: forward(p, typed(batches[0], torch.float64), None)["loss"], initial)
            found, _ = train(p0, batches, forward, lambda batch: None, every_step=True)
            out |= prefixed(name, {key: x for key, x in found.items() if key.startswith("dense/")})
        return out

    sizes = {"users": USERS, "items": ITEMS, "attributes": ATTRIBUTES, "relations": RELATIONS}
    return {**sizes, "factors": FACTORS, "batch": BATCH, "margin": MARGIN}, make
