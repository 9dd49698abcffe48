"""Makes the golden vectors of the click-through models with PyTorch: README.md says what each tensor is.

    pip install torch numpy safetensors
    python tests/golden/make_ctr.py

Made with torch 2.15.0, numpy 2.4.6 and safetensors 0.8.0 on an x86-64 CPU. Everything is computed in float64 and stored
as float32; parameters and inputs are rounded to float32 first, so that a reader in float32 begins with the same numbers.
Nothing is written unless all checks hold: gradients against finite differences, GRU against torch.nn.GRU, FM against
the sum over pairs, Dice against its formula, Adam against torch.optim.Adam, and all of it against the same in float32,
so that no number stands at a kink or is what cancellation left.
"""

import json
import pathlib

import numpy as np
import safetensors
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from ctr_operations import (
    EPSILON,
    LENGTHS,
    MOMENTUM,
    Draw,
    attention_scores,
    auxiliary,
    dice,
    network,
    recurrent,
    sample_of_step,
    samples,
    second_order,
    softmax_by_sample,
)

HERE = pathlib.Path(__file__).resolve().parent
STEPS = 3
ADAM = {"lr": 0.003, "betas": [0.9, 0.999], "eps": 1e-8}


# --- training ---


def is_table(name):
    return name.endswith((".embedding", ".first"))


class Adam:
    """`rows` says which rows of a table move; None is all of them."""

    def __init__(self, parameters):
        self.moments = {name: [torch.zeros_like(x), torch.zeros_like(x)] for name, x in parameters.items()}
        self.step = 0

    def update(self, parameters, gradients, rows):
        self.step += 1
        beta1, beta2 = ADAM["betas"]
        for name, x in parameters.items():
            at = rows[name] if rows and is_table(name) else slice(None)
            g = gradients[name][at]
            m, v = (moment[at] for moment in self.moments[name])
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
            self.moments[name][0][at], self.moments[name][1][at] = m, v
            root = v.sqrt() / (1 - beta2**self.step) ** 0.5
            x[at] = x[at] - ADAM["lr"] / (1 - beta1**self.step) * m / (root + ADAM["eps"])


def gradients_of(loss, parameters):
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return {name: torch.zeros_like(x) if g is None else g for (name, x), g in zip(parameters.items(), found)}


def train(initial, batches, forward, rows_of, every_step, running=None):
    """Dense and lazy training. `forward(parameters, batch, running)` gives what is stored, and among it `loss`, or
    `objective` where that is something else. Gradients and parameters are stored at every step, or only the first
    step's gradients and the last step's parameters. Also gives what each mode ends with."""
    out, ends = {}, {}
    for mode in ("dense", "lazy"):
        p = {name: x.clone().requires_grad_() for name, x in initial.items()}
        adam, statistics = Adam(initial), {name: x.clone() for name, x in (running or {}).items()}
        for s, batch in enumerate(batches):
            found = forward(p, batch, statistics)
            gradients = gradients_of(found.pop("objective", found["loss"]), p)
            if every_step or s == 0:
                found |= {f"grad/{name}": g for name, g in gradients.items()}
            before = found if (mode, s) != ("lazy", 0) else {}  # lazy begins where dense does
            with torch.no_grad():
                adam.update(p, gradients, rows_of(batch) if mode == "lazy" else None)
            after = {f"after/{name}": x for name, x in p.items()} if every_step or s == len(batches) - 1 else {}
            after |= {f"running/{name}.{key}": x for name, pair in statistics.items() for key, x in
                      zip(("mean", "variance"), pair)}
            out |= {f"{mode}/step{s}/{key}": x.detach().clone() for key, x in (before | after).items()}
        ends[mode] = {name: x.detach() for name, x in p.items()}, statistics
    return out, ends


def typed(tensors, dtype):
    return {name: x.to(dtype) if x.is_floating_point() else x for name, x in tensors.items()}


def prefixed(prefix, tensors):
    return {f"{prefix}/{name}": x for name, x in tensors.items()}


