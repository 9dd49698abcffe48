"""Recurrent layers, the auxiliary loss, and DIEN made of them."""

import torch
from torch.nn import functional as F

from ctr_histories import TABLES, WIDTH, embed, history_batches, rows_with_history
from ctr_operations import (
    LENGTHS,
    Draw,
    attention_scores,
    auxiliary,
    network,
    recurrent,
    samples,
    softmax_by_sample,
)
from ctr_training import check_gradients, gradients_of, prefixed, train, typed

KINDS = ["gru", "aigru", "agru", "augru"]


def recurrent_file():
    draw, inputs, hidden = Draw(3), 5, 4
    offsets = draw.offsets(0)
    steps = int(offsets[-1])
    given = {"input": draw.normal(steps, inputs), "score": draw.uniform(steps)} | draw.gru("", inputs, hidden)
    functional = {"functional/states": draw.normal(steps, hidden), "functional/last": draw.normal(len(LENGTHS), hidden)}

    def value(kind, p, weigh):
        states, last = recurrent(p, "", kind, p["input"], p["score"], offsets)
        return (states * weigh["functional/states"]).sum() + (last * weigh["functional/last"]).sum(), states, last

    def make(dtype):
        p = {name: x.clone().requires_grad_() for name, x in typed(given, dtype).items()}
        weigh = typed(functional, dtype)
        out = {"offsets": offsets} | p | weigh
        for kind in KINDS:
            result, states, last = value(kind, p, weigh)
            out |= {f"{kind}/value": result, f"{kind}/states": states, f"{kind}/last": last}
            used = {name: x for name, x in p.items() if name != "score" or kind != "gru"}
            out |= {f"{kind}/grad/{name}": g for name, g in gradients_of(result, used).items()}
        return out

    wide = typed(functional, torch.float64)
    for kind in KINDS:
        check_gradients(lambda p: value(kind, p, wide)[0], given)
    check_gru(typed(given, torch.float64), offsets, inputs, hidden)
    return {"inputs": inputs, "hidden": hidden, "batch": len(LENGTHS)}, make


def check_gru(given, offsets, inputs, hidden):
    """Our loop against torch.nn.GRU, history by history; AIGRU and AUGRU with scores of 1 against GRU."""
    gru = torch.nn.GRU(inputs, hidden).double()
    gru.load_state_dict({f"{name}_l0": given[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")})
    states, last = recurrent(given, "", "gru", given["input"], given["score"], offsets)
    for s, steps in enumerate(samples(offsets)):
        if steps.start < steps.stop:
            found, end = gru(given["input"][steps])
            torch.testing.assert_close(states[steps], found)
            torch.testing.assert_close(last[s], end[0])
    ones = torch.ones_like(given["score"])
    torch.testing.assert_close(recurrent(given, "", "aigru", given["input"], ones, offsets)[0], states)
    # The gate that moves is 1 - the gate that keeps, so its weights are the negatives.
    sign = torch.ones(3 * hidden, 1).double()
    sign[hidden : 2 * hidden] = -1
    turned = {name: x * (sign if x.dim() == 2 else sign[:, 0]) for name, x in given.items() if "_" in name}
    torch.testing.assert_close(recurrent(turned, "", "augru", given["input"], ones, offsets)[0], states)


def auxiliary_parameters(draw, inputs, sizes):
    p = {}
    for k, (inputs, outputs) in enumerate(zip([inputs, *sizes], sizes)):
        p |= draw.layer(f"auxiliary.{k}", inputs, outputs)
    return p | draw.layer("auxiliary.output", sizes[-1], 1)


def auxiliary_file():
    draw, hidden, width, sizes = Draw(4), 4, 5, [7, 5]
    offsets = draw.offsets(0)
    steps = int(offsets[-1])
    given = {"states": draw.normal(steps, hidden), "clicked": draw.normal(steps, width),
             "negative": draw.normal(steps, width)} | auxiliary_parameters(draw, hidden + width, sizes)
    run = lambda p: auxiliary(p, p["states"], p["clicked"], p["negative"], offsets, len(sizes))

    def make(dtype):
        p = {name: x.clone().requires_grad_() for name, x in typed(given, dtype).items()}
        loss, positive, negative = run(p)
        out = {"offsets": offsets, "loss": loss, "logit/clicked": positive, "logit/negative": negative} | p
        return out | {f"grad/{name}": g for name, g in gradients_of(loss, p).items()}

    check_gradients(lambda p: run(p)[0], given)
    loss, positive, negative = run(typed(given, torch.float64))
    by_hand = -(torch.sigmoid(positive).log() + (1 - torch.sigmoid(negative)).log()).sum() / len(positive)
    torch.testing.assert_close(loss, by_hand)
    assert len(positive) == sum(max(length - 1, 0) for length in LENGTHS)
    return {"hidden": hidden, "width": width, "layers": sizes, "batch": len(LENGTHS)}, make


def dien():
    draw, hidden, sizes, layers, weight = Draw(5), [6], [7, 5], [9, 7], 0.5
    pair = 2 * WIDTH
    initial = {f"{name}.embedding": draw.normal(rows, WIDTH, std=0.6) for name, rows in TABLES.items()}
    initial |= draw.gru("extractor.", pair, pair) | draw.gru("evolution.", pair, pair)
    initial |= draw.layer("attention.0", 4 * pair, hidden[0]) | draw.layer("attention.output", hidden[0], 1, bias=False)
    initial |= auxiliary_parameters(draw, 2 * pair, sizes)
    for k, (inputs, outputs) in enumerate(zip([WIDTH + 2 * pair, *layers], layers)):
        initial |= draw.layer(f"dnn.{k}", inputs, outputs)
    initial |= draw.layer("dnn.output", layers[-1], 1)
    batches = history_batches(draw, negatives=True)

    def forward(p, batch, _=None):
        query, key, negative = (embed(p, batch, prefix) for prefix in ("", "history.", "negative."))
        offsets = batch["offsets"]
        states, _ = recurrent(p, "extractor.", "gru", key, None, offsets)
        scores = attention_scores(p, query, states, offsets, "sigmoid", len(hidden))
        weights = softmax_by_sample(scores, offsets)
        _, interest = recurrent(p, "evolution.", "augru", states, weights, offsets)
        x = torch.cat([p["user.embedding"][batch["user"].long()], interest, query], 1)
        logit = network(p, "dnn", x, "relu", len(layers))
        loss = F.binary_cross_entropy_with_logits(logit, batch["label"])
        aux = auxiliary(p, states, key, negative, offsets, len(sizes))[0]
        return {"logit": logit, "loss": loss, "auxiliary": aux, "attention": weights, "interest": interest,
                "objective": loss + weight * aux}

    def make(dtype):
        p0, data = typed(initial, dtype), [typed(batch, dtype) for batch in batches]
        out, _ = train(p0, data, forward, rows_with_history, every_step=True)
        out |= prefixed("init", p0)
        for s, batch in enumerate(data):
            out |= prefixed(f"step{s}", batch)
        return out

    batch = typed(batches[0], torch.float64)
    check_gradients(lambda p: forward(p, batch)["objective"], initial)
    metadata = {"tables": TABLES, "width": WIDTH, "attention": hidden, "auxiliary": sizes, "auxiliary_weight": weight,
                "layers": layers, "batch": len(LENGTHS)}
    return metadata, make
