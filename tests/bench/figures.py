"""Measures one environment on moto behind awsproxy.py: calls, chains, seconds, memory.

Only EC2 and ELBv2 calls go through the proxy and are counted; DynamoDB is asked directly. The proxy holds every call
for 50 ms, so that chains show. Figures that are counted are checked; times are printed and not judged, since they are
the machine's too. `tests/bench/run` starts this with all that it needs.
"""
import argparse
import json
import os
import signal
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "emulators"))

from awsproxy import READ, chain_depth                  # noqa: E402
from environment import Environment                     # noqa: E402
from judge import Judge                                 # noqa: E402
from lab import Lab, TABLE                              # noqa: E402
from report import Failed, until                        # noqa: E402
from world import World                                 # noqa: E402

LATENCY_MS = 50
RESYNC_S = 10
FLAGS = ["--resync-interval", f"{RESYNC_S}s", "--missing-after", "3s"]
# Calls of one pass lie closer together than this; two passes farther apart.
PASS_GAP_S = 3
REPAIRS = 3


@dataclass
class Figure:
    """One line of the table. `limit`: checked if set, printed in words by `target` otherwise."""
    what: str
    seen: float
    unit: str
    target: str
    peers: str = ""
    limit: float | None = None

    def holds(self):
        return self.limit is None or self.seen <= self.limit


def is_write(call):
    return not READ.search(call["action"].split(":", 1)[1])


def counts(calls):
    writes = len([c for c in calls if is_write(c)])
    return len(calls) - writes, writes, chain_depth(calls)


