"""Chapter 1 and 2: from nothing to Ready, and then silence."""
import json
import os
import time

from environment import Environment
from judge import forwards_to
from report import Failed, until

CONVERGE_MAX_S = 90
QUIET_S = 10


def expect(ran, status, *words):
    """Checks an exit status, and that the output has the words."""
    missing = [word for word in words if word not in ran.out + ran.err]
    if ran.status != status or missing:
        raise Failed(f"expected exit status {status} and {missing or words}\n{ran}")
    return ran


def before_the_table(run):
    """Trouble that a first user meets, each with one clear message."""
    lab, report = run.lab, run.report
    with report.step("without a table, the command that makes it is named"):
        expect(lab.run("get"), 2, "understudy bootstrap")
    with report.step("an endpoint that nobody listens at is named"):
        url = "http://127.0.0.1:9"
        expect(lab.run("get", "--endpoint-url", url), 2, "127.0.0.1:9")
    with report.step("missing credentials are named"):
        env = lab.env(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, HOME=os.devnull)
        expect(lab.run("get", env=env), 2, "credentials")


def bootstrap(run):
    lab, report = run.lab, run.report
    with report.step("bootstrap makes the table", vital=True):
        ran = expect(lab.run("bootstrap"), 0)
        report.say(ran.out.strip().replace("\n", "; "))
    with report.step("bootstrap again changes nothing"):
        expect(lab.run("bootstrap"), 0)
    with report.step("get of nothing is an empty list"):
        if (listed := expect(lab.run("get", "-o", "json"), 0).json()) != {"apiVersion": "v1", "kind": "List", "items": []}:
            raise Failed(json.dumps(listed))


def converge(run):
    """The first converge, which everything else builds on."""
    lab, report, env = run.lab, run.report, run.env
    with report.step("an invalid record is refused whole, every field at once"):
        bad = Environment(lab, run.judge, json.loads(json.dumps(env.record)))
        bad.record["spec"]["services"][0]["healthCheck"]["timeout"] = "40s"
        bad.record["spec"]["instances"]["cuont"] = 2
        ran = lab.run("apply", "-f", "-", stdin=json.dumps(bad.record))
        expect(ran, 1, "spec.services[0].healthCheck", "spec.instances.cuont", "count")
        if env.partition():
            raise Failed(f"half of it was stored: {env.partition()}")
    with report.step("apply --dry-run stores nothing"):
        ran = lab.run("apply", "-f", "-", "--dry-run", stdin=json.dumps(env.record))
        expect(ran, 0, "created (dry run)")
        if env.partition():
            raise Failed(str(env.partition()))
    with report.step("the example is applied", vital=True):
        env.apply("created")
    with report.step("with no controller, wait times out and says why"):
        expect(lab.run("wait", env.name, "--for", "condition=Ready", "--timeout", "2s"), 1)
    run.start_controller()
    with report.step("wait --for condition=Ready", vital=True):
        ran = lab.run("wait", env.name, "--for", "condition=Ready", "--timeout", f"{CONVERGE_MAX_S}s",
                      bound_s=CONVERGE_MAX_S + 10)
        expect(ran, 0)
    with report.step("AWS holds what the record says", vital=True):
        env.settle()
    with report.step("exactly `count` instances were launched"):
        if (launched := env.launched()) != env.record["spec"]["instances"]["count"]:
            raise Failed(f"{launched} were")
    with report.step("their volumes carry the record's tags"):
        if lacking := env.judge.untagged_volumes(env.record):
            raise Failed(f"lacking: {lacking}")
    with report.step("the status names what AWS holds"):
        status_agrees(env)
    # From here on there is a copy beside the members: it must neither be counted nor touched.
    run.world.neighbours.copy_member(env.sight().members()[0])
    run.before = run.world.neighbours.snapshot()


