"""Chapter 5: records that cannot be followed, and names that are taken. What stands is kept and goes on being healed."""
import time

import drifts
from converge import expect, writes
from environment import Environment, what_is_left
from report import Failed, until
from world import edited

HOLD_S = 8


def trouble(run):
    invalid_edit(run)
    cannot_be_launched(run)
    paused(run)
    record_gone(run)
    names_taken(run)


def still_healed(run, record):
    """A drift is repaired though the stored record is no use."""
    with run.frozen():
        drifts.sticky_off(run.env.sight(), run.world.neighbours)
        if not run.judge.look(record):
            raise Failed("the judge does not see the drift")
    run.env.settle(ready=False, record=record)


def invalid_edit(run):
    """Written past the command line, as a console can."""
    env = run.env
    with run.report.step("an invalid edit names every bad field; the last valid revision goes on healing"):
        env.settle(20)
        good = env.stored()
        bad = edited(good, {"spec.colour": "red", "spec.services[0].healthCheck.timeout": "40s"})
        env.store(bad)
        env.await_reason("SpecInvalid", "spec.colour", "spec.services[0].healthCheck")
        still_healed(run, env.record)
        expect(run.lab.run("get", env.name), 0, "SpecInvalid")
        expect(run.lab.run("wait", env.name, "--for", "condition=Ready", "--timeout", "1s"), 1)
        env.store(good)
        env.settle()


def cannot_be_launched(run):
    """Found before anything is terminated."""
    env = run.env
    for sentence, reason, word, changes in [
        ("an image that does not exist", "ImageMissing", "ami-0123456789abcdef9", {"spec.image.amiId": "ami-0123456789abcdef9"}),
        ("a type that the region lacks", "TypeNotOffered", "x9.huge", {"spec.instances.types": ["x9.huge"]}),
    ]:
        with run.report.step(f"{sentence} is named, and no member is touched"):
            env.settle(20)
            before, launched = env.identities(), env.launched()
            old = env.edit(changes)
            try:
                env.await_reason(reason, word)
                time.sleep(HOLD_S)
                if env.identities() != before or env.launched() != launched:
                    raise Failed(f"was {before}, is {env.identities()}")
                still_healed(run, old)
            finally:
                env.record = old
                env.apply()
            env.settle()


def paused(run):
    env = run.env
    with run.report.step("paused: drift is reported and left; unpaused: it is repaired"):
        env.settle(20)
        env.edit({"spec.paused": True})
        try:
            until(lambda: "spec.paused" in str(env.document()["status"]["waitingFor"]), 20, "the edit is not seen")
            drifts.sticky_off(env.sight(), run.world.neighbours)
            mark = len(run.lab.recorded())
            time.sleep(HOLD_S)
            done = [write for write in writes(run.lab.recorded()[mark:]) if not write.startswith("dynamodb:")]
            if done or not run.judge.look(env.record):
                raise Failed(f"mutating calls while paused: {done}")
            if env.conditions()["InSync"]["status"] == "True":
                raise Failed(f"the drift is not reported: {env.conditions()}")
            expect(run.lab.run("plan", env.name), 1, "Paused", "stickiness.enabled")
        finally:
            env.edit({"spec.paused": False})
        env.settle()


def record_gone(run):
    env = run.env
    with run.report.step("SPEC deleted without a delete: nothing is torn down, it goes on healing"):
        env.settle(20)
        before, uid = env.identities(), run.judge.uid(env.name)
        env.unstore()
        env.await_reason("SpecMissing")
        time.sleep(HOLD_S)
        still_healed(run, env.record)
        if env.identities() != before:
            raise Failed(f"was {before}, is {env.identities()}")
        env.apply("created")
        env.settle()
        if (run.judge.uid(env.name), env.identities()) != (uid, before):
            raise Failed(f"another environment: uid {run.judge.uid(env.name)}, was {uid}; {env.identities()}, was {before}")


class Taken:
    """Somebody else's group, load balancer and target group, under the names that three environments would use."""

    def __init__(self, lab, world):
        self.lab = lab
        self.group = lab.ec2.create_security_group(
            GroupName="taken-group-instance-sg", Description="Not Understudy's", VpcId=world.vpc)["GroupId"]
        self.balancer = lab.elbv2.create_load_balancer(
            Name="taken-balancer-alb", Subnets=list(world.subnets.values())[:2],
            SecurityGroups=[self.group])["LoadBalancers"][0]["LoadBalancerArn"]
        self.target_group = lab.elbv2.create_target_group(
            Name="taken-targets-web", Protocol="HTTP", Port=8080, VpcId=world.vpc)["TargetGroups"][0]["TargetGroupArn"]

    def snapshot(self):
        elbv2 = self.lab.elbv2
        return [
            self.lab.ec2.describe_security_groups(GroupIds=[self.group])["SecurityGroups"],
            [{k: v for k, v in b.items() if k != "State"}
             for b in elbv2.describe_load_balancers(LoadBalancerArns=[self.balancer])["LoadBalancers"]],
            elbv2.describe_target_groups(TargetGroupArns=[self.target_group])["TargetGroups"],
            elbv2.describe_listeners(LoadBalancerArn=self.balancer)["Listeners"],
            elbv2.describe_target_health(TargetGroupArn=self.target_group)["TargetHealthDescriptions"],
            elbv2.describe_tags(ResourceArns=[self.balancer, self.target_group])["TagDescriptions"],
        ]


def names_taken(run):
    taken = Taken(run.lab, run.world)
    before = taken.snapshot()
    small = run.world.small
    records = {
        "spec.securityGroups.instances.name": small("taken-group"),
        "spec.loadBalancer.name": small("taken-balancer"),
        "spec.services[0].targetGroupName": edited(
            small("taken-targets"), {"spec.services[0].targetGroupName": "taken-targets-web"}),
    }
    envs = {field: Environment(run.lab, run.judge, record) for field, record in records.items()}
    with run.report.step("a name that somebody else has: NameTaken, with the field to set"):
        for env in envs.values():
            env.apply("created")
        for field, env in envs.items():
            env.await_reason("NameTaken", field)
        if taken.snapshot() != before:
            raise Failed("what was not ours was changed")
    with run.report.step("environments in trouble hold up no other"):
        still_healed(run, run.env.record)
    with run.report.step("a free name lets it go on"):
        env = envs["spec.loadBalancer.name"]
        env.edit({"spec.loadBalancer": {"name": "not-taken-alb"}})
        env.settle()
    with run.report.step("deleted, nothing of them is left, and what was taken is untouched"):
        uids = {env.name: run.judge.uid(env.name) for env in envs.values()}
        for env in envs.values():
            expect(run.lab.run("delete", env.name, "--wait", bound_s=120), 0, "deleted")
        theirs = {"taken-group": "security group taken-group-instance-sg", "taken-targets": "target group taken-targets-web"}
        for env in envs.values():
            left = [what for what in what_is_left(env, uids[env.name]) if what != theirs.get(env.name)]
            if left:
                raise Failed(f"{env.name}: {left}")
        if taken.snapshot() != before:
            raise Failed("what was not ours was changed")
    until(lambda: not run.judge.look(run.env.record), 20, "the first environment is not as it was")
