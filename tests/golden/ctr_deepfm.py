"""Logistic regression, a factorisation machine and DeepFM."""

import torch
from torch.nn import functional as F

from ctr_operations import Draw, network, second_order
from ctr_training import STEPS, check_gradients, gradients_of, prefixed, train, typed

FIELDS = {"user": 13, "item": 17, "genre": 5, "hour": 8, "period": 3}


def deepfm(unit="relu"):
    normed = unit == "batch_norm_relu"
    draw, k, numeric, layers, count = Draw(2 if normed else 1), 6, 2, [10, 7], 16
    initial = {f"{field}.embedding": draw.normal(rows, k, std=0.4) for field, rows in FIELDS.items()}
    initial |= {f"{field}.first": draw.normal(rows, 1, std=0.4) for field, rows in FIELDS.items()}
    initial |= {"numeric.first.weight": draw.normal(1, numeric, std=0.4), "bias": draw.normal(1, std=0.4)}
    for n, (inputs, outputs) in enumerate(zip([len(FIELDS) * k + numeric, *layers], layers)):
        initial |= draw.layer(f"dnn.{n}", inputs, outputs, bias=not normed)
        if normed:
            initial |= {f"dnn.{n}.norm.weight": 1 + draw.normal(outputs, std=0.3)}
            initial |= {f"dnn.{n}.norm.bias": draw.normal(outputs, std=0.3)}
    initial |= draw.layer("dnn.output", layers[-1], 1)
    batches = [
        {
            "ids": torch.stack([draw.ids(rows, count) for rows in FIELDS.values()], 1),
            "numeric": draw.normal(count, numeric),
            "label": draw.labels(count),
        }
        for _ in range(STEPS)
    ]

    def statistics(dtype):
        if not normed:
            return {}
        return {f"dnn.{n}.norm": torch.stack([torch.zeros(width), torch.ones(width)]).to(dtype)
                for n, width in enumerate(layers)}

    def terms(p, batch, running, training=True):
        columns = list(zip(FIELDS, batch["ids"].long().unbind(1)))
        v = torch.stack([p[f"{field}.embedding"][ids] for field, ids in columns], 1)
        first = sum(p[f"{field}.first"][ids, 0] for field, ids in columns)
        first = first + F.linear(batch["numeric"], p["numeric.first.weight"]).squeeze(1) + p["bias"]
        x = torch.cat([v.flatten(1), batch["numeric"]], 1)
        dnn = network(p, "dnn", x, unit, len(layers), running, training)
        return first, second_order(v), dnn, v

    def result(logit, batch):
        return {"logit": logit, "loss": F.binary_cross_entropy_with_logits(logit, batch["label"])}

    def rows_of(batch):
        rows = {field: ids.long().unique() for field, ids in zip(FIELDS, batch["ids"].unbind(1))}
        return {f"{field}.{kind}": r for field, r in rows.items() for kind in ("embedding", "first")}

    def make(dtype):
        p0, data = typed(initial, dtype), [typed(batch, dtype) for batch in batches]

        def forward(p, batch, running):
            in_use = sum(terms(p, batch, running, training=False)[:3])  # before the statistics move
            return result(sum(terms(p, batch, running)[:3]), batch) | {"logit": in_use}

        out, _ = train(p0, data, forward, rows_of, every_step=True, running=statistics(dtype))
        out |= prefixed("init", p0)
        for s, batch in enumerate(data):
            out |= prefixed(f"step{s}", batch)
        p = {name: x.clone().requires_grad_() for name, x in p0.items()}
        if normed:
            return out
        out |= prefixed("term", dict(zip(("first", "fm", "dnn"), terms(p, data[0], {}))))
        for name, count_of_terms in {"lr": 1, "fm": 2}.items():
            found = result(sum(terms(p, data[0], {})[:count_of_terms]), data[0])
            used = {n: x for n, x in p.items() if not n.startswith("dnn") and (name == "fm" or "embedding" not in n)}
            found |= {f"grad/{n}": g for n, g in gradients_of(found["loss"], used).items()}
            out |= prefixed(name, found)
        return out

    batch = typed(batches[0], torch.float64)
    fresh = lambda: statistics(torch.float64)
    check_gradients(lambda p: result(sum(terms(p, batch, fresh())[:3]), batch)["loss"], initial)
    _, pairs, _, v = terms(typed(initial, torch.float64), batch, fresh())
    by_pairs = sum((v[:, f] * v[:, g]).sum(1) for f in range(v.shape[1]) for g in range(f))
    torch.testing.assert_close(pairs, by_pairs)
    metadata = {"fields": FIELDS, "numeric": numeric, "factors": k, "layers": layers, "batch": count}
    return metadata, make