def check_gradients(f, tensors):
    """Finite differences of a scalar function of named tensors, in float64."""
    names = list(tensors)
    inputs = [x.detach().double().clone().requires_grad_() for x in tensors.values()]
    torch.autograd.gradcheck(lambda *values: f(dict(zip(names, values))), inputs, atol=1e-7, rtol=1e-5)


# --- files: each function gives metadata and a function from a dtype to the tensors ---

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


TABLES = {"user": 11, "item": 13, "category": 5}
WIDTH = 3  # of an embedding; an item and its category make a vector of twice that


def history_batches(draw, negatives):
    """Batches of a user, a candidate and a ragged history of items and categories."""
    batches = []
    for s in range(STEPS):
        offsets = draw.offsets(s)
        steps = int(offsets[-1])
        batch = {name: draw.ids(rows, len(LENGTHS)) for name, rows in TABLES.items()}
        batch |= {"offsets": offsets, "label": draw.labels(len(LENGTHS))}
        for name in ("item", "category"):
            batch[f"history.{name}"] = draw.ids(TABLES[name], steps)
            if negatives:
                batch[f"negative.{name}"] = draw.ids(TABLES[name], steps)
                first = offsets[:-1][offsets[1:] > offsets[:-1]].long()  # has no pair
                batch[f"negative.{name}"][first] = batch[f"history.{name}"][first]
        batches.append(batch)
    return batches


def embed(p, batch, prefix=""):
    """[item, category] vectors."""
    return torch.cat([p[f"{name}.embedding"][batch[f"{prefix}{name}"].long()] for name in ("item", "category")], 1)


def rows_with_history(batch):
    rows = {}
    for name in TABLES:
        ids = [ids for key, ids in batch.items() if key.split(".")[-1] == name]
        rows[f"{name}.embedding"] = torch.cat(ids).long().unique()
    return rows


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


def check_adam():
    """Dense Adam against torch.optim.Adam."""
    draw = Draw(9)
    ours = {"x": draw.normal(5, 3).double()}
    theirs = ours["x"].clone().requires_grad_()
    adam, optimizer = Adam(ours), torch.optim.Adam([theirs], **ADAM)
    for _ in range(STEPS):
        theirs.grad = draw.normal(5, 3).double()
        adam.update(ours, {"x": theirs.grad}, None)
        optimizer.step()
    torch.testing.assert_close(ours["x"], theirs.detach())


def check_float32(wide, narrow):
    """How far float32 is off, relative to each tensor's largest magnitude: the worst."""
    worst = (0.0, "")
    for name, x in wide.items():
        if x.is_floating_point():
            largest = x.detach().abs().max().item()
            assert largest > 0, f"{name} is zero"
            worst = max(worst, ((x - narrow[name]).detach().abs().max().item() / largest, name))
    assert worst[0] < 2e-6, f"float32 is off by {worst[0]:.1e} in {worst[1]}: choose another seed"
    return worst


def write(name, metadata, make):
    wide = make(torch.float64)
    error, where = check_float32(wide, make(torch.float32))
    metadata = {"model": name, "steps": STEPS, **ADAM, **metadata}
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    text |= {"torch": torch.__version__, "numpy": np.__version__, "safetensors": safetensors.__version__}
    path = HERE / f"{name}.safetensors"
    save_file({key: x.detach().contiguous() for key, x in typed(wide, torch.float32).items()}, path, text)
    size = path.stat().st_size / 1024
    print(f"{path.name}: {len(wide)} tensors, {size:.0f} KiB; float32 is off by {error:.1e} ({where})")


def main():
    torch.set_num_threads(1)
    check_adam()
    normed = lambda: deepfm("batch_norm_relu")
    files = {"deepfm": deepfm, "deepfm_batch_norm": normed, "din": din, "recurrent": recurrent_file, "auxiliary": auxiliary_file, "dien": dien}
    for name, file in files.items():
        write(name, *file())


main()
