"""The binary against moto, end to end: bootstrap, converge, heal, edit, roll, crash, delete; judged by boto3.

Chapters run in order on one environment, the example record with moto's ids. Every request that the binary sends is
recorded and at the end checked against AWS's own models. Start at [`main`]; each chapter is a module.
`tests/emulators/run` starts this with all that it needs.
"""
import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import validate_requests
from converge import before_the_table, bootstrap, converge, quiet
from edit import edit
from environment import Environment
from heal import heal
from judge import Judge
from lab import Lab
from leaders import crashes, leaders
from report import Failed, Report, Stop
from teardown import retain, teardown
from trouble import trouble
from world import World

RUN_MAX_S = 2100
CHAPTERS = {
    "quiet": ("Nothing to do", quiet),
    "heal": ("Every drift is repaired", heal),
    "edit": ("Edits reach AWS with the least disturbance", edit),
    "trouble": ("Records that cannot be followed", trouble),
    "leaders": ("One leader", leaders),
    "crashes": ("Killed at the worst moment", crashes),
    "retain": ("Retain", retain),
    "teardown": ("Delete", teardown),
}


class Run:
    """What the chapters share."""

    def __init__(self, lab, report):
        self.lab, self.report = lab, report
        self.world = World(lab)
        self.judge = Judge(lab, self.world)
        self.env = Environment(lab, self.judge, self.world.example())
        self.controller, self.started, self.before = None, 0, None
        report.on_failure = self.scene

    def start_controller(self):
        self.started += 1
        self.controller = self.lab.controller(f"controller-{self.started}")

    @contextlib.contextmanager
    def frozen(self):
        """The controller stands still: what is done to AWS meanwhile is surely seen before it is repaired."""
        self.controller.freeze()
        try:
            yield
        finally:
            self.controller.thaw()

    def scene(self):
        """What a failed step is to be judged by."""
        parts = [self.lab.run("describe", self.env.name, bound_s=10).out if self.started else ""]
        if self.controller:
            parts.append(self.controller.tail())
        return "\n".join(parts)


def requests_valid(run):
    """Every request of the run, against botocore's models."""
    with run.report.step("every request that was sent is one that AWS takes"):
        with open(run.lab.requests, encoding="utf-8") as lines:
            requests, faults = validate_requests.examine(lines)
        run.report.say(f"{sum(requests.values())} requests of {len(requests)} operations")
        if faults:
            raise Failed("\n".join(f"{action}: {fault} ({n} times)" for (action, fault), n in sorted(faults.items())))
    with run.report.step("the run called every operation that the binary knows"):
        known = operations()
        called = {action.partition(":")[2] for action in requests}
        if missing := sorted(known - called - NOT_CALLED):
            raise Failed(f"not called: {', '.join(missing)}")
        if unlisted := sorted(NOT_CALLED & called):
            raise Failed(f"called, though listed as not called here: {', '.join(unlisted)}")


# What this run gives no occasion to call: who holds a thing is asked once AWS refuses to delete it, and moto deletes what is in use.
NOT_CALLED = {"DescribeNetworkInterfaces"}


def operations():
    """The names in the one list of AWS operations."""
    text = (Path(__file__).resolve().parents[2] / "controller/aws-api/src/operation.rs").read_text()
    body = text.split("operations! {\n", 1)[1].split("\n}", 1)[0]
    return {line.split()[0] for line in body.splitlines() if line.strip() and not line.strip().startswith("//")}


def play(run, chapters):
    report = run.report
    report.chapter("From nothing to Ready")
    before_the_table(run)
    bootstrap(run)
    converge(run)
    for name in chapters:
        title, chapter = CHAPTERS[name]
        report.chapter(title)
        chapter(run)
    report.chapter("Requests")
    if list(chapters) == list(CHAPTERS):
        requests_valid(run)
    else:
        faults = validate_requests.main(run.lab.requests)
        with report.step("every request that was sent is one that AWS takes"):
            if faults:
                raise Failed("see above")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", action="append", choices=list(CHAPTERS), help="these chapters only")
    parser.add_argument("--list", action="store_true", help="names the chapters")
    parser.add_argument("--keep", help="a folder for logs and requests, which is kept")
    args = parser.parse_args()
    if args.list:
        print("\n".join(f"{name:10} {title}" for name, (title, _) in CHAPTERS.items()))
        return 0
    binary = os.environ.get("UNDERSTUDY_BIN")
    if not binary or not os.access(binary, os.X_OK):
        raise SystemExit("error: UNDERSTUDY_BIN: names no executable; run tests/emulators/run, which builds one")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))     # so that what was started is stopped
    report = Report(RUN_MAX_S)
    with contextlib.ExitStack() as stack:
        folder = args.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="understudy-moto-"))
        Path(folder).mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        lab = stack.enter_context(Lab(folder, binary))
        try:
            run = Run(lab, report)
            print(f"moto and the proxy are up after {time.monotonic() - began:.1f} s; the binary is {binary}")
            play(run, args.only or CHAPTERS)
        except Stop as stop:
            print(f"  STOPPED {stop}")
        except Failed as failed:
            report.failed.append(str(failed))
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
