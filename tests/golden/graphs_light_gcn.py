"""LightGCN with a dense matrix, as equations 7, 8, 4 and 15 of He et al. (SIGIR 2020) have it."""

import torch
from torch.nn import functional as F

from ctr_operations import Draw
from ctr_training import STEPS, check_gradients, prefixed, train, typed
from graphs_losses import softmax

USERS, ITEMS, FACTORS, BATCH = 11, 14, 18, 21
LAYERS = {"bpr": 3, "softmax": 1}
L2 = 0.02
SOFTMAX = {"similarity": "cosine", "temperature": 0.2, "log_sum": 0.84, "block": 64}


def adjacency(pairs, relations, weights, dtype):
    """D^-1/2 A D^-1/2, users before items; nodes without an edge have rows of zeros."""
    a = torch.zeros(USERS + ITEMS, USERS + ITEMS, dtype=dtype)
    for user, item in pairs.tolist():
        a[user, USERS + item] = a[USERS + item, user] = 1.0
    for (one, other), weight in zip(relations.tolist(), weights):
        a[USERS + one, USERS + other] = a[USERS + other, USERS + one] = weight
    degree = a.sum(1)
    scale = torch.where(degree > 0, degree, torch.ones_like(degree)).rsqrt()
    return scale[:, None] * a * scale[None]


def propagated(p, a, layers):
    all_layers = [torch.cat([p["user.weight"], p["item.weight"]])]
    for _ in range(layers):
        all_layers.append(a @ all_layers[-1])
    return torch.stack(all_layers).mean(0).split([USERS, ITEMS])


def light_gcn():
    draw = Draw(33)
    initial = {"user.weight": draw.normal(USERS, FACTORS, std=0.4), "item.weight": draw.normal(ITEMS, FACTORS, std=0.4)}
    # The last user and the last item have no edge.
    pairs = torch.stack([draw.ids(USERS - 1, 40), draw.ids(ITEMS - 1, 40)], 1).unique(dim=0)
    relations = torch.tensor([[0, 5], [1, 12], [5, 7], [9, 11]], dtype=torch.int32)
    weights = 2 * draw.uniform(len(relations))
    batches = []
    for _ in range(STEPS):
        ids = {name: draw.ids(rows, BATCH) for name, rows in (("user", USERS), ("item", ITEMS), ("negative", ITEMS))}
        ids["negative"][0], ids["user"][1] = ITEMS - 1, USERS - 1
        batches.append(ids)

    def make(dtype):
        p0, none = typed(initial, dtype), relations[:0]
        graphs = {
            "bpr": adjacency(pairs, none, [], dtype),
            "softmax": adjacency(pairs, relations, weights.to(dtype), dtype),
        }
        out = {"pairs": pairs.flatten(), "relations": relations.flatten(), "relations.weight": weights.to(dtype)}
        out |= prefixed("init", p0)
        for s, batch in enumerate(batches):
            out |= prefixed(f"step{s}", batch)
        for name, graph in graphs.items():

            def forward(p, batch, running):
                users, items = propagated(p, graph, LAYERS[name])
                at = {key: ids.long() for key, ids in batch.items()}
                u, v, n = users[at["user"]], items[at["item"]], items[at["negative"]]
                logit = (u * v).sum(1)
                if name == "softmax":
                    lists = {"item": batch["item"], "log_q": torch.zeros(BATCH, dtype=dtype)}
                    loss = softmax(u, v, lists, **SOFTMAX).mean()
                    return {"logit": logit, "loss": loss[None]}
                loss = -F.logsigmoid(logit - (u * n).sum(1)).mean()
                own = (p["user.weight"][at["user"]], p["item.weight"][at["item"]], p["item.weight"][at["negative"]])
                penalty = L2 / 2 * sum(x.square().sum() for x in own) / BATCH
                return {"logit": logit, "loss": loss[None], "objective": loss + penalty}

            def objective(p):
                found = forward(p, batches[0], None)
                return found.get("objective", found["loss"])

            if dtype == torch.float64:
                check_gradients(objective, initial)
            found, ends = train(p0, batches, forward, lambda batch: None, every_step=True)
            dense = {key: x for key, x in found.items() if key.startswith("dense/")}
            users, items = propagated(ends["dense"][0], graph, LAYERS[name])
            out |= prefixed(name, dense | {"propagated/user": users, "propagated/item": items})
        return out

    sizes = {"users": USERS, "items": ITEMS, "factors": FACTORS, "batch": BATCH}
    return {**sizes, "layers": LAYERS, "l2": L2, "softmax": SOFTMAX}, make
