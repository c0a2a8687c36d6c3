"""Chapter 4: edits reach AWS with the least disturbance, and instances are replaced without a gap."""
import threading
import time

from botocore.exceptions import ClientError

from environment import SETTLE_MAX_S
from report import Failed
from world import NEXT_IMAGE

ROLL_MAX_S = 150

# (sentence, path -> value, kinds of things that may be other ones afterwards)
IN_PLACE = [
    ("health check", {
        "spec.services[0].healthCheck": {"path": "/ready", "port": 8081, "interval": "10s", "timeout": "4s",
                                         "healthyThreshold": 3, "unhealthyThreshold": 4, "matcher": "200-299"}}, ()),
    ("health check set back", {
        "spec.services[0].healthCheck": {"path": "/health", "port": "traffic-port", "interval": "30s", "timeout": "5s",
                                         "healthyThreshold": 5, "unhealthyThreshold": 2, "matcher": "200"}}, ()),
    ("stickiness shorter", {"spec.services[0].stickiness.duration": "1h"}, ()),
    ("stickiness off", {"spec.services[0].stickiness": None}, ()),
    ("stickiness on", {"spec.services[0].stickiness": {"type": "lb_cookie", "duration": "24h"}}, ()),
    ("algorithm and deregistration delay", {
        "spec.services[0].algorithm": "least_outstanding_requests", "spec.services[0].deregistrationDelay": "6s"}, ()),
    ("slow start", {"spec.services[0].algorithm": "round_robin", "spec.services[0].slowStart": "30s"}, ()),
    ("no slow start", {"spec.services[0].slowStart": "0s", "spec.services[0].deregistrationDelay": "5s"}, ()),
    ("access by other CIDRs, IPv6 too", {
        "spec.access": {"loadBalancer": [{"cidr": "192.0.2.0/24"}, {"cidr": "2001:db8::/32"}],
                        "ssh": [{"cidr": "203.0.113.9/32"}]}}, ()),
    ("no ssh", {"spec.access.ssh": []}, ()),
    ("access as before", {
        "spec.access": {"loadBalancer": [{"cidr": "0.0.0.0/0"}],
                        "ssh": [{"cidr": "203.0.113.0/24"}, {"cidr": "198.51.100.7/32"}]}}, ()),
    ("two more listeners", {
        "spec.loadBalancer.listeners": [{"protocol": "HTTP", "port": p, "default": {"forward": "web"}}
                                        for p in (80, 8000, 8888)]}, ()),
    ("another set of listeners", {
        "spec.loadBalancer.listeners": [{"protocol": "HTTP", "port": p, "default": {"forward": "web"}}
                                        for p in (80, 9000)]}, ()),
    ("one listener", {
        "spec.loadBalancer.listeners": [{"protocol": "HTTP", "port": 80, "default": {"forward": "web"}}]}, ()),
    ("idle timeout", {"spec.loadBalancer.idleTimeout": "120s"}, ()),
    ("tags: one changed, one more", {"spec.tags": {"CostCenter": "43", "Owner": "qa"}}, ()),
    ("metadata options", {"spec.instances.metadataOptions": {"httpTokens": "optional", "hopLimit": 3}}, ()),
    ("metadata options set back", {"spec.instances.metadataOptions": {"httpTokens": "required", "hopLimit": 2}}, ()),
    ("two subnets only", None, ()),
    ("three subnets again", None, ()),
]


class Watch:
    """Looks at the load balancer again and again while something is rolled: how few targets ever served, how many
    instances ever lived. A thread of its own, ended by `stop`."""

    def __init__(self, env, every_s=0.2):
        self.env, self.every_s = env, every_s
        self.fewest, self.most, self.looks, self.stopped = None, 0, 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join(20)

    def run(self):
        sight, elbv2 = self.env.sight(), self.env.lab.elbv2
        while not self.stopped.is_set():
            try:
                served = set()
                for listener in sight.listeners():
                    for arn in weighted(listener):
                        targets = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
                        served |= {t["Target"]["Id"] for t in targets if t["TargetHealth"]["State"] == "healthy"}
                live = len([i for i in sight.members() if i["State"]["Name"] in ("pending", "running")])
            except ClientError:
                continue        # something went between two looks
            self.fewest = len(served) if self.fewest is None else min(self.fewest, len(served))
            self.most, self.looks = max(self.most, live), self.looks + 1
            time.sleep(self.every_s)


