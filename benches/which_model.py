#!/usr/bin/env python3
"""The table of the guide's page "Which model?", from the measured figures in benches/measured. Standard library alone.

    python3 benches/which_model.py                        # writes the table into src/guide/which_model.rs, between its marks
    python3 benches/which_model.py measure DATA [MODEL]   # first runs the examples among cost.csv's commands and writes what they took

`measure` runs the examples that `cargo build --release --examples` has made, in the folder DATA with the data sets, and takes what
they say of an epoch and the most memory that the process had. The other files are written by hand, with what benches/README.md
has; `cargo test --test published which_model` holds the page against all of them, and them against the code.
"""

import csv
import datetime
import os
import pathlib
import re
import shlex
import subprocess
import sys

BENCHES = pathlib.Path(__file__).resolve().parent
MEASURED = BENCHES / "measured"
PAGE = BENCHES.parent / "src/guide/which_model.rs"
BEGIN, END = "//! <!-- made by benches/which_model.py -->\n", "//! <!-- end -->\n"
HEADER = ["Model", "Needs", "Accuracy (published)", "An epoch", "Memory", "New user; new item", "Reasons", "Runs on"]
EXAMPLES = ["train_ncf", "train_next", "train_graph", "train_ctr"]


def rows(name):
    with open(MEASURED / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def first(figures):
    """The first of the figures that a task has, as `0.7328 / 0.4547`."""
    return figures.split(" / ")[0]


def of_accuracy(row):
    published = f"&nbsp;({first(row['published'])})" if row["published"] else ""
    return f"{row['task']} {first(row['here'])}{published}"


def of_epoch(row):
    parts = [row["seconds"] and f"{row['seconds']} s", row["rate"] and f"{row['rate']}/s"]
    parts = [part.replace(" ", "&nbsp;") for part in parts if part]
    return f"{row['of']}: {', '.join(parts)}" if parts else ""


def line(cells):
    return "//! | " + " | ".join(cells) + " |"


def table():
    accuracy, cost = rows("accuracy"), rows("cost")
    yield line(HEADER)
    yield line(["---"] * len(HEADER))
    for model in rows("models"):
        own = lambda measured: [row for row in measured if row["model"] == model["model"]]
        feature = f"; `{model['feature']}`" if model["feature"] else ""
        yield line([
            f"[{model['model']}](crate::{model['path']})",
            model["needs"],
            "<br>".join(of_accuracy(row) for row in own(accuracy)),
            "<br>".join(filter(None, (of_epoch(row) for row in own(cost)))),
            "<br>".join(f"{row['peak_mb']}&nbsp;MB" for row in own(cost) if row["peak_mb"]),
            f"{model['new_user']}; {model['new_item']}",
            model["reasons"] or "none",
            model["runs_on"] + feature,
        ])
    yield "//!"
    yield "//! | Task | Figure, the first of | How |"
    yield "//! |---|---|---|"
    for task in rows("tasks"):
        yield line([task["task"], task["metric"], task["how"]])


def write_page():
    text = PAGE.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    PAGE.write_text(text[:begin] + "".join(row + "\n" for row in table()) + text[end:])


def number(text):
    """Of `1.25M`, `57k` or `950`."""
    scale = {"k": 1e3, "M": 1e6}.get(text[-1], 1.0)
    return float(text.rstrip("kM")) * scale


def short(value):
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def run(command, data):
    """What a command says, and the most MB that it had."""
    name, *arguments = shlex.split(command)
    program = BENCHES.parent / "target/release/examples" / name
    with subprocess.Popen([program, *arguments], cwd=data, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command}: {said}"
    return said, usage.ru_maxrss / 1000  # KiB on Linux


def measure(row, data):
    said, megabytes = run(row["command"], data)
    epochs = re.findall(r"^epoch +\d+ .* ([\d.]+[kM]?) samples/s$", said, re.M)
    rate = number(epochs[-1]) if epochs else None  # the first has what is made once
    total = re.search(r": (\d+) epochs? and ([\d.]+[kM]?) samples in", said)
    rows_read = re.search(r"^(\d+) training rows", said, re.M)
    fitted = re.search(r" fitted in ([\d.]+) s on", said)
    if total:
        seconds = number(total[2]) / int(total[1]) / rate
    elif rows_read:
        seconds = int(rows_read[1]) / rate
    else:
        seconds = float(fitted[1]) / max(len(epochs), 1)
    row["seconds"] = short(seconds)
    row["rate"] = epochs[-1].replace("k", " k").replace("M", " M") if epochs else ""
    row["peak_mb"] = f"{megabytes:.0f}"
    row["date"] = datetime.date.today().isoformat()
    row["commit"] = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=BENCHES, text=True).strip()


def measure_all(data, only):
    cost = rows("cost")
    for row in cost:
        is_example = row["command"].split(" ")[0] in EXAMPLES
        if is_example and only in ("", row["model"]):
            measure(row, data)
            print(row["model"], row["seconds"], "s", row["rate"], row["peak_mb"], "MB", flush=True)
    with open(MEASURED / "cost.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, cost[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(cost)


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            pass
        case ["measure", data, *only] if len(only) <= 1:
            measure_all(data, "".join(only))
        case _:
            sys.exit(__doc__)
    write_page()
