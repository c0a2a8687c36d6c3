"""Chapter 3: every drift that can be made on moto, alone and several at once, is seen by the judge and repaired.

The controller is stopped (SIGSTOP) while the drift is made, so that the judge surely sees it before it is repaired.
Whatever the drift did not touch must still be there afterwards, by its id, and no instance is launched without need.
"""
import drifts
from converge import expect, status_agrees
from environment import SETTLE_MAX_S
from report import Failed

TOGETHER_MAX_S = 90


def heal(run):
    for sentence, drift in drifts.ALONE:
        repaired(run, sentence, drift, SETTLE_MAX_S)
    for sentence, drift in drifts.TOGETHER:
        repaired(run, sentence, drift, TOGETHER_MAX_S)
    for what in drifts.CANNOT_BREAK:
        run.report.cannot_show(what)
    with run.report.step("status still names what AWS holds, events say why members were replaced"):
        run.env.settle()
        status_agrees(run.env)
        expect(run.lab.run("events", run.env.name, "-o", "json"), 0, "MemberGone", "MemberStopped", "RuleRogue")


def repaired(run, sentence, drift, bound_s):
    """Makes the drift and waits for its repair."""
    env = run.env
    with run.report.step(f"{sentence}: repaired"):
        env.settle(20)
        count, launched = env.record["spec"]["instances"]["count"], env.launched()
        with run.frozen():
            drift(env.sight(), run.world.neighbours)
            broken = env.judge.look(env.record)
            left = env.identities()
        if not broken:
            raise Failed("the judge does not see this drift, so its repair shows nothing")
        more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
        run.report.say(f"seen: {broken[0]}{more}")
        env.settle(bound_s)
        after = env.identities()
        if lost := {what: id for what, id in left.items() if after.get(what) != id}:
            raise Failed(f"replaced, though it was there: {lost}; now {after}")
        needed = count - len([what for what in left if what.startswith("instance ")])
        if (new := env.launched() - launched) != needed:
            raise Failed(f"{new} instances were launched, {needed} were needed")
