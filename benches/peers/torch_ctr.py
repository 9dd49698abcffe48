"""A training step of DeepFM, DIN or DIEN in DeepCTR-Torch and in PyTorch, timed as examples/throughput.rs times ours.

    python benches/peers/torch_ctr.py din64 folded --threads 2 --history 50

Prints one JSON line: library, config, mode, history, threads and samples per second (median, least and most of the runs).
A config is a model and the width of its embeddings. Samples are rows of MovieLens-1M as clicks (`--data`, a folder
with train.tsv and items.tsv): user, item, genres, hour, weekday, period and day, and item and genres of the
user's latest positives. They are read and shuffled before the clock starts. Batch 1,024, Adam 0.001; DeepFM with a DNN
512-128 and dropout 0.2; DIN with an attention unit of 64 sigmoids and a DNN 512-64 with dropout 0.5; DIEN with those, a
GRU, AUGRU (or `--evolution aigru`) and an auxiliary net 100-50-1 with one sampled negative a step.

Modes:
  deepctr-fit  DeepCTR-Torch's own `fit` without metrics: its L2 over whole tables, its loader
  deepctr      its model; batches by index from one tensor, no L2
  plain        modules of our own, cross-entropy of logits, fused Adam
  folded       plain, with attention's first layer on [q, k, q - k, q * k] as q (A + C) + k (B - C) + (q * k) D
  compiled     folded, under torch.compile; needs a C++ compiler

Needs `pip install torch numpy pandas`, and for DeepCTR-Torch `pip install scikit-learn tqdm` and
`pip install --no-deps deepctr-torch`.
"""

import argparse
import json
import pathlib
import sys
import time
import types

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CONFIGS = {f"{model}{width}": (model, width) for model in ("deepfm", "din", "dien") for width in (64, 16)}
MODES = ["deepctr-fit", "deepctr", "plain", "folded", "compiled"]
BATCH = 1024
BATCHES = 200
FIELDS = ["user", "item", "genre", "hour", "weekday", "period"]
SIZES = {"user": 6034, "item": 3126, "genre": 298, "hour": 24, "weekday": 7, "period": 9}  # item, genre: 0 is padding


def load(data, history):
    """BATCHES batches as a float32 matrix, and labels: six fields, day, length, and four sequences of `history`."""
    rows = pd.read_csv(data / "train.tsv", sep="\t")
    rows = rows.sort_values(["user", "time"], kind="stable").reset_index(drop=True)
    items = pd.read_csv(data / "items.tsv", sep="\t")
    genre = np.zeros(SIZES["item"], np.int64)
    genre[items.item + 1] = items.genres_id + 1
    clicked = rows.item.values[rows.label == 1] + 1  # of all users, one user after another
    before = (rows.label.cumsum() - rows.label).values  # how many of them come before a row
    first = before[np.searchsorted(rows.user, rows.user)]  # and before the user's first row
    random = np.random.default_rng(1)
    picked = random.permutation(len(rows))[: BATCH * BATCHES]
    rows, before, first = rows.iloc[picked], before[picked], first[picked]
    length = np.minimum(before - first, history)
    at = (before - length)[:, None] + np.arange(history)  # oldest first, padding at the end
    valid = np.arange(history) < length[:, None]
    click = np.where(valid, clicked[np.minimum(at, len(clicked) - 1)], 0)
    negative = np.where(valid, random.integers(1, SIZES["item"], valid.shape), 0)
    item = rows.item.values + 1
    fields = [rows.user, item, genre[item], rows.hour, rows.weekday, rows.period, rows.day / 1000, length]
    x = np.hstack([np.column_stack(fields), click, genre[click], negative, genre[negative]]).astype(np.float32)
    return x, rows.label.values.astype(np.float32)


def columns(history):
    """Where the matrix has what, by DeepCTR-Torch's names."""
    where = {name: (i, i + 1) for i, name in enumerate([*FIELDS, "day", "length"])}
    for k, name in enumerate(["hist_item", "hist_genre", "neg_hist_item", "neg_hist_genre"]):
        where[name] = (8 + k * history, 8 + (k + 1) * history)
    return where


def deepctr(model, width, history, augru):
    """DeepCTR-Torch's model and the columns of the matrix that it takes."""
    # It asks the package index for its version when it is imported: leave that out.
    sys.modules["deepctr_torch.utils"] = types.SimpleNamespace(check_version=lambda version: None)
    from deepctr_torch.inputs import DenseFeat, SparseFeat, VarLenSparseFeat
    from deepctr_torch.models import DIEN, DIN, DeepFM

    features = [SparseFeat(field, SIZES[field], embedding_dim=width) for field in FIELDS] + [DenseFeat("day", 1)]
    if model == "deepfm":
        network = DeepFM(features, features, dnn_hidden_units=(512, 128), dnn_dropout=0.2)
    else:
        for kind in ("hist", "neg_hist") if model == "dien" else ("hist",):
            for field in ("item", "genre"):
                one = SparseFeat(f"{kind}_{field}", SIZES[field], embedding_dim=width, embedding_name=field)
                features.append(VarLenSparseFeat(one, history, length_name="length"))
        sizes = {"dnn_hidden_units": (512, 64), "dnn_dropout": 0.5, "att_activation": "sigmoid"}
        if model == "din":
            network = DIN(features, ["item", "genre"], att_hidden_size=(64,), **sizes)
        else:
            kind = {"gru_type": "AUGRU" if augru else "AIGRU", "use_negsampling": True, "alpha": 0.5}
            network = DIEN(features, ["item", "genre"], att_hidden_units=(64,), **kind, **sizes)
    network.compile("adam", "binary_crossentropy")
    where = columns(history)
    return network, np.concatenate([np.arange(*where[name]) for name in network.feature_index])


