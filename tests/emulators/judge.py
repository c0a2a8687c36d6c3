"""Says how AWS differs from a record. Asks moto itself, knows nothing of the controller but its tags' names.

[`Sight`] is what AWS holds for one environment, looked up by names and by the uid tag; [`Judge.look`] compares it with
[`expected.expected`] and returns every deviation as a short sentence: none means that AWS is as the record says.
"""
import base64
from collections import Counter
from ipaddress import ip_network

from botocore.exceptions import ClientError

from expected import ATTRIBUTE_DEFAULTS, expected
from lab import TABLE

LIVE = ("pending", "running", "stopping", "stopped")
OUR_TAGS = ("Name", "understudy:environment", "understudy:uid")


def tags_of(items):
    return {t["Key"]: t["Value"] for t in items or []}


def attributes_of(reply):
    return {a["Key"]: a["Value"] for a in reply["Attributes"]}


def rules_of(permissions):
    """Rules as (protocol, from, to, peer), one for each peer."""
    rules = Counter()
    for p in permissions:
        key = (p["IpProtocol"], *((None, None) if p["IpProtocol"] == "-1" else (p.get("FromPort"), p.get("ToPort"))))
        rules.update(key + (ip_network(r["CidrIp"], strict=False),) for r in p.get("IpRanges", []))
        rules.update(key + (ip_network(r["CidrIpv6"], strict=False),) for r in p.get("Ipv6Ranges", []))
        rules.update(key + (r["GroupId"],) for r in p.get("UserIdGroupPairs", []))
        rules.update(key + (r["PrefixListId"],) for r in p.get("PrefixListIds", []))
    return set(rules)


def in_words(rules):
    return sorted(" ".join(str(part) for part in rule if part is not None) for rule in rules)


class Sight:
    """What AWS holds under an environment's names and uid. `copies`: ids of instances that only look like ours."""

    def __init__(self, lab, wanted, uid, copies=()):
        self.lab, self.wanted, self.uid, self.copies = lab, wanted, uid, copies

    def group(self, role):
        found = self.lab.ec2.describe_security_groups(Filters=[
            {"Name": "group-name", "Values": [self.wanted.groups[role]]},
            {"Name": "vpc-id", "Values": [self.wanted.vpc]}])["SecurityGroups"]
        return found[0] if found else None

    def balancers(self):
        name = self.wanted.balancer["LoadBalancerName"]
        found = self.lab.elbv2.describe_load_balancers()["LoadBalancers"]
        return [b for b in found if b["LoadBalancerName"] == name]

    def balancer(self):
        found = self.balancers()
        return found[0] if found else None

    def target_groups(self):
        """That of the wanted name; without one, those that carry the uid."""
        found = self.lab.elbv2.describe_target_groups()["TargetGroups"]
        if name := self.wanted.target_group["TargetGroupName"]:
            return [t for t in found if t["TargetGroupName"] == name]
        return [t for t in found if self.elb_tags(t["TargetGroupArn"]).get("understudy:uid") == self.uid]

    def target_group(self):
        found = self.target_groups()
        return found[0] if found else None

    def elb_tags(self, arn):
        return tags_of(self.lab.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"])

    def listeners(self):
        balancer = self.balancer()
        if not balancer:
            return []
        return self.lab.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]

    def listener(self, port):
        return next((x for x in self.listeners() if x["Port"] == port), None)

    def targets(self):
        group = self.target_group()
        if not group:
            return []
        return self.lab.elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]

    def instances(self, name, value):
        pages = self.lab.ec2.get_paginator("describe_instances").paginate(Filters=[{"Name": name, "Values": [value]}])
        found = [i for page in pages for r in page["Reservations"] for i in r["Instances"]]
        return [i for i in found if i["InstanceId"] not in self.copies]

    def launched(self):
        """Every instance with the uid's tag, the terminated ones too."""
        return self.instances("tag:understudy:uid", self.uid)

    def of_group(self):
        """Live instances in the instances' group, with or without tags."""
        group = self.group("instances")
        if not group:
            return []
        return [i for i in self.instances("instance.group-id", group["GroupId"]) if i["State"]["Name"] in LIVE]

    def members(self):
        """Live members, in a stable order."""
        found = {i["InstanceId"]: i for i in self.launched() + self.of_group()}
        live = [i for i in found.values() if i["State"]["Name"] in LIVE]
        return sorted(live, key=lambda i: i["InstanceId"])


