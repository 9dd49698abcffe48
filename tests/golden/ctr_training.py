"""What every file of training steps shares: dense and lazy Adam, and the check of gradients."""

import torch

from ctr_operations import Draw

STEPS = 3
ADAM = {"lr": 0.003, "betas": [0.9, 0.999], "eps": 1e-8}


class Adam:
    """`rows` says which rows of the tables that it names move; None is all of them."""

    def __init__(self, parameters):
        self.moments = {name: [torch.zeros_like(x), torch.zeros_like(x)] for name, x in parameters.items()}
        self.step = 0

    def update(self, parameters, gradients, rows):
        self.step += 1
        beta1, beta2 = ADAM["betas"]
        for name, x in parameters.items():
            at = rows[name] if rows and name in rows else slice(None)
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