def layers(sizes, dropout, activation=nn.ReLU):
    found = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        found += [nn.Linear(inputs, outputs), activation(), nn.Dropout(dropout)]
    return nn.Sequential(*found)


class Attention(nn.Module):
    """Weights [B, T] of keys [B, T, E] for a query [B, E]; zero where there is no step."""

    def __init__(self, width, folded, softmax):
        super().__init__()
        self.width, self.folded, self.softmax = width, folded, softmax
        self.hidden, self.score = nn.Linear(4 * width, 64), nn.Linear(64, 1)

    def forward(self, query, key, mask):
        q = query.unsqueeze(1)
        if self.folded:
            a, b, c, d = self.hidden.weight.split(self.width, 1)
            of_query = F.linear(query, a + c, self.hidden.bias).unsqueeze(1)
            sums = of_query + F.linear(key, b - c) + F.linear(q * key, d)
        else:
            sums = self.hidden(torch.cat([q.expand_as(key), key, q - key, q * key], 2))
        scores = self.score(torch.sigmoid(sums)).squeeze(2)
        return scores.masked_fill(~mask, -1e9).softmax(1) * mask if self.softmax else scores * mask


class AUGRU(nn.Module):
    """The last state; the input's part of all gates in one product; a step whose score is 0 keeps the state."""

    def __init__(self, width):
        super().__init__()
        self.input, self.state = nn.Linear(width, 3 * width), nn.Linear(width, 3 * width)

    def forward(self, x, scores):
        h = torch.zeros_like(x[:, 0])
        gates = self.input(x).transpose(0, 1).contiguous().unbind(0)
        for gate, score in zip(gates, scores.t().unsqueeze(2).unbind(0)):
            input_r, input_z, input_n = gate.chunk(3, 1)
            state_r, state_z, state_n = self.state(h).chunk(3, 1)
            n = torch.tanh(input_n + torch.sigmoid(input_r + state_r) * state_n)
            h = torch.lerp(h, n, score * torch.sigmoid(input_z + state_z))
        return h


class Plain(nn.Module):
    """Loss of a batch of ids, days and labels."""

    def __init__(self, model, width, history, folded, augru):
        super().__init__()
        self.model, self.history, self.augru = model, history, augru
        pair, inputs = 2 * width, len(FIELDS) * width + 1
        self.tables = nn.ModuleList(nn.Embedding(SIZES[field], width) for field in FIELDS)
        if model == "deepfm":
            self.first = nn.ModuleList(nn.Embedding(SIZES[field], 1) for field in FIELDS)
            self.first_day = nn.Linear(1, 1)
            self.dnn, last = layers([inputs, 512, 128], 0.2), 128
        else:
            self.attention = Attention(pair, folded, softmax=model == "dien")
            self.dnn, last = layers([inputs + pair, 512, 64], 0.5), 64
        if model == "dien":
            self.extractor = nn.GRU(pair, pair, batch_first=True)
            self.evolution = AUGRU(pair) if augru else nn.GRU(pair, pair, batch_first=True)
            self.auxiliary = nn.Sequential(layers([2 * pair, 100, 50], 0, nn.Sigmoid), nn.Linear(50, 1))
        self.output = nn.Linear(last, 1)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.01)

    def pairs(self, ids):
        """Items, then genres, of a history to [B, T, 2 width]."""
        item, genre = ids.chunk(2, 1)
        return torch.cat([self.tables[1](item), self.tables[2](genre)], 2)

    def interest(self, query, ids):
        """What is pooled from the history, and the auxiliary loss."""
        length, end = ids[:, len(FIELDS)], len(FIELDS) + 1 + 2 * self.history
        mask = torch.arange(self.history) < length.unsqueeze(1)
        key = self.pairs(ids[:, len(FIELDS) + 1 : end])
        if self.model == "din":
            return torch.bmm(self.attention(query, key, mask).unsqueeze(1), key).squeeze(1), 0.0
        states = self.extractor(key)[0]  # padding comes last, so that valid states need no packing
        valid = mask[:, 1:]
        now = states[:, :-1][valid]
        high = self.auxiliary(torch.cat([now, key[:, 1:][valid]], 1))
        low = self.auxiliary(torch.cat([now, self.pairs(ids[:, end:])[:, 1:][valid]], 1))
        auxiliary = 0.25 * (F.softplus(-high).mean() + F.softplus(low).mean())  # 0.5 of the mean over both
        weights = self.attention(query, states, mask)
        if self.augru:
            return self.evolution(states, weights), auxiliary
        evolved = self.evolution(states * weights.unsqueeze(2))[0]
        last = evolved[torch.arange(len(length)), (length - 1).clamp(min=0)]
        return last * (length > 0).unsqueeze(1), auxiliary

    def forward(self, ids, day, labels):
        found = [table(ids[:, f]) for f, table in enumerate(self.tables)]
        auxiliary = 0.0
        if self.model == "deepfm":
            v = torch.stack(found, 1)
            second = 0.5 * (v.sum(1).square() - v.square().sum(1)).sum(1)
            first = sum(table(ids[:, f]) for f, table in enumerate(self.first)) + self.first_day(day)
            logits = (self.output(self.dnn(torch.cat([*found, day], 1))) + first).squeeze(1) + second
        else:
            interest, auxiliary = self.interest(torch.cat(found[1:3], 1), ids)
            logits = self.output(self.dnn(torch.cat([*found, day, interest], 1))).squeeze(1)
        return F.binary_cross_entropy_with_logits(logits, labels) + auxiliary


