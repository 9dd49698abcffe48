"""What make_ctr.py makes its vectors of: random inputs, and the operations of the click-through models in PyTorch,
written for one sample or step at a time where that is plainer.

Ragged histories lie behind one another: sample `s` has the steps `offsets[s]..offsets[s + 1]`. Parameters are in a
dictionary `p` under the names that the files have for them.
"""

import numpy as np
import torch
from torch.nn import functional as F

MOMENTUM, EPSILON = 0.1, 1e-8  # of running statistics, and of the normalisation in Dice
NORM_EPSILON = 1e-5  # of batch normalisation by itself
LENGTHS = [3, 0, 7, 1, 5, 2, 4, 6, 7, 2, 3, 5, 6, 4, 7, 5]  # of histories; each step of training deals them out anew


class Draw:
    """Random inputs, rounded to float32."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def normal(self, *shape, std=1.0):
        return torch.from_numpy((std * self.rng.standard_normal(shape)).astype(np.float32))

    def uniform(self, *shape):
        return torch.from_numpy(self.rng.uniform(0.05, 0.95, shape).astype(np.float32))

    def labels(self, samples):
        return torch.from_numpy((self.rng.random(samples) < 0.4).astype(np.float32))

    def ids(self, rows, *shape):
        """A few ids are frequent, as in real data."""
        return torch.from_numpy(((rows + 1.0) ** self.rng.random(shape) - 1).astype(np.int32)).clamp(max=rows - 1)

    def offsets(self, step):
        lengths = LENGTHS if step == 0 else self.rng.permutation(LENGTHS)
        return torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))

    def layer(self, name, inputs, outputs, bias=True):
        """A linear layer; its bias is not zero, so that forgetting it shows.

        Attention is steep: under softmax, units that are nearly linear have gradients that cancel to nearly nothing."""
        gain = 3.0 if name.startswith("attention") else 1.2
        weight = self.normal(outputs, inputs, std=gain / inputs**0.5)
        return {f"{name}.weight": weight} | ({f"{name}.bias": self.normal(outputs, std=0.3)} if bias else {})

    def gru(self, name, inputs, hidden):
        weights = {"weight_ih": (3 * hidden, inputs), "weight_hh": (3 * hidden, hidden)}
        biases = {"bias_ih": (3 * hidden,), "bias_hh": (3 * hidden,)}
        return {f"{name}{key}": self.normal(*shape, std=0.5) for key, shape in (weights | biases).items()}


# --- operations ---


def linear(p, name, x):
    return F.linear(x, p[f"{name}.weight"], p.get(f"{name}.bias"))


def second_order(v):
    """FM of embeddings [B, F, k] in linear time."""
    return 0.5 * (v.sum(1).square() - v.square().sum(1)).sum(1)


def samples(offsets):
    """The steps of every sample as a slice."""
    return [slice(a, b) for a, b in zip(offsets.tolist(), offsets.tolist()[1:])]


def sample_of_step(offsets):
    lengths = (offsets[1:] - offsets[:-1]).long()
    return torch.repeat_interleave(torch.arange(len(lengths)), lengths)


def dice(x, alpha, running, training):
    """`running` [2, width]: mean and variance, moved as torch.nn.BatchNorm1d moves them."""
    p = torch.sigmoid(F.batch_norm(x, running[0], running[1], None, None, training, MOMENTUM, EPSILON))
    return p * x + (1 - p) * alpha * x


def activate(p, name, x, kind, running, training):
    if kind == "sigmoid":
        return torch.sigmoid(x)
    if kind == "relu":
        return torch.relu(x)
    if kind == "batch_norm_relu":
        name = f"{name}.norm"
        weight, bias, (mean, variance) = p[f"{name}.weight"], p[f"{name}.bias"], running[name]
        return torch.relu(F.batch_norm(x, mean, variance, weight, bias, training, MOMENTUM, NORM_EPSILON))
    if kind == "prelu":
        return torch.where(x > 0, x, p[f"{name}.alpha"] * x)
    return dice(x, p[f"{name}.alpha"], running[name], training)


def network(p, name, x, kind, layers, running=None, training=True):
    """`layers` hidden layers and a linear output of width 1: [rows]."""
    for k in range(layers):
        x = activate(p, f"{name}.{k}", linear(p, f"{name}.{k}", x), kind, running, training)
    return linear(p, f"{name}.output", x).squeeze(1)


def attention_scores(p, query, key, offsets, kind, layers, running=None, training=True):
    q = query[sample_of_step(offsets)]
    return network(p, "attention", torch.cat([q, key, q - key, q * key], 1), kind, layers, running, training)


def softmax_by_sample(scores, offsets):
    return torch.cat([torch.softmax(scores[steps], 0) for steps in samples(offsets)])


def recurrent(p, name, kind, x, scores, offsets):
    """States [steps, h] and last states [B, h], zero where there is no step."""
    hidden = p[f"{name}weight_hh"].shape[1]
    states, last = [], []
    for steps in samples(offsets):
        h = x.new_zeros(hidden)
        for t in range(steps.start, steps.stop):
            step = x[t] * scores[t] if kind == "aigru" else x[t]
            from_input = F.linear(step, p[f"{name}weight_ih"], p[f"{name}bias_ih"]).chunk(3)
            from_state = F.linear(h, p[f"{name}weight_hh"], p[f"{name}bias_hh"]).chunk(3)
            r = torch.sigmoid(from_input[0] + from_state[0])
            z = torch.sigmoid(from_input[1] + from_state[1])
            n = torch.tanh(from_input[2] + r * from_state[2])
            if kind in ("gru", "aigru"):
                h = (1 - z) * n + z * h  # torch.nn.GRU: z keeps
            elif kind == "agru":
                h = (1 - scores[t]) * h + scores[t] * n
            else:
                h = (1 - scores[t] * z) * h + scores[t] * z * n  # DIEN: the update gate moves
            states.append(h)
        last.append(h)
    return torch.stack(states), torch.stack(last)


def auxiliary(p, states, clicked, negative, offsets, layers):
    """The loss, and the logits of all pairs with clicked and with negative items."""
    now = torch.cat([torch.arange(steps.start, max(steps.start, steps.stop - 1)) for steps in samples(offsets)])
    logit = lambda item: network(p, "auxiliary", torch.cat([states[now], item[now + 1]], 1), "sigmoid", layers)
    positive, negative = logit(clicked), logit(negative)
    return (F.softplus(-positive) + F.softplus(negative)).mean(), positive, negative
