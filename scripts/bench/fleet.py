#!/usr/bin/env python3
"""Fleet overhead side by side, in turns in one run: Faultline, Dask.distributed, Parsl's HighThroughputExecutor.

Two workers on this machine. Empty tasks a second; seconds from the start of the program to its first task's result; seconds
from kill -9 of a worker until its task has begun on another. What is not installed is left out.

    fleet.py --programs bin [--rounds 3] [--tasks 20000] [--their-tasks 2000]
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

SYSTEMS = ["faultline", "faultline, journal", "dask", "parsl"]


def nothing(_):
    return None


def held(log):
    """Notes when it begins, and does not end while it is held."""
    import os
    import time

    with open(log, "a") as file:
        file.write(f"0 {os.getpid()} {time.monotonic()}\n")
    while os.path.exists(log + ".hold"):
        time.sleep(0.001)
    return None


def begun(log):
    try:
        with open(log) as file:
            lines = [line.split() for line in file if line.endswith("\n")]
    except FileNotFoundError:
        return []
    return [(int(words[1]), float(words[2])) for words in lines]


def wait_for(log, count, seconds=180):
    deadline = time.monotonic() + seconds
    while len(begun(log)) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"attempt {count} did not begin within {seconds} s")
        time.sleep(0.001)
    return begun(log)


def strike(log):
    """Kills the worker of the first attempt; seconds until the second begins."""
    pid, _ = wait_for(log, 1)[0]
    time.sleep(1)
    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    second = wait_for(log, 2)[1][1]
    os.unlink(log + ".hold")
    return second - killed


def report(**values):
    print(json.dumps(values), flush=True)


def dask(what, tasks, log):
    from dask.distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50)
    client = Client(cluster)
    if what == "rate":
        client.submit(nothing, -1, pure=False).result()
        first = time.monotonic()
        client.gather(client.map(nothing, range(tasks), pure=False))
        report(first=first, rate=tasks / (time.monotonic() - first))
    else:
        future = client.submit(held, log, pure=False)
        report(regrant=strike(log))
        future.result()
    client.close()
    cluster.close()


def parsl(what, tasks, log):
    import parsl as library
    from parsl.config import Config
    from parsl.executors import HighThroughputExecutor
    from parsl.providers import LocalProvider

    executor = HighThroughputExecutor(
        label="htex", address="127.0.0.1", max_workers_per_node=2, provider=LocalProvider(init_blocks=1, max_blocks=1)
    )
    library.load(Config(executors=[executor], retries=2, strategy="none", run_dir=tempfile.mkdtemp()))
    if what == "rate":
        app = library.python_app(nothing)
        app(-1).result()
        first = time.monotonic()
        for future in [app(number) for number in range(tasks)]:
            future.result()
        report(first=first, rate=tasks / (time.monotonic() - first))
    else:
        future = library.python_app(held)(log)
        report(regrant=strike(log))
        future.result()
    library.dfk().cleanup()


def faultline(programs, what, tasks, log, journal):
    command = [f"{programs}/faultline", "measure", "--workers", "2", "--threads", "1", "--tasks", str(tasks)]
    command += ["--journal"] if journal else []
    command += ["--log", log] if what == "regrant" else []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.Popen(
            command + ["--run-dir", folder + "/run"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        values = {"regrant": strike(log)} if what == "regrant" else {}
        said = json.loads(run.communicate()[0])
    if what == "rate":
        values = {"start": said["first"] - began, "rate": tasks / (said["ended"] - said["began"])}
    return values


def measure(system, what, options):
    with tempfile.TemporaryDirectory() as folder:
        log = folder + "/log"
        if what == "regrant":
            open(log + ".hold", "w").close()
        if system.startswith("faultline"):
            journal = "journal" in system
            tasks = 1 if what == "regrant" else options.tasks // (10 if journal else 1)
            return faultline(options.programs, what, tasks, log, journal)
        began = time.monotonic()
        words = [sys.executable, os.path.abspath(__file__), "--child", system, what, str(options.their_tasks), log]
        # Parsl's own programs lie beside the interpreter.
        path = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", "")
        run = subprocess.run(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, timeout=600, env={**os.environ, "PATH": path}
        )
        lines = [line for line in run.stdout.decode().splitlines() if line.startswith("{")]
        if not lines:
            raise RuntimeError((run.stderr.decode().strip().splitlines() or ["no answer"])[-1])
        values = json.loads(lines[0])
        if "first" in values:
            values["start"] = values.pop("first") - began
        return values


def available(system):
    if system.startswith("faultline"):
        return True
    modules = {"dask": "distributed", "parsl": "parsl"}
    probe = [sys.executable, "-c", f"import {modules[system]}"]
    return subprocess.run(probe, stderr=subprocess.DEVNULL).returncode == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", default="bin")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=20000)
    parser.add_argument("--their-tasks", type=int, default=2000)
    options = parser.parse_args()
    options.programs = os.path.abspath(options.programs)
    systems = [system for system in SYSTEMS if available(system)]
    found = {system: {} for system in systems}
    for _ in range(options.rounds):
        for what in ["rate", "regrant"]:
            for system in systems:
                if what == "regrant" and "journal" in system:
                    continue
                try:
                    for name, value in measure(system, what, options).items():
                        found[system].setdefault(name, []).append(value)
                except (RuntimeError, TimeoutError, ValueError, subprocess.TimeoutExpired) as error:
                    print(f"bench_fleet: {system}, {what}: {error}", file=sys.stderr)
    print(f"fleet overhead, 2 workers, medians of {options.rounds} rounds in turns")
    print(f"{'':22}{'empty tasks/s':>16}{'first task after':>20}{'killed: re-granted after':>28}")

    def cell(values, form):
        return form.format(statistics.median(values)) if values else "-"

    for system in systems:
        values = found[system]
        print(
            f"{system:22}{cell(values.get('rate'), '{:.0f}'):>16}{cell(values.get('start'), '{:.2f} s'):>20}"
            f"{cell(values.get('regrant'), '{:.3f} s'):>28}"
        )
    rates = {system: statistics.median(found[system]["rate"]) for system in systems if found[system].get("rate")}
    others = [rates[system] for system in ["dask", "parsl"] if system in rates]
    if others and "faultline" in rates:
        print(f"faultline runs {rates['faultline'] / max(others):.1f} times as many tasks a second as the better of the others")


if __name__ == "__main__":
    if "--child" in sys.argv:
        _, _, name, what, tasks, log = sys.argv
        {"dask": dask, "parsl": parsl}[name](what, int(tasks), log)
    else:
        main()
