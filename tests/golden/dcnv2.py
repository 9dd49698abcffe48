"""Makes dcnv2.safetensors: three training steps of DCN-v2 in both structures, by numpy in float64 alone.

    pip install numpy
    python tests/golden/dcnv2.py

Gradients are derived by hand here too, one sample at a time and from the paper's equations (Wang et al., WWW 2021, 1 to 3),
and nothing is written unless finite differences of the loss agree with every number of them, at the first parameters and
on all batches. Parameters and inputs are rounded to float32 before anything is computed, and what is stored is float32.

Fields, numbers, batches, `dense` and `lazy` are as in deepfm.safetensors (README.md). A VARIANT is `stacked`, `parallel` or
`low_rank` (parallel, with weights of rank `rank`).

    VARIANT/init/NAME                    a parameter before the first step
    step{s}/ids, /numeric, /label        the batches
    VARIANT/{dense,lazy}/step{s}/...     logit, loss and grad/NAME before the step, after/NAME behind it

With d columns of all embeddings and the numbers in x0, `cross.{l}.weight` is [d, d] and `cross.{l}.bias` [d]; of rank r they
are [d, r] with `cross.{l}.down.weight` [r, d]. `dnn.{k}` are ReLU layers, `dnn.output` maps the last to one column. In
`parallel` and `low_rank` the logit is dnn.output of the hidden layers over x0 plus `cross.output.weight` [1, d] of the last
cross layer; in `stacked` the hidden layers read the last cross layer.
"""

import json
import pathlib
import struct

import numpy as np

FIELDS = {"user": 13, "item": 17, "genre": 5, "hour": 8, "period": 3}
DIM, NUMBERS, CROSS, RANK, HIDDEN, BATCH, STEPS = 3, 2, 2, 4, [7, 5], 16, 3
ADAM = {"lr": 0.003, "betas": [0.9, 0.999], "eps": 1e-8}
VARIANTS = {"stacked": ("stacked", None), "parallel": ("parallel", None), "low_rank": ("parallel", RANK)}
D = len(FIELDS) * DIM + NUMBERS


def narrow(x):
    return np.asarray(x, np.float32).astype(np.float64)


def parameters(rng, structure, rank):
    draw = lambda std, *shape: narrow(std * rng.standard_normal(shape))
    p = {f"{field}.embedding": draw(0.4, rows, DIM) for field, rows in FIELDS.items()}
    for layer in range(CROSS):
        if rank:
            p[f"cross.{layer}.down.weight"] = draw(1 / D**0.5, rank, D)
        p[f"cross.{layer}.weight"] = draw(1 / (rank or D) ** 0.5, D, rank or D)
        p[f"cross.{layer}.bias"] = draw(0.3, D)
    if structure == "parallel":
        p["cross.output.weight"] = draw(1 / D**0.5, 1, D)
    for k, (inputs, outputs) in enumerate(zip([D, *HIDDEN], [*HIDDEN, 1])):
        name = f"dnn.{k}" if k < len(HIDDEN) else "dnn.output"
        p[f"{name}.weight"] = draw(1.2 / inputs**0.5, outputs, inputs)
        p[f"{name}.bias"] = draw(0.3, outputs)
    return p


def batches(rng):
    """A few ids are frequent, as in real data."""
    made = []
    for _ in range(STEPS):
        ids = [np.minimum((rows + 1.0) ** rng.random(BATCH) - 1, rows - 1).astype(np.int32) for rows in FIELDS.values()]
        numbers, label = narrow(rng.standard_normal((BATCH, NUMBERS))), (rng.random(BATCH) < 0.4).astype(np.float64)
        made.append({"ids": np.stack(ids, 1), "numeric": numbers, "label": label})
    return made


def forward(p, structure, rank, ids, numbers):
    """One sample: the logit, and what the way back needs."""
    x0 = np.concatenate([p[f"{field}.embedding"][i] for field, i in zip(FIELDS, ids)] + [numbers])
    xs, us = [x0], []
    for layer in range(CROSS):
        mapped = p[f"cross.{layer}.down.weight"] @ xs[-1] if rank else xs[-1]
        us.append((mapped, p[f"cross.{layer}.weight"] @ mapped + p[f"cross.{layer}.bias"]))
        xs.append(x0 * us[-1][1] + xs[-1])
    hs = [xs[-1] if structure == "stacked" else x0]
    for k in range(len(HIDDEN)):
        hs.append(np.maximum(p[f"dnn.{k}.weight"] @ hs[-1] + p[f"dnn.{k}.bias"], 0))
    logit = p["dnn.output.weight"][0] @ hs[-1] + p["dnn.output.bias"][0]
    if structure == "parallel":
        logit += p["cross.output.weight"][0] @ xs[-1]
    return logit, (xs, us, hs)


