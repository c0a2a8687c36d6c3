"""Cases about load balancer, groups, listeners, tags: what somebody's hand or a quota does to them."""

import time

from lab import NAME, Wrong, ranges

THIRD = [f"10.{a}.{b}.0/24" for a in range(3) for b in range(20)]


def a_full_group(lab):
    """1: 60 ranges, one of them replaced; then all by one; then a rogue rule in the last place while ours is missing"""
    cidrs = [{"cidr": one} for one in THIRD]
    lab.ready(access={"loadBalancer": cidrs})
    lab.applied(access={"loadBalancer": cidrs[:-1] + [{"cidr": "10.9.9.0/24"}]})
    took = lab.until("the replaced range", lambda: "10.9.9.0/24" in ranges(lab.group(f"{NAME}-alb-sg")))
    lab.until("60 ranges", lambda: len(ranges(lab.group(f"{NAME}-alb-sg"))) == 60)
    print(f"  one of 60 replaced in {took:.0f} s")
    lab.applied(access={"loadBalancer": [{"cidr": "10.8.0.0/16"}]})
    took = lab.until("all replaced by one", lambda: ranges(lab.group(f"{NAME}-alb-sg")) == ["10.8.0.0/16"])
    print(f"  60 replaced by one in {took:.0f} s")
    lab.applied(access={"loadBalancer": cidrs})
    lab.until("60 ranges again", lambda: ranges(lab.group(f"{NAME}-alb-sg")) == sorted(THIRD))
    lab.sleep(60)
    group = lab.group(f"{NAME}-alb-sg")["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    lab.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[{**rule, "IpRanges": [{"CidrIp": THIRD[0]}]}])
    lab.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{**rule, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}])
    took = lab.until("our rule back in a full group", lambda: ranges(lab.group(f"{NAME}-alb-sg")) == sorted(THIRD))
    print(f"  a rogue rule in the last place: healed in {took:.0f} s")
    refused = lab.apply(access={"loadBalancer": cidrs + [{"cidr": "10.7.0.0/24"}]})
    print(f"  61 ranges: {refused}")
    if refused.status != 1 or "61" not in refused.err:
        raise Wrong("a record that cannot fit is not refused with the sum")


def families(lab):
    """2: 35 IPv4 and 35 IPv6 ranges"""
    v6 = [f"2001:db8:{n:x}::/48" for n in range(35)]
    lab.applied(access={"loadBalancer": [{"cidr": one} for one in THIRD[:35] + v6]})
    lab.verb("wait", NAME, "--for", "condition=Ready", "--timeout", "60s")
    group = lab.group(f"{NAME}-alb-sg")["IpPermissions"]
    have = (sum(len(each["IpRanges"]) for each in group), sum(len(each["Ipv6Ranges"]) for each in group))
    print(f"  Ready with {have[0]} IPv4 and {have[1]} IPv6 ranges")
    if have != (35, 35):
        raise Wrong("they are not all there")


def a_foreign_rule(lab):
    """4: a rule on our listener that answers everybody with 503; then one to our target group while the port is edited"""
    lab.ready()
    listener = lab.listener()["ListenerArn"]
    everything = [{"Field": "path-pattern", "Values": ["/*"]}]
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    rule = lab.elb.create_rule(ListenerArn=listener, Priority=1, Conditions=everything, Actions=[answer])["Rules"][0]["RuleArn"]
    lab.sleep(60)
    print(f"  {lab.row()}")
    sync = lab.condition("InSync")
    print(f"  InSync {sync['status']} {sync['reason']}: {sync['message']}")
    print("  " + lab.run("plan", NAME).out.replace("\n", "\n  "))
    if sync["status"] != "False" or sync["reason"] != "RuleForeign":
        raise Wrong("the rule is not reported")
    lab.elb.delete_rule(RuleArn=rule)
    ours = lab.target_group()["TargetGroupArn"]
    conditions = [{"Field": "path-pattern", "Values": ["/old/*"]}]
    rule = lab.elb.create_rule(ListenerArn=listener, Priority=2, Conditions=conditions, Actions=[{"Type": "forward", "TargetGroupArn": ours}])
    lab.applied(services=lab.service(port=9090))
    lab.sleep(1200)
    targets = lab.elb.describe_target_health(TargetGroupArn=ours)["TargetHealthDescriptions"]
    print(f"  after the edit of the port, the old group under the rule has {len(targets)} targets")
    print("  " + "; ".join(wait["what"] for wait in lab.status()["waitingFor"]))
    if len(targets) != 2:
        raise Wrong("the group that the rule uses was emptied")
    lab.elb.delete_rule(RuleArn=rule["Rules"][0]["RuleArn"])
    took = lab.until("the old group gone", lambda: len(lab.elb.describe_target_groups()["TargetGroups"]) == 1, 1800)
    print(f"  without the rule, the old group is gone after {took:.0f} s")


def excluding_attributes(lab):
    """5: weighted_random with anomaly mitigation by hand, and an edit of deregistrationDelay"""
    lab.ready()
    group = lab.target_group()["TargetGroupArn"]
    pairs = {"load_balancing.algorithm.type": "weighted_random", "load_balancing.algorithm.anomaly_mitigation": "on"}
    lab.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": k, "Value": v} for k, v in pairs.items()])
    lab.applied(services=lab.service(deregistrationDelay="45s"))

    def attributes():
        return {each["Key"]: each["Value"] for each in lab.elb.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]}

    delay = lab.until("the delay set", lambda: attributes()["deregistration_delay.timeout_seconds"] == "45", 600)
    algorithm = lab.until("the algorithm set back", lambda: attributes()["load_balancing.algorithm.type"] == "round_robin", 600)
    print(f"  the delay is set after {delay:.0f} s, the algorithm after {algorithm:.0f} s more")