class Bench:
    def __init__(self, lab):
        self.lab, self.figures, self.memory_mb = lab, [], 0.0
        lab.admin("POST", f"/latency?ms={LATENCY_MS}")
        self.world = World(lab)
        self.env = Environment(lab, Judge(lab, self.world), self.world.example())

    def environment(self):
        return self.lab.env(AWS_ENDPOINT_URL_DYNAMODB=self.lab.moto_url)

    def controller(self, name):
        return self.lab.child(name, [self.lab.binary, "controller", *FLAGS], self.environment())

    def calls(self):
        """Every call that was answered since the last reset."""
        with urllib.request.urlopen(self.lab.admin_url + "/log", timeout=10) as reply:
            return [json.loads(line) for line in reply.read().splitlines()]

    def reset(self):
        self.lab.admin("POST", "/reset")

    def ready(self):
        """By the item itself, which is quicker than the command line."""
        item = self.lab.dynamodb.get_item(
            TableName=TABLE, Key={"pk": {"S": self.env.name}, "sk": {"S": "STATUS"}}, ConsistentRead=True).get("Item", {})
        conditions = [c["M"] for c in item.get("conditions", {}).get("L", [])]
        return any(c["type"]["S"] == "Ready" and c["status"]["S"] == "True" for c in conditions)

    def passes(self):
        """The calls so far, a list for each pass."""
        passes, last = [], float("-inf")
        for call in sorted(self.calls(), key=lambda c: c["start"]):
            if call["start"] - last > PASS_GAP_S:
                passes.append([])
            passes[-1].append(call)
            last = max(last, call["end"])
        return passes

    def prepare(self):
        for command, text in ((["bootstrap"], ""), (["apply", "-f", "-"], json.dumps(self.env.record))):
            ran = self.lab.run(*command, stdin=text, env=self.environment())
            if ran.status != 0:
                raise Failed(str(ran))

    def first_converge(self):
        """Also how soon a fresh process looks at AWS."""
        self.reset()
        began = time.time()
        controller = self.controller("controller-1")
        until(lambda: self.ready() or not controller.alive(), 120, controller.tail, every_s=0.02)
        reads, writes, depth = counts(self.calls())
        took = time.time() - began
        if not controller.alive():
            raise Failed(controller.tail())
        first_look = self.lab.recorded()[0]["time"] - began
        self.figures += [
            Figure("first converge, writes", writes, "calls", "<= 14", "floor 11; Terraform 19, Ansible 14", 14),
            Figure("first converge, reads", reads, "calls", "-", "floor 5; Terraform 56, Ansible 74"),
            Figure("first converge, chain", depth, "calls", "<= 10", "floor 4; Terraform 56, Ansible 88", 10),
            Figure(f"first converge, start to Ready at {LATENCY_MS} ms", took, "s", "-"),
            Figure("start to first look at AWS", first_look, "s", "<= 0.5 (not judged)"),
        ]
        return controller

    def warm(self, controller):
        """Passes of a controller that has nothing to do; the dearest counts."""
        self.env.settle()
        time.sleep(PASS_GAP_S)
        self.reset()
        until(lambda: len(self.passes()) >= 3, 5 * RESYNC_S, "no three passes", every_s=0.5)
        time.sleep(PASS_GAP_S)
        dearest = max((counts(calls) for calls in self.passes()), key=lambda c: (c[1], c[0], c[2]))
        deepest = max(chain_depth(calls) for calls in self.passes())
        self.figures += [
            Figure("warm pass, reads", dearest[0], "calls", "<= 11", "floor 8 (10 with ALB attributes and rules); Terraform 42, Ansible 50", 11),
            Figure("warm pass, writes", dearest[1], "calls", "0", "", 0),
            Figure("warm pass, chain", deepest, "calls", "<= 2", "floor 1; Terraform 20, Ansible 50", 2),
        ]
        self.remember(controller)

    def repairs(self, controller):
        """Instance terminated -> RunInstances asked, at different moments of the interval."""
        seen = []
        for n in range(REPAIRS):
            self.env.settle()
            time.sleep(PASS_GAP_S * n)
            mark, began = len(self.lab.recorded()), time.time()
            victim = self.env.sight().members()[0]["InstanceId"]
            self.lab.ec2.terminate_instances(InstanceIds=[victim])

            def asked():
                return [c["time"] for c in self.lab.recorded()[mark:] if c["action"] == "ec2:RunInstances"]
            seen.append(until(asked, 60, "not launched", every_s=0.1)[0] - began)
        self.figures.append(Figure(
            f"terminated -> RunInstances asked, resync {RESYNC_S} s (slowest of {REPAIRS})", max(seen), "s", "<= 12 (not judged)"))
        self.remember(controller)

    def remember(self, controller):
        """Peak resident memory of a running controller."""
        for line in Path(f"/proc/{controller.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                self.memory_mb = max(self.memory_mb, int(line.split()[1]) / 1024)

    def cold_once(self):
        self.reset()
        ran = self.lab.run("controller", "--once", *FLAGS, env=self.environment(), bound_s=60)
        if ran.status != 0:
            raise Failed(str(ran))
        reads, writes, depth = counts(self.calls())
        self.figures += [
            Figure("cold `controller --once`, reads", reads, "calls", "<= 15", "", 15),
            Figure("cold `controller --once`, writes", writes, "calls", "0", "", 0),
            Figure("cold `controller --once`, chain", depth, "calls", "-"),
            Figure(f"cold `controller --once`, wall at {LATENCY_MS} ms", ran.seconds, "s", "-"),
        ]

    def memory(self):
        release = "release" in Path(self.lab.binary).parts
        self.figures.append(Figure(
            "memory with one environment (peak resident)", self.memory_mb, "MB",
            "<= 30" if release else "<= 30 (NOT CHECKED: no release build)", "Terraform 774, Ansible 147",
            30 if release else None))


def table(figures):
    rows = [("figure", "seen", "target", "peers on the same emulator")]
    for f in figures:
        seen = f"{f.seen:.0f} {f.unit}" if f.unit == "calls" else f"{f.seen:.2f} {f.unit}" if f.unit == "s" else f"{f.seen:.1f} {f.unit}"
        rows.append((f.what, seen + ("" if f.holds() else " MISSED"), f.target, f.peers))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", action="store_true", help="calls and chains only")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="understudy-bench-") as folder, Lab(folder, os.environ["UNDERSTUDY_BIN"]) as lab:
        bench = Bench(lab)
        try:
            bench.prepare()
            controller = bench.first_converge()
            bench.warm(controller)
            if not args.calls:
                bench.repairs(controller)
                bench.env.settle()
            controller.terminate()
            bench.cold_once()
            bench.memory()
        except Failed as failed:
            print(f"FAILED {failed}")
            return 1
    print(table(bench.figures))
    missed = [f for f in bench.figures if not f.holds()]
    checked = [f for f in bench.figures if f.limit is not None]
    print(f"\nfigures: {len(checked) - len(missed)} passed, {len(missed)} failed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