def backward(p, structure, rank, ids, d_logit, kept, g):
    """Adds a sample's gradients to `g`, from that of its logit."""
    xs, us, hs = kept
    x0 = xs[0]
    d_x0, d_x = np.zeros(D), np.zeros(D)
    if structure == "parallel":
        g["cross.output.weight"][0] += d_logit * xs[-1]
        d_x = d_x + d_logit * p["cross.output.weight"][0]
    g["dnn.output.weight"][0] += d_logit * hs[-1]
    g["dnn.output.bias"][0] += d_logit
    d_h = d_logit * p["dnn.output.weight"][0]
    for k in reversed(range(len(HIDDEN))):
        d_h = d_h * (hs[k + 1] > 0)
        g[f"dnn.{k}.weight"] += np.outer(d_h, hs[k])
        g[f"dnn.{k}.bias"] += d_h
        d_h = p[f"dnn.{k}.weight"].T @ d_h
    if structure == "stacked":
        d_x = d_x + d_h
    else:
        d_x0 = d_x0 + d_h
    for layer in reversed(range(CROSS)):
        mapped, u = us[layer]
        delta = d_x * x0
        d_x0 = d_x0 + d_x * u
        g[f"cross.{layer}.weight"] += np.outer(delta, mapped)
        g[f"cross.{layer}.bias"] += delta
        d_mapped = p[f"cross.{layer}.weight"].T @ delta
        if rank:
            g[f"cross.{layer}.down.weight"] += np.outer(d_mapped, xs[layer])
            d_mapped = p[f"cross.{layer}.down.weight"].T @ d_mapped
        d_x = d_x + d_mapped
    d_x0 = d_x0 + d_x
    for at, (field, i) in enumerate(zip(FIELDS, ids)):
        g[f"{field}.embedding"][i] += d_x0[at * DIM : (at + 1) * DIM]


def loss_of(logit, label):
    return np.logaddexp(0, logit) - label * logit


def step(p, structure, rank, batch):
    """Logits, the mean loss, and the gradients of that."""
    g = {name: np.zeros_like(x) for name, x in p.items()}
    logits, losses = [], []
    for ids, numbers, label in zip(batch["ids"], batch["numeric"], batch["label"]):
        logit, kept = forward(p, structure, rank, ids, numbers)
        backward(p, structure, rank, ids, (1 / (1 + np.exp(-logit)) - label) / BATCH, kept, g)
        logits.append(logit)
        losses.append(loss_of(logit, label))
    return np.array(logits), np.mean(losses), g


def check_gradients(p, structure, rank, batch):
    """Central differences of the loss in every number of every parameter."""
    _, _, g = step(p, structure, rank, batch)

    def loss():
        samples = zip(batch["ids"], batch["numeric"], batch["label"])
        return np.mean([loss_of(forward(p, structure, rank, i, n)[0], y) for i, n, y in samples])

    worst, h = 0.0, 1e-6
    for name, x in p.items():
        for at in np.ndindex(x.shape):
            before = x[at]
            x[at] = before + h
            above = loss()
            x[at] = before - h
            below = loss()
            x[at] = before
            worst = max(worst, abs((above - below) / (2 * h) - g[name][at]))
    assert worst < 1e-8, f"{structure}, rank {rank}: gradients are off by {worst}"
    return worst


def train(p, structure, rank, data, lazy):
    """Adam on all rows, or on those of tables that the batch has; moments and bias corrections count all steps."""
    (beta1, beta2), out = ADAM["betas"], {}
    m = {name: np.zeros_like(x) for name, x in p.items()}
    v = {name: np.zeros_like(x) for name, x in p.items()}
    for s, batch in enumerate(data):
        logits, loss, g = step(p, structure, rank, batch)
        if not (lazy and s == 0):  # lazy begins where dense does
            out |= {f"step{s}/logit": logits, f"step{s}/loss": np.array([loss])}
            out |= {f"step{s}/grad/{name}": x for name, x in g.items()}
        rows = {f"{field}.embedding": np.unique(batch["ids"][:, at]) for at, field in enumerate(FIELDS)}
        for name, x in p.items():
            at = rows[name] if lazy and name in rows else slice(None)
            m[name][at] = beta1 * m[name][at] + (1 - beta1) * g[name][at]
            v[name][at] = beta2 * v[name][at] + (1 - beta2) * g[name][at] ** 2
            mean, square = m[name][at] / (1 - beta1 ** (s + 1)), v[name][at] / (1 - beta2 ** (s + 1))
            x[at] -= ADAM["lr"] * mean / (np.sqrt(square) + ADAM["eps"])
        out |= {f"step{s}/after/{name}": x.copy() for name, x in p.items()}
    return out


def save(path, tensors, metadata):
    """The format of safetensors: a length, a JSON header, the bytes of all tensors."""
    header, blobs, end = {"__metadata__": metadata}, [], 0
    for name, x in tensors.items():
        kind, x = ("I32", x.astype("<i4")) if x.dtype == np.int32 else ("F32", x.astype("<f4"))
        header[name] = {"dtype": kind, "shape": list(x.shape), "data_offsets": [end, end + x.nbytes]}
        blobs.append(x.tobytes())
        end += x.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def main():
    rng = np.random.default_rng(11)
    data, tensors = batches(rng), {}
    for s, batch in enumerate(data):
        tensors |= {f"step{s}/{name}": x for name, x in batch.items()}
    for name, (structure, rank) in VARIANTS.items():
        initial = parameters(rng, structure, rank)
        worst = max(check_gradients(initial, structure, rank, batch) for batch in data)
        print(f"{name}: gradients are those of finite differences within {worst:.1e}")
        tensors |= {f"{name}/init/{param}": x.copy() for param, x in initial.items()}
        for mode in ("dense", "lazy"):
            p = {param: x.copy() for param, x in initial.items()}
            found = train(p, structure, rank, data, mode == "lazy")
            tensors |= {f"{name}/{mode}/{key}": x for key, x in found.items()}
    sizes = {"fields": FIELDS, "numeric": NUMBERS, "embedding_dim": DIM, "cross": CROSS, "rank": RANK, "layers": HIDDEN}
    metadata = {key: json.dumps(value) for key, value in {**sizes, "batch": BATCH, "steps": STEPS, **ADAM}.items()}
    metadata |= {"model": "dcnv2", "numpy": np.__version__}
    save(pathlib.Path(__file__).with_suffix(".safetensors"), tensors, metadata)


main()