def contestant(options, x, y):
    """A function from the rows of a batch to its loss, and the optimiser."""
    model, width = CONFIGS[options.config]
    augru, labels = options.evolution == "augru", torch.from_numpy(y)
    if options.mode == "deepctr":
        network, where = deepctr(model, width, options.history, augru)
        inputs = torch.from_numpy(np.ascontiguousarray(x[:, where]))
        network.train()

        def loss(rows):
            predicted = network(inputs[rows]).squeeze(1)
            return (F.binary_cross_entropy(predicted, labels[rows]) + network.aux_loss).sum()

        return loss, network.optim
    ids = torch.from_numpy(np.delete(x, 6, 1).astype(np.int64))
    day = torch.from_numpy(x[:, 6:7].copy())
    network = Plain(model, width, options.history, options.mode != "plain", augru)
    run = torch.compile(network) if options.mode == "compiled" else network
    return lambda rows: run(ids[rows], day[rows], labels[rows]), torch.optim.Adam(network.parameters(), fused=True)


def rates_of_steps(options, x, y):
    """Samples per second of every run, and the last loss."""
    loss_of, optimiser = contestant(options, x, y)
    batches = torch.randperm(len(x)).split(BATCH)
    state = {"at": 0, "loss": 0.0}

    def run(steps):
        start = time.perf_counter()
        for _ in range(steps):
            optimiser.zero_grad(set_to_none=True)
            loss = loss_of(batches[state["at"] % len(batches)])
            loss.backward()
            optimiser.step()
            state["at"] += 1
        state["loss"] = loss.item()
        return steps * BATCH / (time.perf_counter() - start)

    run(3)  # compiles where it has to
    steps = max(3, round(options.seconds * run(3) / BATCH))
    return [run(steps) for _ in range(options.runs)], state["loss"]


def rates_of_fit(options, x, y):
    """The same of `fit`: an epoch over as many rows as fit into the time is a run, the first is not counted."""
    from_steps, _ = rates_of_steps(argparse.Namespace(**vars(options) | {"mode": "deepctr", "runs": 1}), x, y)
    rows = BATCH * int(np.clip(from_steps[0] * options.seconds / BATCH, 3, BATCHES))
    model, width = CONFIGS[options.config]
    network, _ = deepctr(model, width, options.history, options.evolution == "augru")
    from deepctr_torch.callbacks import Callback

    times, losses = [], []

    class Clock(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            times.append(time.perf_counter() - self.start)
            losses.append(float(logs["loss"]))

    where = columns(options.history)
    inputs = {name: x[:rows, slice(*where[name])] for name in network.feature_index}
    epochs = options.runs + 1
    network.fit(inputs, y[:rows], batch_size=BATCH, epochs=epochs, verbose=0, callbacks=[Clock()])
    return [rows / spent for spent in times[1:]], losses[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", choices=CONFIGS)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--history", type=int, default=20, help="the longest history")
    parser.add_argument("--evolution", choices=["augru", "aigru"], default="augru", help="DIEN's second layer")
    parser.add_argument("--threads", type=int, default=0, help="0: PyTorch's own choice")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a timed run")
    parser.add_argument("--runs", type=int, default=3, help="timed runs; the median counts")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data" / "ml-1m-ctr")
    options = parser.parse_args()
    if not (options.data / "train.tsv").is_file():
        parser.error(f"{options.data} has no train.tsv: say with --data where the clicks are")
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(1)

    x, y = load(options.data, options.history)
    run = rates_of_fit if options.mode == "deepctr-fit" else rates_of_steps
    rates, loss = run(options, x, y)
    rates.sort()
    line = {
        "library": f"torch {torch.__version__}",
        "config": options.config,
        "mode": options.mode,
        "history": options.history,
        "mean_history": round(float(x[:, 7].mean()), 2),
        "threads": torch.get_num_threads(),
        "samples_per_s": round(rates[len(rates) // 2]),
        "min": round(rates[0]),
        "max": round(rates[-1]),
        "loss": loss,
    }
    if options.config.startswith("dien"):
        line["evolution"] = options.evolution
    print(json.dumps(line))


main()