def a_holder(lab):
    """8: a foreign group with a rule from our instance group, and a delete"""
    lab.ready()
    ours = lab.group(f"{NAME}-instance-sg")["GroupId"]
    vpc = lab.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    theirs = lab.ec2.create_security_group(GroupName="redis-of-others", Description="theirs", VpcId=vpc)["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "UserIdGroupPairs": [{"GroupId": ours}]}
    lab.ec2.authorize_security_group_ingress(GroupId=theirs, IpPermissions=[rule])
    lab.verb("delete", NAME)
    lab.sleep(1500)
    waits = [wait["what"] for wait in lab.status()["waitingFor"]]
    print("  " + "\n  ".join(waits))
    print(f"  {lab.row()}")
    failures = [event["message"] for event in lab.events() if event["reason"] == "ActionFailed" and "DependencyViolation" in event["message"]]
    print(f"  {len(failures)} events of the refusal: {failures}")
    if not any(theirs in wait and "redis-of-others" in wait for wait in waits):
        raise Wrong("the holder is not named")
    if len(failures) > 1:
        raise Wrong("the refusal is told at every try")
    if lab.row().split()[2] != "0":
        raise Wrong("HEALTHY is not of what is there")
    lab.ec2.revoke_security_group_ingress(GroupId=theirs, IpPermissions=[rule])
    took = lab.until("deleted", lambda: lab.run("get", NAME).status == 1, 2400)
    print(f"  without the rule it is deleted after {took:.0f} s")


def look_alike_drift(lab):
    """10: by hand the listener's default action becomes {ours: 100, foreign group: 0}"""
    lab.ready()
    theirs, ours = lab.other_target_group(), lab.listener()["DefaultActions"][0]["TargetGroupArn"]
    groups = [{"TargetGroupArn": ours, "Weight": 100}, {"TargetGroupArn": theirs, "Weight": 0}]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
    lab.elb.modify_listener(ListenerArn=lab.listener()["ListenerArn"], DefaultActions=[action])
    took = lab.until("set back", lambda: len(lab.listener()["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]) == 1, 300)
    lab.sleep(60)
    told = sorted({event["reason"] for event in lab.events()} & {"TargetGroupReplaced", "RollingOut", "ListenerDrifted"})
    print(f"  set back after {took:.0f} s, told as {told}")
    if told != ["ListenerDrifted"]:
        raise Wrong("it is told as our own work")


def tags(lab):
    """11: all tags of a member and its volume are deleted"""
    lab.ready()
    one = lab.ids("running")[0]
    before = {each["ResourceId"]: set() for each in lab.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [one]}])["Tags"]}
    volume = lab.ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]

    def keys(resource):
        return sorted(each["Key"] for each in lab.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [resource]}])["Tags"])

    before = keys(one), keys(volume)
    lab.ec2.delete_tags(Resources=[one, volume])
    try:
        took = lab.until("all tags back", lambda: (keys(one), keys(volume)) == before, 1500)
    finally:
        print(f"  instance lacks {sorted(set(before[0]) - set(keys(one)))}, volume lacks {sorted(set(before[1]) - set(keys(volume)))}")
    print(f"  all back after {took:.0f} s")


def a_deleted_balancer(lab):
    """19, 20: the load balancer is deleted by hand"""
    lab.ready()
    old = lab.balancer()
    lab.elb.delete_load_balancer(LoadBalancerArn=old["LoadBalancerArn"])
    began = time.monotonic()

    def serves():
        new = lab.balancer()
        if not new or new["LoadBalancerArn"] == old["LoadBalancerArn"] or new["State"]["Code"] != "active":
            return False
        return bool(lab.elb.describe_listeners(LoadBalancerArn=new["LoadBalancerArn"])["Listeners"])

    lab.until("another with its listener", serves, 1800)
    outage = (time.monotonic() - began) * lab.speed
    tried = [event["message"] for event in lab.events() if "NotFound" in event["message"]]
    print(f"  outage {outage:.0f} s; {len(tried)} events of calls on what was gone")
    lab.sleep(60)
    told = [event["message"] for event in lab.events() if event["reason"] == "DnsNameChanged"]
    print(f"  {told}")
    # A new load balancer alone takes the cloud two to three minutes; what is ours is the rest.
    if outage > 330 or not told:
        raise Wrong("too slow, or the new name is not told")


def protections(lab):
    """25: deletion protection of the load balancer set by hand, and a delete"""
    lab.ready()
    attribute = {"Key": "deletion_protection.enabled", "Value": "true"}
    lab.applied(paused=True)
    lab.sleep(30)
    arn = lab.balancer()["LoadBalancerArn"]
    lab.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[attribute])
    lab.verb("delete", NAME)
    lab.applied(paused=False)
    lab.sleep(900)
    there = lab.balancer() is not None
    print(f"  after a delete: {'there' if there else 'gone'}; {lab.row() if there else ''}")
    print("  " + "; ".join(wait["what"] for wait in (lab.status()["waitingFor"] if there else [])))
    if not there:
        raise Wrong("the protection that a person set was taken off")


CASES = [a_full_group, families, a_foreign_rule, excluding_attributes, a_holder, look_alike_drift, tags, a_deleted_balancer, protections]