def status_agrees(env):
    """Compares `get -o json` with AWS, field by field."""
    status, sight = env.document()["status"], env.sight()
    members, balancer = sight.members(), sight.balancer()
    count = env.record["spec"]["instances"]["count"]
    group = sight.target_group()
    wanted = {
        "desired": count, "updated": count, "ready": count, "image": {"amiId": env.record["spec"]["image"]["amiId"]},
        "instances": sorted(i["InstanceId"] for i in members),
        "zones": sorted(z["ZoneName"] for z in balancer["AvailabilityZones"]),
        "load balancer": (balancer["LoadBalancerArn"], balancer["DNSName"]),
        "target groups": [("web", group["TargetGroupArn"])],
        "security groups": {role: sight.group(role)["GroupId"] for role in ("loadBalancer", "instances")},
        "placement": {i["InstanceId"]: (i["Placement"]["AvailabilityZone"], i["ImageId"], i["InstanceType"],
                                        i["PrivateIpAddress"], "running", "healthy") for i in members},
    }
    have = {
        "desired": status["desired"], "updated": status["updated"], "ready": status["ready"], "image": status["image"],
        "instances": sorted(i["instanceId"] for i in status["instances"]),
        "zones": sorted(status["loadBalancer"]["zones"]),
        "load balancer": (status["loadBalancer"]["arn"], status["loadBalancer"]["dnsName"]),
        "target groups": [(t["service"], t["arn"]) for t in status["targetGroups"]],
        "security groups": {role: status["securityGroups"][role] for role in ("loadBalancer", "instances")},
        "placement": {i["instanceId"]: (i["zone"], i["amiId"], i["type"], i["privateIp"], i["state"], i["health"])
                      for i in status["instances"]},
    }
    differ = [f"{key}: status says {have[key]}, AWS {wanted[key]}" for key in wanted if have[key] != wanted[key]]
    arns = sorted(x["ListenerArn"] for x in sight.listeners() if forwards_to(x) == [group["TargetGroupArn"]])
    if sorted(x["arn"] for x in status["listeners"]) != arns:
        differ.append(f"listeners: status says {status['listeners']}, AWS {arns}")
    if differ:
        raise Failed("\n".join(differ))


def writes(calls):
    """The mutating EC2 and ELBv2 calls of some recorded ones, and those of DynamoDB outside the controller's partition."""
    reads = ("Describe", "Get", "List", "BatchGet", "Query", "Scan", "TransactGet")
    found = []
    for call in calls:
        service, _, action = call["action"].partition(":")
        if action.startswith(reads):
            continue
        if service != "dynamodb":
            found.append(call["action"])
        elif touched := keys_written(json.loads(call["body"])) - {"_controller"}:
            found.append(f"{call['action']} of {', '.join(sorted(touched))}")
    return found


def keys_written(body):
    """The partitions that a DynamoDB write changes; a ConditionCheck changes nothing."""
    changes = [change for item in body.get("TransactItems", []) for kind, change in item.items() if kind != "ConditionCheck"]
    changes += [request[kind] for requests in body.get("RequestItems", {}).values() for request in requests for kind in request]
    return {(c.get("Key") or c.get("Item"))["pk"]["S"] for c in changes or [body]}


def quiet(run):
    """Nothing to do: no write, and the command line says so."""
    lab, report, env = run.lab, run.report, run.env
    with report.step(f"{QUIET_S} s with nothing to do: AWS is read, nothing is written"):
        env.settle()
        time.sleep(3)           # the pass that stores the last status
        mark = len(lab.recorded())
        time.sleep(QUIET_S)
        calls = lab.recorded()[mark:]
        looks = len([c for c in calls if c["action"] == "ec2:DescribeInstances"])
        if looks < 2 or writes(calls):
            raise Failed(f"{looks} looks, writes: {writes(calls)}")
        report.say(f"{looks} looks, {len(calls)} calls, no write but the lease and the heartbeat")
    with report.step("plan says that there is nothing to do"):
        expect(lab.run("plan", env.name), 0)
        planned = expect(lab.run("plan", env.name, "-o", "json"), 0).json()
        if planned["actions"] != [] or "leftAlone" not in planned or "waitingFor" not in planned:
            raise Failed(json.dumps(planned))
    with report.step("get -o yaml, applied again, is unchanged; diff finds nothing"):
        text = expect(lab.run("get", env.name, "-o", "yaml"), 0).out
        expect(lab.run("apply", "-f", "-", stdin=text), 0, "unchanged")
        expect(lab.run("diff", "-f", "-", stdin=text), 0)
    with report.step("events -o json are lines with id, time, type, reason, resource, message"):
        lines = [json.loads(line) for line in expect(lab.run("events", env.name, "-o", "json"), 0).out.splitlines()]
        if not lines or any(set(e) != {"id", "time", "type", "reason", "resource", "message"} for e in lines):
            raise Failed(json.dumps(lines[:3], indent=1))
    with report.step("what is not there is not found"):
        expect(lab.run("get", "nobody"), 1)
        expect(lab.run("describe", "nobody"), 1)
        expect(lab.run("plan", "nobody"), 2)
    for command in (["get"], ["describe", env.name], ["plan", env.name]):
        ran = lab.run(*command)
        report.say(f"$ understudy {' '.join(command)}")
        for line in ran.out.splitlines():
            report.say(line)
    report.cannot_show("eventual consistency, boot and drain time, `initial` and `draining`: everything is in its end state "
                       "at the next look")
    until(env.is_ready, 10, "Ready is not True after that")
