"""Chapter 6 and 7: one leader at a time, a clean end, and a kill at the worst moments."""
import time

import drifts
from converge import CONVERGE_MAX_S, expect
from environment import Environment, SETTLE_MAX_S, what_is_left
from report import Failed, until
from teardown import DELETE_MAX_S

LEASE_S = 15
TERM_MAX_S = 20
# Each call is held that long in the proxy, so that there is a moment to kill the controller in.
HELD_MS = 300
# What a killed controller had asked for may arrive for two minutes after the next one began (ARRIVES_WITHIN of the
# planner): a delete ends no sooner.
ARRIVES_S = 120


def lease(run):
    item = run.judge.item("_controller", "LEASE")
    return item["holder"]["S"], int(item["epoch"]["N"])


def leaders(run):
    env, report = run.env, run.report
    with report.step("a second controller waits"):
        env.settle(20)
        held = lease(run)
        first, second = run.controller, run.lab.controller("controller-second")
        time.sleep(LEASE_S + 5)
        if not second.alive() or lease(run) != held:
            raise Failed(f"lease was {held}, is {lease(run)}\n{second.tail()}")
    with report.step("the first is killed (-9): the second takes over and repairs"):
        first.kill()
        run.controller = second
        drifts.terminate(env.sight(), run.world.neighbours)
        began = time.monotonic()
        env.settle(LEASE_S + SETTLE_MAX_S)
        if lease(run)[1] <= held[1]:
            raise Failed(f"the epoch did not rise: {held} -> {lease(run)}")
        report.say(f"lease taken over and instance replaced after {time.monotonic() - began:.1f} s")
    with report.step(f"SIGTERM: exits 0 within {TERM_MAX_S} s and releases the lease: a third goes on at once"):
        third = run.lab.controller("controller-third")
        time.sleep(3)
        status, seconds = second.terminate(TERM_MAX_S)
        if status != 0:
            raise Failed(f"exit status {status} after {seconds:.1f} s\n{second.tail()}")
        run.controller = third
        drifts.sticky_off(env.sight(), run.world.neighbours)
        began = time.monotonic()
        env.settle(SETTLE_MAX_S)
        report.say(f"ended after {seconds:.1f} s; repaired by the third after {time.monotonic() - began:.1f} s")
    report.cannot_show("that no two replicas ever write (moto loses concurrent conditional updates, so it is no judge of "
                       "locking); the simulated store shows it")


def kill_when(run, *actions):
    """Kills the controller while one of these calls is under way: it takes effect, and its answer is lost."""
    def under_way():
        flying = run.lab.admin("GET", "/flying")
        return any(action in flying for action in actions)
    until(under_way, 60, lambda: f"none of {actions} was called", every_s=0.01)
    run.controller.kill()
    time.sleep(2 * HELD_MS / 1000)      # what was under way takes effect
    run.start_controller()


def exactly(env, launched):
    if (ever := env.launched()) != launched:
        raise Failed(f"{ever} instances were ever launched, {launched} were needed")


def crashes(run):
    report = run.report
    env = Environment(run.lab, run.judge, run.world.small("crashed", **{"instances.count": 2}))
    run.lab.admin("POST", f"/latency?ms={HELD_MS}")
    try:
        with report.step("killed (-9) three times while converging: nothing is made twice"):
            env.apply("created")
            kill_when(run, "ec2:CreateSecurityGroup")
            kill_when(run, "ec2:RunInstances")
            kill_when(run, "elasticloadbalancing:CreateListener")
            env.settle(LEASE_S + CONVERGE_MAX_S)
            exactly(env, 2)
        with report.step("killed (-9) while replacing a terminated instance: one is launched"):
            drifts.terminate(env.sight(), run.world.neighbours)
            kill_when(run, "ec2:RunInstances")
            env.settle(LEASE_S + SETTLE_MAX_S)
            exactly(env, 3)
        with report.step("SIGTERM while replacing one: exits 0 in time, the next goes on, one is launched"):
            drifts.terminate(env.sight(), run.world.neighbours)
            until(lambda: "ec2:RunInstances" in run.lab.admin("GET", "/flying"), 60, "no launch", every_s=0.01)
            status, seconds = run.controller.terminate(TERM_MAX_S)
            tail = run.controller.tail()
            run.start_controller()
            if status != 0:
                raise Failed(f"exit status {status} after {seconds:.1f} s\n{tail}")
            env.settle(LEASE_S + SETTLE_MAX_S)
            exactly(env, 4)
        with report.step("killed (-9) while deleting: the next ends it, nothing is left"):
            uid = run.judge.uid(env.name)
            expect(run.lab.run("delete", env.name), 0, "deleting")
            kill_when(run, "elasticloadbalancing:DeleteLoadBalancer", "ec2:TerminateInstances")
            bound = LEASE_S + ARRIVES_S + DELETE_MAX_S
            ran = run.lab.run("wait", env.name, "--for", "delete", "--timeout", f"{bound}s", bound_s=bound + 10)
            expect(ran, 0)
            if left := what_is_left(env, uid):
                raise Failed(str(left))
    finally:
        run.lab.admin("POST", "/latency?ms=0")
    report.cannot_show("ClientToken: moto launches a second instance for a token that it has seen, so what is shown is that "
                       "the next controller finds the first by its tag and does not ask again")
    report.cannot_show("creates that AWS makes idempotent by name (moto refuses a second target group and makes a second "
                       "load balancer): what is shown is that they are found before they are asked for again")
