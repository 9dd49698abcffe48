"""Losses over lists and pairs, of MF's vectors: softmax over the samples of a block, against a list, margin and CCL."""

import torch
from torch.nn import functional as F

from ctr_operations import Draw
from ctr_training import check_gradients, gradients_of, prefixed, typed

USERS, ITEMS, FACTORS, BATCH, LISTED = 9, 11, 19, 23, 6

# By the names of the fields of pocketrec::models' settings.
SOFTMAX = {
    "softmax": {"similarity": "cosine", "temperature": 0.2, "block": 64},
    "softmax_blocks": {"similarity": "dot", "temperature": 0.75, "block": 7},
    "softmax_bsl": {"similarity": "cosine", "temperature": 0.15, "log_sum": 0.84, "block": 64, "leaves_out_same": False},
    "softmax_log_q": {"similarity": "dot", "temperature": 1.25, "block": 64, "corrects": True},
    "softmax_weighted": {"similarity": "cosine", "temperature": 0.3, "log_sum": 1.5, "block": 9, "corrects": True},
}
SAMPLED = {
    "sampled": {"similarity": "cosine", "temperature": 0.2, "candidates": LISTED},
    "sampled_all": {"similarity": "dot", "temperature": 1.0, "candidates": None},
    "sampled_weighted": {"similarity": "dot", "temperature": 0.75, "log_sum": 0.84, "candidates": LISTED},
}
MARGIN = {"margin": {"margin": 0.5}, "margin_weighted": {"margin": 1.25}}
CCL = {"ccl": {"margin": 0.1, "weight": 1.5}, "ccl_weighted": {"margin": -0.2, "weight": 3.0}}


def scores(queries, candidates, similarity):
    """Every query with every candidate."""
    if similarity == "dot":
        return queries @ candidates.T
    return F.cosine_similarity(queries[:, None], candidates[None], dim=-1)


def cross_entropy(own, exponents, log_sum):
    """-own + log_sum ln(sum of exp(exponents)), a row each; the exponents of what is left out are -inf."""
    if log_sum == 1.0:  # then PyTorch's own: the first column is the target, and what it has there is put right
        target = torch.zeros(len(own), dtype=torch.long)
        return F.cross_entropy(exponents, target, reduction="none") + exponents[:, 0] - own
    return log_sum * exponents.logsumexp(1) - own


def softmax(u, v, batch, temperature, block, similarity, log_sum=1.0, leaves_out_same=True, corrects=False):
    losses = []
    for u, v, items, log_q in zip(*(x.split(block) for x in (u, v, batch["item"], batch["log_q"]))):
        for i in range(len(u)):
            logits = scores(u[i : i + 1], v, similarity) / temperature
            others = torch.tensor([j for j in range(len(u)) if j != i and not (leaves_out_same and items[j] == items[i])])
            there = torch.cat([torch.tensor([i]), others.long()])
            exponents = logits - log_q if corrects else logits
            losses.append(cross_entropy(logits[:, i], exponents[:, there], log_sum))
    return torch.cat(losses)


def sampled_softmax(u, v, listed, items, list_items, temperature, similarity, log_sum=1.0):
    losses = []
    for i in range(len(u)):
        others = listed[(list_items != items[i]).nonzero()[:, 0]]
        logits = scores(u[i : i + 1], torch.cat([v[i : i + 1], others]), similarity) / temperature
        losses.append(cross_entropy(logits[:, 0], logits, log_sum))
    return torch.cat(losses)


def forward(p, batch, name):
    """What is scored, and the loss of each sample."""
    users, items = p["user.weight"], p["item.weight"]
    at = {key: batch[key].long() for key in ("user", "item", "negative", "listed")}
    u, v, n = users[at["user"]], items[at["item"]], items[at["negative"]]
    dot = (u * v).sum(1)
    if name in SOFTMAX:
        return dot, softmax(u, v, batch, **SOFTMAX[name])
    if name in SAMPLED:
        setting = {key: x for key, x in SAMPLED[name].items() if key != "candidates"}
        list_items = at["listed"] if SAMPLED[name]["candidates"] else torch.arange(ITEMS)
        return dot, sampled_softmax(u, v, items[list_items], at["item"], list_items, **setting)
    if name in MARGIN:
        bias = p["item.bias"][:, 0]
        x, y = dot + bias[at["item"]], (u * n).sum(1) + bias[at["negative"]]
        ones = torch.ones_like(x)
        return x, F.margin_ranking_loss(x, y, ones, margin=MARGIN[name]["margin"], reduction="none")
    x, y = F.cosine_similarity(u, v), F.cosine_similarity(u, n)
    return x, (1 - x) + CCL[name]["weight"] * F.relu(y - CCL[name]["margin"])


def losses_file():
    draw = Draw(31)
    initial = {
        "user.weight": draw.normal(USERS, FACTORS, std=0.4),
        "item.weight": draw.normal(ITEMS, FACTORS, std=0.4),
        "item.bias": draw.normal(ITEMS, 1, std=0.3),
    }
    batch = {"user": draw.ids(USERS, BATCH), "item": draw.ids(ITEMS, BATCH), "negative": draw.ids(ITEMS, BATCH)}
    batch |= {"listed": draw.ids(ITEMS, LISTED), "log_q": draw.normal(BATCH, std=0.8), "weight": 2 * draw.uniform(BATCH)}
    batch["weight"][3] = 0.0
    assert len(set(batch["item"].tolist())) < BATCH and len(set(batch["listed"].tolist())) < LISTED
    variants = [*SOFTMAX, *SAMPLED, *MARGIN, *CCL]

    def make(dtype):
        out = prefixed("init", typed(initial, dtype)) | typed(batch, dtype)
        data = typed(batch, dtype)
        for name in variants:
            p = {key: x.clone().requires_grad_() for key, x in typed(initial, dtype).items()}
            weights = data["weight"] if name.endswith("_weighted") else torch.ones(BATCH, dtype=dtype)
            loss_of = lambda p: (weights * forward(p, data, name)[1]).sum() / BATCH
            if dtype == torch.float64:
                check_gradients(loss_of, initial)
            loss = loss_of(p)
            found = {f"grad/{key}": g for key, g in gradients_of(loss, p).items() if "bias" not in key or name in MARGIN}
            out |= prefixed(name, {"logit": forward(p, data, name)[0], "loss": loss[None]} | found)
        return out

    settings = {"softmax": SOFTMAX, "sampled": SAMPLED, "margin": MARGIN, "ccl": CCL}
    sizes = {"users": USERS, "items": ITEMS, "factors": FACTORS, "batch": BATCH}
    return {**sizes, **settings}, make
