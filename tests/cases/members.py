"""Cases about members: stops, images that do not exist, rollouts, scaling to zero."""

import time

from lab import NAME, Wrong

MISSING = "ami-0123456789abcdef0"


def repeated_stops(lab):
    """3: ten times: stop what runs, wait 3 min; then all are started"""
    lab.ready()
    for _ in range(10):
        if running := lab.ids("running"):
            lab.ec2.stop_instances(InstanceIds=running)
        lab.sleep(180)
    running, stopped = lab.ids("running", "pending"), lab.ids("stopped", "stopping")
    print(f"  {len(running)} running, {len(stopped)} stopped")
    print(f"  {lab.row()}")
    print("  " + "; ".join(f"{wait['what']} until {wait['until']}" for wait in lab.status()["waitingFor"]))
    if len(running) + len(stopped) > 8:
        raise Wrong("they pile up")
    if stopped:
        lab.ec2.start_instances(InstanceIds=lab.ids("stopped"))
    lab.sleep(900)
    charged = len(lab.status().get("terminations", []))
    gone = len(running) + len(stopped) - len(set(running + stopped) & set(lab.ids()))
    print(f"  started again: {gone} of them terminated within 15 min, {charged} charged to the hour, {len(lab.ids('running'))} run")
    if gone > 4:
        raise Wrong("what came back was terminated faster than the budget allows")


def a_typo_in_an_edit(lab):
    """14: an amiId that does not exist, then a member is terminated"""
    lab.ready()
    lab.applied(image={"amiId": MISSING})
    lab.sleep(60)
    gone = lab.ids("running")[0]
    lab.ec2.terminate_instances(InstanceIds=[gone])
    try:
        took = lab.until("two others running", lambda: len(set(lab.ids("running")) - {gone}) == 2, 1200)
        print(f"  replaced after {took:.0f} s")
    finally:
        lab.sleep(120)
        print(f"  {lab.row()}")
    ready = lab.condition("Ready")
    print(f"  Ready {ready['status']} {ready['reason']}: {ready['message']}")
    plan = lab.run("plan", NAME)
    print(f"  plan: {plan}")
    if ready["reason"] != "Held" or MISSING not in ready["message"]:
        raise Wrong("the cause is not told")


def why_it_holds(lab):
    """15: a new environment with an image that does not exist: wait, plan, get"""
    lab.applied(image={"amiId": MISSING})
    lab.until("a first look", lambda: lab.condition("Ready").get("reason") == "Held", 1800)
    waited = lab.run("wait", NAME, "--for", "condition=Ready", "--timeout", "3s")
    plan = lab.run("plan", NAME)
    print(f"  wait: {waited}")
    print(f"  plan: {plan}")
    print(f"  {lab.row()}")
    if MISSING not in waited.err or MISSING not in plan.out or plan.status != 1:
        raise Wrong("why it holds is hidden")


def ready_at_the_end(lab):
    """16: a new image is applied; Ready means that the new version serves, alone"""
    lab.ready()
    image = lab.other_image()
    old = set(lab.ids("running"))
    lab.applied(image={"amiId": image}, rollout={"bakeTime": "60s"})
    lab.verb("wait", NAME, "--for", "condition=Ready", "--timeout", "110s")
    group = lab.target_group()["TargetGroupArn"]
    registered = {each["Target"]["Id"] for each in lab.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]}
    print(f"  Ready, and {len(registered & old)} of {len(registered)} registered targets are of the old image")
    if registered & old:
        raise Wrong("an old one still serves")


def a_half_valid_edit(lab):
    """17: region (fixed) and user data are edited together, at the command line and through the table"""
    lab.ready()
    before = lab.ids("running")
    edit = {"region": "eu-west-1", "instances": lab.instances(userData="#!/bin/sh\necho new\n")}
    refused = lab.apply(**edit)
    print(f"  apply: {refused}")
    item = lab.table.get_item(TableName="understudy", Key={"pk": {"S": NAME}, "sk": {"S": "SPEC"}})["Item"]
    item["spec"]["M"]["region"] = {"S": "eu-west-1"}
    item["spec"]["M"]["instances"]["M"]["userData"] = {"S": "#!/bin/sh\necho new\n"}
    lab.table.put_item(TableName="understudy", Item=item)
    lab.sleep(900)
    valid = lab.condition("SpecValid")
    print(f"  through the table: SpecValid {valid['status']} {valid['reason']}: {valid['message']}; {lab.row()}")
    kept = len(set(before) & set(lab.ids("running")))
    print(f"  {kept} of {len(before)} members are as before")
    if refused.status != 1 or kept != len(before):
        raise Wrong("it is applied by half")


