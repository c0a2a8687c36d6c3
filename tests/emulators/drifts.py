"""Every way in which somebody can break an environment that is to be healed: one function each.

A drift gets the [`judge.Sight`] of the environment and the neighbours, and acts on AWS as a person in the console would.
What moto cannot break is in [`CANNOT_BREAK`].
"""
from functools import partial

CANNOT_BREAK = [
    "an instance that is sick by the ALB's health check (moto lists every running target as healthy)",
    "an instance that is impaired by EC2's status checks (moto's are always ok)",
    "a target that is `unused` because the ALB does not cover its zone (the ALB's subnets are broken and repaired, but "
    "moto goes on listing the target as healthy)",
    "a rogue rule with a description (moto revokes such a rule by its rule id only)",
    "tags of volumes are judged and not broken (they are read every five minutes only)",
]


def terminate(sight, _):
    sight.lab.ec2.terminate_instances(InstanceIds=[sight.members()[0]["InstanceId"]])


def terminate_all(sight, _):
    sight.lab.ec2.terminate_instances(InstanceIds=[i["InstanceId"] for i in sight.members()])


def stop(sight, _):
    sight.lab.ec2.stop_instances(InstanceIds=[sight.members()[0]["InstanceId"]])


def deregister(sight, _):
    sight.lab.elbv2.deregister_targets(
        TargetGroupArn=sight.target_group()["TargetGroupArn"], Targets=[sight.targets()[0]["Target"]])


def register_foreign(sight, neighbours):
    sight.lab.elbv2.register_targets(
        TargetGroupArn=sight.target_group()["TargetGroupArn"], Targets=[{"Id": neighbours.instance, "Port": 8080}])


def revoke(role, direction, sight, _):
    """Takes away every rule of one direction."""
    group = sight.group(role)
    ingress = direction == "ingress"
    ec2 = sight.lab.ec2
    call = ec2.revoke_security_group_ingress if ingress else ec2.revoke_security_group_egress
    call(GroupId=group["GroupId"], IpPermissions=group["IpPermissions" if ingress else "IpPermissionsEgress"])


def revoke_one(role, port, sight, _):
    group = sight.group(role)
    found = [p for p in group["IpPermissions"] if p.get("FromPort") == port]
    sight.lab.ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=found)


def permission(port, **peer):
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peer}]


def open_port(role, rule, sight, _):
    sight.lab.ec2.authorize_security_group_ingress(GroupId=sight.group(role)["GroupId"], IpPermissions=rule)


def open_to_neighbour(sight, neighbours):
    open_port("instances", permission(8080, UserIdGroupPairs=[{"GroupId": neighbours.group}]), sight, neighbours)


def open_egress(sight, _):
    sight.lab.ec2.authorize_security_group_egress(
        GroupId=sight.group("instances")["GroupId"],
        IpPermissions=permission(25, IpRanges=[{"CidrIp": "198.51.100.0/24"}]))


def balancer_attribute(key, value, sight, _):
    sight.lab.elbv2.modify_load_balancer_attributes(
        LoadBalancerArn=sight.balancer()["LoadBalancerArn"], Attributes=[{"Key": key, "Value": value}])


def target_attribute(key, value, sight, _):
    sight.lab.elbv2.modify_target_group_attributes(
        TargetGroupArn=sight.target_group()["TargetGroupArn"], Attributes=[{"Key": key, "Value": value}])


def stickiness_of_the_app(sight, _):
    sight.lab.elbv2.modify_target_group_attributes(TargetGroupArn=sight.target_group()["TargetGroupArn"], Attributes=[
        {"Key": "stickiness.type", "Value": "app_cookie"},
        {"Key": "stickiness.app_cookie.cookie_name", "Value": "SESSION"}])


def health_check(sight, _, **changed):
    sight.lab.elbv2.modify_target_group(TargetGroupArn=sight.target_group()["TargetGroupArn"], **changed)


def listener_deleted(sight, _):
    sight.lab.elbv2.delete_listener(ListenerArn=sight.listeners()[0]["ListenerArn"])


def listener_answers_itself(sight, _):
    sight.lab.elbv2.modify_listener(
        ListenerArn=sight.listeners()[0]["ListenerArn"],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}])


def listener_elsewhere(sight, neighbours):
    sight.lab.elbv2.modify_listener(
        ListenerArn=sight.listeners()[0]["ListenerArn"],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": neighbours.target_group}])


def listener_shared(sight, neighbours):
    """Half of the requests go to somebody else."""
    both = [sight.target_group()["TargetGroupArn"], neighbours.target_group]
    sight.lab.elbv2.modify_listener(ListenerArn=sight.listeners()[0]["ListenerArn"], DefaultActions=[{
        "Type": "forward",
        "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": arn, "Weight": 1} for arn in both]}}])