class Judge:
    """See [`Judge.look`]."""

    def __init__(self, lab, world):
        self.lab, self.world = lab, world
        self.zone_of = {subnet: zone for zone, subnet in world.subnets.items()}

    def item(self, name, sk):
        """An item of an environment, by DynamoDB's own answer."""
        found = self.lab.dynamodb.get_item(
            TableName=TABLE, Key={"pk": {"S": name}, "sk": {"S": sk}}, ConsistentRead=True)
        return found.get("Item")

    def uid(self, name):
        status = self.item(name, "STATUS")
        return status["uid"]["S"] if status else "none yet"

    def sight(self, record, uid=None):
        uid = uid or self.uid(record["metadata"]["name"])
        return Sight(self.lab, expected(record, self.zone_of), uid, self.world.neighbours.copies)

    def look(self, record, uid=None):
        """Every deviation of AWS from the record."""
        sight = self.sight(record, uid)
        try:
            return Look(sight, self.world.neighbours).deviations()
        except ClientError as error:      # something vanished between two looks
            return [f"looking: {error}"]


    def untagged_volumes(self, record):
        """Volumes that lack a tag of the record, which they must have had at their creation."""
        sight = self.sight(record)
        ids = [m["Ebs"]["VolumeId"] for i in sight.members() for m in i["BlockDeviceMappings"]]
        volumes = self.lab.ec2.describe_volumes(VolumeIds=ids)["Volumes"]
        return [v["VolumeId"] for v in volumes if not sight.wanted.tags.items() <= tags_of(v.get("Tags")).items()]