def told_terminations(lab):
    """21: a member is stopped: events have its take-out and its terminate; 20: and its lost volume"""
    lab.ready()
    one = lab.ids("running")[0]
    lab.ec2.stop_instances(InstanceIds=[one])
    lab.until("it to be terminated", lambda: one not in lab.ids(), 1800)
    lab.sleep(60)
    told = [f"{event['reason']}: {event['message']}" for event in lab.events() if one in event["message"] + event["resource"]]
    print("  " + "\n  ".join(told))
    if not any(line.split(": ", 1)[1].startswith(f"terminate/{one}") for line in told):
        raise Wrong("its terminate is not told")


def own_rollout(lab):
    """22 a, c, g: how one's own rollout is told"""
    lab.ready()
    image = lab.other_image()
    before = {event["id"] for event in lab.events()}
    lab.applied(image={"amiId": image})
    rows, waits = set(), set()
    began = time.monotonic()
    while time.monotonic() - began < 20:
        rows.add(" ".join(lab.row().split()[1:5] + lab.row().split()[-1:]))
        waits.update(wait["what"] for wait in lab.status()["waitingFor"])
        time.sleep(0.5)
    print("  " + "\n  ".join(sorted(rows)))
    print("  " + "\n  ".join(sorted(waits)))
    alarming = sorted({event["reason"] for event in lab.events() if event["type"] == "Warning" and event["id"] not in before})
    print(f"  warnings: {alarming}")
    if "TooFewHealthy" in alarming:
        raise Wrong("it alarms")


def own_health_check(lab):
    """22 b: one's own edit of the health check"""
    lab.ready()
    service = lab.service()
    service[0]["healthCheck"]["interval"] = "20s"
    lab.applied(services=service)
    lab.sleep(120)
    told = [(event["type"], event["reason"]) for event in lab.events() if "health" in event["message"].lower() and "check" in event["message"].lower()]
    print(f"  {told}")
    if ("Warning", "HealthCheckDrifted") in told:
        raise Wrong("one's own edit is told as drift")


def paused_and_missing(lab):
    """22 d, e, h: paused in get; SPEC deleted; apply on what is being deleted"""
    lab.ready()
    lab.applied(paused=True)
    lab.sleep(60)
    paused = lab.row()
    lab.applied()
    lab.sleep(60)
    lab.table.delete_item(TableName="understudy", Key={"pk": {"S": NAME}, "sk": {"S": "SPEC"}})
    lab.sleep(60)
    missing = lab.row()
    kept = lab.run("get", NAME, "--revision", "1", "-o", "yaml")
    print(f"  {paused}\n  {missing}\n  get --revision 1: status {kept.status}, {len(kept.out)} characters")
    lab.applied()
    lab.verb("delete", NAME)
    deleting = lab.apply()
    print(f"  apply: {deleting}")
    if paused.split()[-1] != "Paused" or missing.split()[-1] != "SpecMissing" or kept.status or deleting.status != 1:
        raise Wrong("one of them misleads")


def scale_to_zero(lab):
    """25: count 0, and up again"""
    lab.ready()
    lab.applied(instances=lab.instances(count=0))
    took = lab.until("none", lambda: not lab.ids(), 900)
    lab.sleep(60)
    print(f"  none after {took:.0f} s: {lab.row()}")
    ready = lab.condition("Ready")
    lab.ready()
    print(f"  up again: {lab.row()}")
    if (ready["status"], ready["reason"]) != ("True", "ScaledToZero"):
        raise Wrong(f"Ready was {ready['status']} {ready['reason']}")


CASES = [repeated_stops, a_typo_in_an_edit, why_it_holds, ready_at_the_end, a_half_valid_edit, told_terminations, own_rollout, own_health_check,
         paused_and_missing, scale_to_zero]