def listener_moved(sight, _):
    sight.lab.elbv2.modify_listener(ListenerArn=sight.listeners()[0]["ListenerArn"], Port=8088)


def listener_added(sight, _):
    sight.lab.elbv2.create_listener(
        LoadBalancerArn=sight.balancer()["LoadBalancerArn"], Protocol="HTTP", Port=8089,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": sight.target_group()["TargetGroupArn"]}])


def subnets_reduced(sight, _):
    """The zone of the first member goes, if two others stay."""
    lost = sight.members()[0]["Placement"]["AvailabilityZone"]
    left = [subnet for zone, subnet in sight.wanted.zones.items() if zone != lost]
    sight.lab.elbv2.set_subnets(LoadBalancerArn=sight.balancer()["LoadBalancerArn"], Subnets=left)


def untag_ec2(pick, sight, _):
    """Removes every tag, ours and the record's."""
    resource, tags = pick(sight)
    sight.lab.ec2.delete_tags(Resources=[resource], Tags=[{"Key": t["Key"]} for t in tags])


def member_tags(sight):
    member = sight.members()[0]
    return member["InstanceId"], member["Tags"]


def group_tags(role, sight):
    group = sight.group(role)
    return group["GroupId"], group["Tags"]


def untag_elb(pick, sight, _):
    arn = pick(sight)
    sight.lab.elbv2.remove_tags(ResourceArns=[arn], TagKeys=list(sight.elb_tags(arn)))


def balancer_arn(sight):
    return sight.balancer()["LoadBalancerArn"]


def target_group_arn(sight):
    return sight.target_group()["TargetGroupArn"]


def listener_arn(sight):
    return sight.listeners()[0]["ListenerArn"]


def retag_member(sight, _):
    sight.lab.ec2.create_tags(Resources=[sight.members()[0]["InstanceId"]], Tags=[{"Key": "CostCenter", "Value": "7"}])


def detach_from_instance(sight, neighbours):
    sight.lab.ec2.modify_instance_attribute(InstanceId=sight.members()[0]["InstanceId"], Groups=[neighbours.group])


def attach_to_instance(sight, neighbours):
    ours = sight.group("instances")["GroupId"]
    sight.lab.ec2.modify_instance_attribute(InstanceId=sight.members()[0]["InstanceId"], Groups=[ours, neighbours.group])


def detach_from_balancer(sight, neighbours):
    sight.lab.elbv2.set_security_groups(
        LoadBalancerArn=sight.balancer()["LoadBalancerArn"], SecurityGroups=[neighbours.group])


def metadata_options(sight, _):
    sight.lab.ec2.modify_instance_metadata_options(
        InstanceId=sight.members()[0]["InstanceId"], HttpTokens="optional", HttpPutResponseHopLimit=5)


def associations(lab, instance):
    return lab.ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [instance]}])["IamInstanceProfileAssociations"]


def profile_removed(sight, _):
    [association] = associations(sight.lab, sight.members()[0]["InstanceId"])
    sight.lab.ec2.disassociate_iam_instance_profile(AssociationId=association["AssociationId"])


def profile_exchanged(sight, neighbours):
    """In two calls: moto's DescribeInstances does not show what ReplaceIamInstanceProfileAssociation did."""
    profile_removed(sight, neighbours)
    profile_added(sight, neighbours)


def profile_added(sight, neighbours):
    sight.lab.ec2.associate_iam_instance_profile(
        InstanceId=sight.members()[0]["InstanceId"], IamInstanceProfile={"Name": neighbours.profile})


def balancer_deleted(sight, _):
    sight.lab.elbv2.delete_load_balancer(LoadBalancerArn=sight.balancer()["LoadBalancerArn"])


def target_group_deleted(sight, _):
    """AWS refuses it while a listener forwards to it."""
    for listener in sight.listeners():
        sight.lab.elbv2.delete_listener(ListenerArn=listener["ListenerArn"])
    sight.lab.elbv2.delete_target_group(TargetGroupArn=sight.target_group()["TargetGroupArn"])


# AWS refuses to delete a group that is used or that a rule refers to (moto does not), so both are ended first.

def balancer_group_deleted(sight, neighbours):
    detach_from_balancer(sight, neighbours)
    revoke_one_app(sight, neighbours)
    sight.lab.ec2.delete_security_group(GroupId=sight.group("loadBalancer")["GroupId"])


def instance_group_deleted(sight, neighbours):
    for member in sight.members():
        sight.lab.ec2.modify_instance_attribute(InstanceId=member["InstanceId"], Groups=[neighbours.group])
    sight.lab.ec2.delete_security_group(GroupId=sight.group("instances")["GroupId"])


def several(sight, neighbours):
    for drift in (deregister, revoke_one_app, sticky_off, detach_from_balancer, listener_answers_itself,
                  partial(untag_elb, target_group_arn), subnets_reduced, terminate):
        drift(sight, neighbours)


