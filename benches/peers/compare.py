"""Runs our training step and the peers' in turn and prints the ratios.

    python benches/peers/compare.py                          PyTorch, all four workloads
    python benches/peers/compare.py --burn ndarray,wgpu      burn as well (built first: minutes)
    python benches/peers/compare.py paper8 --rounds 5 --threads 2

To be run with a Python that has torch (`pip install torch numpy`), on a machine that does nothing else. Everybody runs once
a round, one after the other, so that a slow minute of the machine hits all alike; medians over the rounds count. Each
process measures the median of three runs of its own.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CONFIGS = ["paper8", "paper8b16k", "paper64", "nvidia64"]
TORCH_MODES = ["eager", "fused", "sparse", "compiled", "compiled-sparse"]
# Whose optimiser moves the rows of the batch alone; all others move every row at every step.
LAZY = {"lazy", "sparse", "compiled-sparse"}


def build(folder, *arguments):
    """Builds with cargo in a folder and gives the folder of the programs."""
    subprocess.run(["cargo", "build", "--release", *arguments], cwd=folder, check=True)
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    told = subprocess.run(metadata, cwd=folder, check=True, capture_output=True, text=True).stdout
    return pathlib.Path(json.loads(told)["target_directory"]) / "release"


def contestants(config, options, ours, burn):
    """Name, mode and command of everybody."""
    for threads in options.threads:
        for mode in ("lazy", "dense"):
            command = [ours / "examples" / "throughput", config, "--optimizer", mode, "--threads", str(threads)]
            yield f"pocketrec, {threads} threads", mode, command
        for mode in options.torch:
            command = [sys.executable, HERE / "torch_neumf.py", config, mode, "--threads", str(threads)]
            yield f"torch, {threads} threads", mode, [*command, "--seconds", str(options.seconds)]
    for backend in options.burn:
        # A step of burn's takes about as long as PyTorch's; large batches need few.
        steps = "200" if config in ("paper8", "paper64") else "10"
        yield "burn", backend, [burn / "burn-neumf", config, backend, "--steps", steps]


def measure(command, limit):
    """Samples per second, or the last line of what went wrong."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True)
        return json.loads(done.stdout.splitlines()[-1])["samples_per_s"]
    except subprocess.TimeoutExpired:
        return f"more than {limit} s"
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["failed without a word"]
        return lines[-1][:100]


def compare(config, options, ours, burn):
    everybody = list(contestants(config, options, ours, burn))
    rates = {(name, mode): [] for name, mode, _ in everybody}
    failed = {}
    for _ in range(options.rounds):
        for name, mode, command in everybody:
            if (name, mode) in failed:
                continue
            rate = measure(command, options.limit)
            if isinstance(rate, str):
                failed[name, mode] = rate
            else:
                rates[name, mode].append(rate)
    medians = {key: statistics.median(values) for key, values in rates.items() if values}

    print(f"\n### {config}\n")
    print("| who | mode | samples/s, median of rounds | least | most | best of ours with that optimiser / this |")
    print("|---|---|---|---|---|---|")
    for (name, mode), values in rates.items():
        if not values:
            print(f"| {name} | {mode} | {failed[name, mode]} | | | |")
            continue
        median = medians[name, mode]
        same = [m for (n, k), m in medians.items() if n.startswith("pocketrec") and (k in LAZY) == (mode in LAZY)]
        ratio = f"{max(same) / median:.2f}" if same else ""
        print(f"| {name} | {mode} | {median:,.0f} | {min(values):,.0f} | {max(values):,.0f} | {ratio} |")
    ours_best = max((m for (n, _), m in medians.items() if n.startswith("pocketrec")), default=0)
    for library in ("torch", "burn"):
        best = max(((m, k) for (n, k), m in medians.items() if n.startswith(library)), default=None)
        if best and ours_best:
            print(f"\nbest of ours / best of {library} ({best[1]}): **{ours_best / best[0]:.2f}**")
    sys.stdout.flush()


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not there"


def describe():
    processor = platform.processor() or platform.machine()
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    torch = output_of(sys.executable, "-c", "import torch; print(torch.__version__)")
    commit = output_of("git", "describe", "--always", "--dirty")
    print(f"{processor}, {os.cpu_count()} cores; {output_of('rustc', '--version')}; torch {torch}; ", end="")
    print(f"commit {commit}; {datetime.date.today()}")
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(f"**load average {os.getloadavg()[0]:.1f}: this machine does other things, the numbers are not worth much**")


def main():
    words = lambda text: [word for word in text.split(",") if word]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", metavar="CONFIG", help=f"{', '.join(CONFIGS)}; all by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=lambda text: [int(word) for word in words(text)], default=[1, os.cpu_count()])
    parser.add_argument("--torch", type=words, default=TORCH_MODES, help="modes of torch_neumf.py; '' for none")
    parser.add_argument("--burn", type=words, default=[], help="backends of burn: ndarray, cpu, wgpu")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a timed run of PyTorch's")
    parser.add_argument("--limit", type=int, default=300, help="seconds after which a process is given up")
    options = parser.parse_args()
    unknown = [config for config in options.configs if config not in CONFIGS]
    if unknown:
        parser.error(f"no such config: {', '.join(unknown)}")
    ours = build(ROOT, "--example", "throughput")
    burn = build(HERE / "burn", "--no-default-features", "--features", ",".join(options.burn)) if options.burn else None
    options.threads = list(dict.fromkeys(options.threads))
    describe()
    for config in options.configs or CONFIGS:
        compare(config, options, ours, burn)


main()
