"""Prints what a run does, sees and cannot show, and counts.

A step is one sentence that holds or not. Nothing is skipped: a step that could not be reached because an earlier one
failed counts as failed.
"""
import contextlib
import time
import traceback


LINE_MAX = 400


class Failed(Exception):
    """A step did not hold; the text says what was seen instead."""


class Stop(Exception):
    """What follows cannot be tried any more."""


class Report:
    def __init__(self, run_max_s):
        self.began, self.deadline = time.monotonic(), time.monotonic() + run_max_s
        self.passed, self.failed, self.cannot = 0, [], []
        self.on_failure = lambda: ""

    def say(self, text):
        print(f"         {text}", flush=True)

    def chapter(self, title):
        print(f"\n{title}", flush=True)

    @contextlib.contextmanager
    def step(self, sentence, vital=False):
        """`vital`: if it fails, the rest of the run is not tried."""
        began = time.monotonic()
        if began > self.deadline:
            self.failed.append(sentence)
            raise Stop("the run's time is up")
        try:
            yield
        except Exception as error:  # a step may fail in any way; each is reported and the run goes on
            text = str(error) if isinstance(error, Failed) else "".join(traceback.format_exception(error))
            print(f"  FAILED {sentence} ({time.monotonic() - began:.1f} s)\n{indented(text)}", flush=True)
            if seen := self.on_failure():
                print(indented(seen), flush=True)
            self.failed.append(sentence)
            if vital:
                raise Stop(f"without this the rest cannot be tried: {sentence}") from None
        else:
            print(f"  ok     {sentence} ({time.monotonic() - began:.1f} s)", flush=True)
            self.passed += 1

    def cannot_show(self, what):
        """Something that this emulator does not model. Said at the end, so that a green run claims no more than it saw."""
        self.cannot.append(what)

    def close(self):
        """Prints the closing lines; the exit status."""
        if self.cannot:
            print("\nThis run cannot show, since moto does not model it:")
            for what in self.cannot:
                print(f"  - {what}")
        for sentence in self.failed:
            print(f"failed: {sentence}")
        print(f"\n{time.monotonic() - self.began:.0f} s")
        print(f"{self.passed} passed, {len(self.failed)} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


def indented(text):
    return "\n".join(f"         | {line[:LINE_MAX]}" for line in text.splitlines())


def until(holds, bound_s, what, every_s=0.3):
    """Waits until `holds()` is truthy and returns that; its last falsy answer, or `what`, is in the failure."""
    began = time.monotonic()
    while True:
        if seen := holds():
            return seen
        if time.monotonic() - began > bound_s:
            raise Failed(f"not within {bound_s} s: {what() if callable(what) else what}")
        time.sleep(every_s)
