"""Runs our training step and the peers' in turn and prints the ratios.

    python benches/peers/compare.py                          PyTorch, all four workloads of NeuMF
    python benches/peers/compare.py ctr --history 20,50      DeepFM, DIN and DIEN; DeepCTR-Torch as well
    python benches/peers/compare.py --burn ndarray,wgpu      burn as well (built first: minutes)
    python benches/peers/compare.py --gpu gpu                on a graphics card: ours in f32 and mixed, PyTorch with TF32
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
GPU_CONFIGS = ["nvidia64b1m", "nvidia64b4k"]
CTR_CONFIGS = [f"{model}{width}" for model in ("deepfm", "din", "dien") for width in (64, 16)]
CTR_MODES = ["deepctr-fit", "deepctr", "plain", "folded", "compiled"]
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


def gpu_contestants(config, options, ours):
    """The same on a graphics card."""
    for mode in ("lazy", "dense"):
        command = [ours / "examples" / "throughput", config, "--optimizer", mode, "--device"]
        yield "pocketrec, f32", mode, [*command, options.gpu]
        yield "pocketrec, mixed", mode, [*command, f"{options.gpu}+mixed"]
    for mode in options.torch:
        command = [sys.executable, HERE / "torch_neumf.py", config, mode, "--device", options.cuda]
        command += ["--tf32"] if options.cuda != "cpu" else []
        yield f"torch, {options.cuda}", mode, [*command, "--seconds", str(options.seconds)]


def ctr_contestants(config, history, options, ours):
    """The same for a click-through model: torch_ctr.py says what its modes are."""
    for threads in options.threads:
        common = ["--threads", str(threads), "--history", str(history)]
        for mode in ("lazy", "dense"):
            command = [ours / "examples" / "throughput", config, "--optimizer", mode, *common]
            yield f"pocketrec, {threads} threads", mode, command
        for mode in options.ctr:
            if config.startswith("deepfm") and mode == "folded":
                continue  # has no attention
            library = "deepctr" if mode.startswith("deepctr") else "torch"
            command = [sys.executable, HERE / "torch_ctr.py", config, mode, *common, "--seconds", str(options.seconds)]
            command += ["--data", options.data] if options.data else []
            yield f"{library}, {threads} threads", mode, command


def measure(command, limit):
    """Samples per second, or the last line of what went wrong."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True)
        return json.loads(done.stdout.splitlines()[-1])["samples_per_s"]
    except subprocess.TimeoutExpired:
        return f"more than {limit} s"
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["failed without a word"]
        refused = next((line for line in lines if line.startswith("error: invalid value")), None)
        if refused and command[0].name == "throughput":
            return f"examples/throughput.rs does not know this workload: {refused}"
        return lines[-1][:200]


def compare(title, everybody, options):
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

    print(f"\n### {title}\n")
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
    for library in ("torch", "deepctr", "burn"):
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
    numbers = lambda text: [int(word) for word in words(text)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = f"{', '.join(CONFIGS)} (by default), {', '.join(CTR_CONFIGS)}; ctr: all of the latter"
    parser.add_argument("configs", nargs="*", metavar="CONFIG", help=known)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=numbers, default=[1, os.cpu_count()])
    parser.add_argument("--torch", type=words, default=TORCH_MODES, help="modes of torch_neumf.py; '' for none")
    parser.add_argument("--ctr", type=words, default=CTR_MODES, help="modes of torch_ctr.py; '' for none")
    parser.add_argument("--history", type=numbers, default=[20], help="of DIN and DIEN: the longest, as in 20,50")
    parser.add_argument("--data", help="the clicks that torch_ctr.py reads")
    parser.add_argument("--burn", type=words, default=[], help="backends of burn: ndarray, cpu, wgpu")
    parser.add_argument("--gpu", help="compare on this graphics device of ours: gpu, or a part of its name")
    parser.add_argument("--cuda", default="cuda", help="with --gpu: PyTorch's device beside it")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a timed run of PyTorch's")
    parser.add_argument("--limit", type=int, default=300, help="seconds after which a process is given up")
    options = parser.parse_args()
    all_of = lambda config: CTR_CONFIGS if config == "ctr" else [config]
    configs = [one for config in options.configs or (GPU_CONFIGS if options.gpu else CONFIGS) for one in all_of(config)]
    unknown = [config for config in configs if config not in CONFIGS + GPU_CONFIGS + CTR_CONFIGS]
    if options.gpu and any(config in CTR_CONFIGS for config in configs):
        parser.error("--gpu compares NeuMF alone")
    if unknown:
        parser.error(f"no such config: {', '.join(unknown)}")
    ours = build(ROOT, "--example", "throughput")
    burn = build(HERE / "burn", "--no-default-features", "--features", ",".join(options.burn)) if options.burn else None
    options.threads = list(dict.fromkeys(options.threads))
    describe()
    for config in configs:
        if options.gpu:
            compare(config, list(gpu_contestants(config, options, ours)), options)
            continue
        if config in CONFIGS + GPU_CONFIGS:
            compare(config, list(contestants(config, options, ours, burn)), options)
            continue
        # DeepFM reads no history.
        for history in options.history[:1] if config.startswith("deepfm") else options.history:
            compare(f"{config}, history {history}", list(ctr_contestants(config, history, options, ours)), options)


main()