def everything_gone(sight, neighbours):
    balancer, group = sight.balancer()["LoadBalancerArn"], sight.target_group()["TargetGroupArn"]
    terminate_all(sight, neighbours)
    sight.lab.elbv2.delete_load_balancer(LoadBalancerArn=balancer)
    sight.lab.elbv2.delete_target_group(TargetGroupArn=group)
    for role in ("instances", "loadBalancer"):
        sight.lab.ec2.delete_security_group(GroupId=sight.group(role)["GroupId"])


revoke_one_app = partial(revoke_one, "instances", 8080)
sticky_off = partial(target_attribute, "stickiness.enabled", "false")

# (sentence, drift). Each is made alone, on an environment that is as its record says.
ALONE = [
    ("an instance is terminated", terminate),
    ("an instance is stopped", stop),
    ("a target is deregistered", deregister),
    ("a foreign instance is registered as a target", register_foreign),
    ("the rule from the load balancer to the app is revoked", revoke_one_app),
    ("the ssh rules are revoked", partial(revoke_one, "instances", 22)),
    ("the load balancer's ingress is revoked", partial(revoke, "loadBalancer", "ingress")),
    ("the instances' egress is revoked", partial(revoke, "instances", "egress")),
    ("the load balancer's egress is revoked", partial(revoke, "loadBalancer", "egress")),
    ("the app is opened to the world", partial(open_port, "instances", permission(8080, IpRanges=[{"CidrIp": "0.0.0.0/0"}]))),
    ("the app is opened to another group", open_to_neighbour),
    ("a port of the load balancer's group is opened over IPv6",
     partial(open_port, "loadBalancer", permission(443, Ipv6Ranges=[{"CidrIpv6": "2001:db8::/32"}]))),
    ("an egress rule is added", open_egress),
    ("the idle timeout is changed", partial(balancer_attribute, "idle_timeout.timeout_seconds", "7")),
    ("deletion protection is switched on", partial(balancer_attribute, "deletion_protection.enabled", "true")),
    ("stickiness is switched off", sticky_off),
    ("the cookie's duration is changed", partial(target_attribute, "stickiness.lb_cookie.duration_seconds", "60")),
    ("the kind of stickiness is changed", stickiness_of_the_app),
    ("the deregistration delay is changed", partial(target_attribute, "deregistration_delay.timeout_seconds", "299")),
    ("slow start is switched on", partial(target_attribute, "slow_start.duration_seconds", "60")),
    ("the balancing algorithm is changed",
     partial(target_attribute, "load_balancing.algorithm.type", "least_outstanding_requests")),
    ("the health check's path is changed", partial(health_check, HealthCheckPath="/elsewhere")),
    ("the health check's port is changed", partial(health_check, HealthCheckPort="9999")),
    ("the health check's interval is changed", partial(health_check, HealthCheckIntervalSeconds=60)),
    ("the health check's timeout is changed", partial(health_check, HealthCheckTimeoutSeconds=9)),
    ("the healthy threshold is changed", partial(health_check, HealthyThresholdCount=9)),
    ("the unhealthy threshold is changed", partial(health_check, UnhealthyThresholdCount=9)),
    ("the health check's matcher is changed", partial(health_check, Matcher={"HttpCode": "200-499"})),
    ("the listener is deleted", listener_deleted),
    ("the listener answers by itself", listener_answers_itself),
    ("the listener forwards to another target group", listener_elsewhere),
    ("the listener shares with another target group", listener_shared),
    ("the listener is moved to another port", listener_moved),
    ("a listener is added", listener_added),
    ("the load balancer loses the zone of a member", subnets_reduced),
    ("an instance loses its tags", partial(untag_ec2, member_tags)),
    ("a tag of an instance is changed", retag_member),
    ("the instances' group loses its tags", partial(untag_ec2, partial(group_tags, "instances"))),
    ("the load balancer's group loses its tags", partial(untag_ec2, partial(group_tags, "loadBalancer"))),
    ("the load balancer loses its tags", partial(untag_elb, balancer_arn)),
    ("the target group loses its tags", partial(untag_elb, target_group_arn)),
    ("the listener loses its tags", partial(untag_elb, listener_arn)),
    ("our group is detached from an instance", detach_from_instance),
    ("another group is attached to an instance", attach_to_instance),
    ("our group is detached from the load balancer", detach_from_balancer),
    ("an instance's metadata options are changed", metadata_options),
    ("an instance's profile is removed", profile_removed),
    ("the load balancer is deleted", balancer_deleted),
    ("the target group is deleted", target_group_deleted),
    ("the load balancer's group is deleted", balancer_group_deleted),
    ("the instances' group is deleted", instance_group_deleted),
]

TOGETHER = [
    ("eight drifts at once", several),
    ("every instance is terminated at once", terminate_all),
    ("instances, load balancer, target group and groups are all gone at once", everything_gone),
]