def weighted(listener):
    """The target groups that get requests."""
    [action] = listener["DefaultActions"]
    groups = action.get("ForwardConfig", {}).get("TargetGroups") or [{"TargetGroupArn": action.get("TargetGroupArn")}]
    return [g["TargetGroupArn"] for g in groups if g.get("Weight", 1) > 0 and g["TargetGroupArn"]]


def edit(run):
    for sentence, changes, may_change in IN_PLACE:
        changes = changes or {"spec.network.subnetIds": subnets(run, 2 if sentence.startswith("two") else 3)}
        with run.report.step(f"edit: {sentence}"):
            run.env.settle(20)
            before, launched = run.env.identities(), run.env.launched()
            run.env.edit(changes)
            run.env.settle()
            kept(before, run.env.identities(), may_change)
            if run.env.launched() != launched:
                raise Failed("instances were launched for it")
    count(run)
    roll(run)


def subnets(run, number):
    """The first subnets of the world; with two, those whose zones have members, so that no member must move."""
    zones = [i["Placement"]["AvailabilityZone"] for i in run.env.sight().members()]
    ordered = sorted(run.world.subnets, key=lambda zone: (zone not in zones, zone))
    return [run.world.subnets[zone] for zone in sorted(ordered[:number])]


def kept(before, after, may_change=()):
    lost = {what: id for what, id in before.items() if after.get(what) != id and not what.startswith(tuple(may_change))}
    if lost:
        raise Failed(f"replaced, though it need not be: {lost}; now {after}")


def count(run):
    env = run.env
    with run.report.step("edit: count 2 -> 3"):
        env.settle(20)
        before = env.identities()
        env.edit({"spec.instances.count": 3})
        env.settle()
        kept(before, env.identities())
    with run.report.step("edit: count 3 -> 1"):
        before = env.identities()
        env.edit({"spec.instances.count": 1})
        env.settle(SETTLE_MAX_S * 2)
        if gone := set(env.identities()) - set(before):
            raise Failed(f"a new one came: {gone}")
    with run.report.step("edit: count 1 -> 2"):
        env.edit({"spec.instances.count": 2})
        env.settle()


def roll(run):
    rolled(run, "the image is rolled", {"spec.image.amiId": NEXT_IMAGE})
    rolled(run, "user data is rolled", {"spec.instances.userData": "#cloud-config\nhostname: staging\n"})
    rolled(run, "the type is rolled, two at a time", {"spec.instances.types": ["t3.large"], "spec.rollout.maxSurge": 2})
    service_moved(run)
    run.report.cannot_show("a disk whose size is left to the image (moto asks for one; every record here sets it)")
    run.report.cannot_show("that a rollout waits for a member that is slow to be healthy (moto's are at once)")


def rolled(run, sentence, changes):
    """Every member is replaced; never fewer than `count` serve, never more than count + maxSurge live."""
    env = run.env
    with run.report.step(f"{sentence}: every member replaced, never fewer served"):
        env.settle(20)
        before, size, launched = env.identities(), env.record["spec"]["instances"]["count"], env.launched()
        with Watch(env) as watch:
            env.edit(changes)
            env.settle(ROLL_MAX_S)
        surge = env.record["spec"]["rollout"]["maxSurge"]
        run.report.say(f"in {watch.looks} looks: at least {watch.fewest} served, at most {watch.most} lived")
        if watch.fewest is None or watch.fewest < size:
            raise Failed(f"only {watch.fewest} served at one time")
        if watch.most > size + surge:
            raise Failed(f"{watch.most} lived at one time, allowed are {size} + {surge}")
        if env.launched() != launched + size:
            raise Failed(f"{env.launched() - launched} were launched for {size}")
        kept(before, env.identities(), ["instance "])


def service_moved(run):
    """The port of a service is fixed at its target group's creation: another group is made, filled and switched to."""
    env = run.env
    with run.report.step("edit: another port under another target group's name, never fewer served"):
        env.settle(20)
        before, size = env.identities(), env.record["spec"]["instances"]["count"]
        old = env.sight().target_group()["TargetGroupArn"]
        with Watch(env) as watch:
            env.edit({"spec.services[0].port": 9090, "spec.services[0].targetGroupName": "chatmrpt-staging-targets-2"})
            env.settle(ROLL_MAX_S)
        run.report.say(f"in {watch.looks} looks: at least {watch.fewest} served")
        if watch.fewest is None or watch.fewest < size:
            raise Failed(f"only {watch.fewest} served at one time")
        kept(before, env.identities(), ["target group"])
        groups = [t["TargetGroupArn"] for t in run.lab.elbv2.describe_target_groups()["TargetGroups"]]
        if old in groups:
            raise Failed("the old target group is still there")
