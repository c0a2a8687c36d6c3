"""Chapter 8: delete leaves nothing of ours and touches nothing else; Retain leaves everything."""
import time

from converge import CONVERGE_MAX_S, expect
from environment import Environment, what_is_left
from report import Failed
from world import text_of

DELETE_MAX_S = 120


def retain(run):
    env, lab = Environment(run.lab, run.judge, run.world.small("kept")), run.lab
    with run.report.step("deletionPolicy Retain: our tags go, nothing else does"):
        env.apply("created")
        env.settle(CONVERGE_MAX_S)
        env.edit({"spec.deletionPolicy": "Retain"})
        env.settle()
        before, tags = as_it_is(env)
        expect(lab.run("delete", env.name, "--wait", bound_s=DELETE_MAX_S), 0, "deleted")
        after, left = as_it_is(env, before)
        if after != before:
            raise Failed(f"changed: {[(a, b) for a, b in zip(before, after) if a != b]}")
        if ours := [t for t in left if any(key.startswith("understudy:") for key in t)]:
            raise Failed(f"still tagged: {ours}")
        if len(left) != len(tags) or env.partition_left():
            raise Failed(f"{len(left)} of {len(tags)} are there; items {env.partition_left()}")


def as_it_is(env, known=None):
    """Everything that an environment has in AWS, without its tags; and the tags of each."""
    sight, lab = env.judge.sight(env.record, env.judge.uid(env.name)), env.lab
    if known:
        balancer, group, groups, members = (one["id"] for one in known[:4])
    else:
        balancer, group = sight.balancer()["LoadBalancerArn"], sight.target_group()["TargetGroupArn"]
        groups = [sight.group(role)["GroupId"] for role in sight.wanted.groups]
        members = [i["InstanceId"] for i in sight.members()]
    instances = [i for r in lab.ec2.describe_instances(InstanceIds=members)["Reservations"] for i in r["Instances"]]
    security = lab.ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"]
    listeners = lab.elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    arns = [balancer, group, *(x["ListenerArn"] for x in listeners)]
    tags = [{t["Key"]: t["Value"] for t in one.get("Tags", [])} for one in instances + security]
    tags += [{t["Key"]: t["Value"] for t in d["Tags"]} for d in lab.elbv2.describe_tags(ResourceArns=arns)["TagDescriptions"]]
    return [
        {"id": balancer, "is": lab.elbv2.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"]},
        {"id": group, "is": lab.elbv2.describe_target_groups(TargetGroupArns=[group])["TargetGroups"]},
        {"id": groups, "is": plain(security)},
        {"id": members, "is": plain(instances)},
        {"id": "targets", "is": lab.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]},
        {"id": "listeners", "is": listeners},
    ], tags


def plain(items):
    return [{k: v for k, v in one.items() if k != "Tags"} for one in items]


def teardown(run):
    env, lab, report = run.env, run.lab, run.report
    uid = run.judge.uid(env.name)
    with report.step("with deletion protection, delete holds and names the edit"):
        env.settle(20)
        env.edit({"spec.loadBalancer.deletionProtection": True})
        env.settle()
        before = env.identities()
        expect(lab.run("delete", env.name), 0, "deleting")
        env.await_reason("DeletionProtected", "spec.loadBalancer.deletionProtection")
        time.sleep(5)
        if env.identities().get("load balancer") != before["load balancer"]:
            raise Failed("the load balancer is gone")
    with report.step("while it is deleted, other edits are refused"):
        changed = text_of({**env.record, "spec": {**env.record["spec"], "instances": {
            **env.record["spec"]["instances"], "count": 3}}})
        expect(lab.run("apply", "-f", "-", stdin=changed), 1, "deleted")
    with report.step("without protection it is deleted, and delete --wait says so"):
        env.edit({"spec.loadBalancer.deletionProtection": False})
        expect(lab.run("delete", env.name, "--wait", bound_s=DELETE_MAX_S), 0, "deleted")
        expect(lab.run("wait", env.name, "--for", "delete", "--timeout", "1s"), 0)
        expect(lab.run("get", env.name), 1)
    with report.step("nothing of it is left"):
        if left := what_is_left(env, uid):
            raise Failed("\n".join(left))
    with report.step("what is not ours is as it was"):
        after = run.world.neighbours.snapshot()
        if differ := [f"{k}: was {run.before[k]}, is {after[k]}" for k in after if after[k] != run.before[k]]:
            raise Failed("\n".join(differ))
    report.cannot_show("DependencyViolation, network interfaces that linger and ResourceInUse on a wrong order: moto deletes "
                       "what is in use, and keeps the primary interface of a terminated instance for ever")
