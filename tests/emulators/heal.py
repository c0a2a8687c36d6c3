"""Chapter 3: every drift that can be made on moto, alone and several at once, is seen by the judge and repaired.

The controller is stopped (SIGSTOP) while the drift is made, so that the judge surely sees it before it is repaired.
Whatever the drift did not touch must still be there afterwards, by its id, and no instance is launched without need.
"""
import drifts
from converge import CONVERGE_MAX_S, expect, status_agrees
from environment import SETTLE_MAX_S, Environment
from report import Failed, until

TOGETHER_MAX_S = 90


def heal(run):
    for sentence, drift in drifts.ALONE:
        repaired(run, sentence, drift, SETTLE_MAX_S)
    for sentence, drift in drifts.TOGETHER:
        repaired(run, sentence, drift, TOGETHER_MAX_S)
    profile_exchanged(run)
    profile_added(run)
    for what in drifts.CANNOT_BREAK:
        run.report.cannot_show(what)
    with run.report.step("status still names what AWS holds, events say why members were replaced"):
        run.env.settle()
        status_agrees(run.env)
        expect(run.lab.run("events", run.env.name, "-o", "json"), 0, "MemberGone", "MemberStopped", "RuleRogue")


def profile_exchanged(run):
    """The association tells: moto's DescribeInstances goes on showing the profile that was there before a replace."""
    env, lab = run.env, run.lab
    with run.report.step("an instance's profile is exchanged: it is replaced by the record's in place"):
        env.settle(20)
        before, sight = env.identities(), env.sight()
        member, wanted = sight.members()[0]["InstanceId"], env.record["spec"]["instances"]["instanceProfile"]
        with run.frozen():
            drifts.profile_exchanged(sight, run.world.neighbours)
            if not env.judge.look(env.record):
                raise Failed("the judge does not see this drift, so its repair shows nothing")

        def replaced():
            found = [a["IamInstanceProfile"]["Arn"].split("/")[-1] for a in drifts.associations(lab, member)]
            return found == [wanted]
        until(replaced, SETTLE_MAX_S, lambda: f"{member} has {drifts.associations(lab, member)}")
        # What moto shows is brought back to what is.
        drifts.profile_removed(sight, run.world.neighbours)
        env.settle()
        if (after := env.identities()) != before:
            raise Failed(f"was {before}, is {after}")


def profile_added(run):
    """On an environment whose record names no profile."""
    env = Environment(run.lab, run.judge, run.world.small("bare"))
    with run.report.step("a profile is given to an instance that should have none: it is taken away in place"):
        env.apply("created")
        env.settle(CONVERGE_MAX_S)
        before = env.identities()
        with run.frozen():
            drifts.profile_added(env.sight(), run.world.neighbours)
            if not env.judge.look(env.record):
                raise Failed("the judge does not see this drift, so its repair shows nothing")
        env.settle()
        if (after := env.identities()) != before:
            raise Failed(f"was {before}, is {after}")
        expect(run.lab.run("delete", env.name, "--wait", bound_s=CONVERGE_MAX_S), 0, "deleted")


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