class Look:
    """One comparison."""

    def __init__(self, sight, neighbours):
        self.sight, self.wanted, self.found = sight, sight.wanted, []
        self.neighbour_arns = {neighbours.balancer, neighbours.target_group}
        self.groups = {role: sight.group(role) for role in self.wanted.groups}

    def deviations(self):
        self.security_groups()
        members = self.sight.members()
        self.instances(members)
        balancer, group = self.load_balancer(), self.target_group(members)
        if balancer:
            self.listeners(group)
        return self.found

    def want(self, what, have, wanted):
        if have != wanted:
            self.found.append(f"{what}: have {have!r}, want {wanted!r}")

    def tagged(self, what, have, name, more=()):
        wanted = self.wanted.tags | {"understudy:uid": self.sight.uid} | ({"Name": name} if name else {})
        for key, value in wanted.items():
            if have.get(key) != value:
                self.found.append(f"{what}: tag {key} is {have.get(key)!r}, want {value!r}")
        for key in ("Name", *more):
            if key not in have:
                self.found.append(f"{what}: no tag {key}")

    def security_groups(self):
        balancer_group = (self.groups["loadBalancer"] or {}).get("GroupId", "absent")
        for role, group in self.groups.items():
            if not group:
                self.found.append(f"security group {self.wanted.groups[role]}: absent")
                continue
            wanted = {rule[:3] + (balancer_group if rule[3] == "alb_sg" else rule[3],) for rule in self.wanted.ingress[role]}
            self.rules(f"ingress of the {role} group", rules_of(group["IpPermissions"]), wanted)
            self.rules(f"egress of the {role} group", rules_of(group["IpPermissionsEgress"]), self.wanted.egress)
            self.tagged(f"{role} group", tags_of(group.get("Tags")), self.wanted.groups[role])

    def rules(self, what, have, wanted):
        if have != wanted:
            self.found.append(f"{what}: missing {in_words(wanted - have)}, rogue {in_words(have - wanted)}")

    def instances(self, members):
        wanted = self.wanted.instances
        self.want("live instances", len(members), wanted["count"])
        zones = Counter(i["Placement"]["AvailabilityZone"] for i in members)
        if members and max(zones.values()) - min(zones.get(zone, 0) for zone in self.wanted.zones) > 1:
            self.found.append(f"instances are not spread over the zones: {dict(zones)}")
        slots = [tags_of(i.get("Tags")).get("understudy:slot") for i in members]
        self.want("instances' slots differ", len(set(slots)), len(slots))
        for instance, slot in zip(members, slots):
            self.instance(instance, slot, wanted)

    def instance(self, instance, slot, wanted):
        name = instance["InstanceId"]
        self.want(f"{name} state", instance["State"]["Name"], "running")
        self.want(f"{name} image", instance["ImageId"], wanted["image"])
        self.want(f"{name} type", instance["InstanceType"], wanted["type"])
        self.want(f"{name} key", instance.get("KeyName"), wanted["key"])
        self.want(f"{name} profile", instance.get("IamInstanceProfile", {}).get("Arn", "/").split("/")[-1] or None,
                  wanted["profile"])
        self.want(f"{name} in a listed subnet", instance.get("SubnetId") in self.wanted.subnets, True)
        ours = {(self.groups["instances"] or {}).get("GroupId", "absent")}
        self.want(f"{name} groups", {g["GroupId"] for g in instance["SecurityGroups"]}, ours | wanted["groups"])
        options = instance.get("MetadataOptions", {})
        self.want(f"{name} metadata options", (options.get("HttpTokens"), options.get("HttpPutResponseHopLimit")),
                  (wanted["tokens"], wanted["hops"]))
        have = tags_of(instance.get("Tags"))
        self.tagged(name, have, f"{self.wanted.name}-{slot}", ["understudy:slot"])
        self.want(f"{name} role", have.get("understudy:role"), "member")
        data = self.sight.lab.ec2.describe_instance_attribute(InstanceId=name, Attribute="userData")["UserData"].get("Value")
        self.want(f"{name} user data", base64.b64decode(data).decode() if data else None, wanted["userData"])
        self.volumes(instance, slot)

    def volumes(self, instance, slot):
        name = instance["InstanceId"]
        mapped = {m["DeviceName"]: m["Ebs"] for m in instance["BlockDeviceMappings"]}
        for device, ebs in mapped.items():
            self.want(f"{name} {device} goes with its instance", ebs["DeleteOnTermination"], True)
        ids = [ebs["VolumeId"] for ebs in mapped.values()]
        volumes = {v["VolumeId"]: v for v in self.sight.lab.ec2.describe_volumes(VolumeIds=ids)["Volumes"]}
        for volume in volumes.values():
            have = tags_of(volume.get("Tags"))
            # The record's own tags are read every five minutes only, so they are not in question here.
            for key, value in (("environment", self.wanted.name), ("uid", self.sight.uid), ("slot", slot)):
                self.want(f"volume of {name}: tag understudy:{key}", have.get(f"understudy:{key}"), value)
        for disk in self.wanted.disks:
            ebs = mapped.get(disk["device"] or instance["RootDeviceName"])
            volume = volumes.get(ebs["VolumeId"]) if ebs else None
            if not volume:
                self.found.append(f"{name}: no volume at {disk['device'] or 'its root device'}")
                continue
            for key, seen in (("size", "Size"), ("type", "VolumeType"), ("encrypted", "Encrypted")):
                if disk[key] is not None:
                    self.want(f"{name} volume {key}", volume[seen], disk[key])

    def load_balancer(self):
        found = self.sight.balancers()
        self.want("load balancers of that name", len(found), 1)
        if not found:
            return None
        balancer = found[0]
        for key, value in self.wanted.balancer.items():
            self.want(f"load balancer {key}", balancer.get(key), value)
        self.want("load balancer subnets", {z["ZoneName"]: z["SubnetId"] for z in balancer["AvailabilityZones"]},
                  self.wanted.zones)
        group = (self.groups["loadBalancer"] or {}).get("GroupId", "absent")
        self.want("load balancer groups", balancer["SecurityGroups"], [group])
        arn = balancer["LoadBalancerArn"]
        have = attributes_of(self.sight.lab.elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn))
        for key, value in self.wanted.balancer_attributes.items():
            self.want(f"load balancer {key}", have.get(key, ATTRIBUTE_DEFAULTS[key]), value)
        self.tagged("load balancer", self.sight.elb_tags(arn), balancer["LoadBalancerName"])
        return balancer

    def target_group(self, members):
        found = self.sight.target_groups()
        self.want("target groups", len(found), 1)
        if not found:
            return None
        group = found[0]
        for key, value in self.wanted.target_group.items():
            if value is not None:
                self.want(f"target group {key}", group.get(key), value)
        self.want("target group vpc", group["VpcId"], self.wanted.vpc)
        arn = group["TargetGroupArn"]
        have = attributes_of(self.sight.lab.elbv2.describe_target_group_attributes(TargetGroupArn=arn))
        for key, value in self.wanted.target_attributes.items():
            self.want(f"target group {key}", have.get(key, ATTRIBUTE_DEFAULTS[key]), value)
        self.tagged("target group", self.sight.elb_tags(arn), group["TargetGroupName"])
        targets = [(t["Target"]["Id"], t["Target"]["Port"], t["TargetHealth"]["State"]) for t in self.sight.targets()]
        self.want("targets", sorted(targets),
                  sorted((i["InstanceId"], self.wanted.target_group["Port"], "healthy") for i in members))
        others = [t["TargetGroupName"] for t in self.sight.lab.elbv2.describe_target_groups()["TargetGroups"]
                  if t["TargetGroupArn"] not in self.neighbour_arns | {arn}
                  and self.sight.elb_tags(t["TargetGroupArn"]).get("understudy:uid") == self.sight.uid]
        self.want("other target groups of ours", others, [])
        return group

    def listeners(self, group):
        found = self.sight.listeners()
        self.want("listeners", sorted((x["Port"], x["Protocol"]) for x in found), sorted(self.wanted.listeners.items()))
        arn = group["TargetGroupArn"] if group else "absent"
        for listener in found:
            what = f"listener {listener['Port']}"
            self.want(f"{what} forwards to", forwards_to(listener), [arn])
            self.tagged(what, self.sight.elb_tags(listener["ListenerArn"]), None)


def forwards_to(listener):
    """The target groups of a listener that only forwards; else its action's type."""
    [action] = listener["DefaultActions"]
    if action["Type"] != "forward":
        return action["Type"]
    if "ForwardConfig" in action:
        return [t["TargetGroupArn"] for t in action["ForwardConfig"]["TargetGroups"]]
    return [action["TargetGroupArn"]]
