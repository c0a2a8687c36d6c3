"""What is in the account before Understudy comes: the network of the record, and neighbours that are not its own.

In: clients of an empty moto. Out: a [`World`] with the ids, and the example record with those ids in it.
"""
import copy
import re

import yaml

from lab import REGION, ROOT

EXAMPLE = ROOT / "crds-schema/examples/chatmrpt-staging.yaml"
IMAGE, NEXT_IMAGE = "ami-0fa4480bc2fe38b14", "ami-0b2f6494ff0b07a0e"    # amis.json
ZONES = [f"{REGION}a", f"{REGION}b", f"{REGION}c"]
# Figures of the example that only delay here, where an instance is healthy at once and a drain takes no time.
SHORT = {
    ("healing", "gracePeriod"): "5s",
    ("healing", "unhealthyFor"): "2s",
    ("rollout", "bakeTime"): "2s",
}


class World:
    def __init__(self, lab):
        self.lab = lab
        self.vpc = lab.ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        self.subnets = {zone: self.subnet(zone, n) for n, zone in enumerate(ZONES)}
        lab.ec2.create_key_pair(KeyName="chatmrpt-key")
        lab.iam.create_instance_profile(InstanceProfileName="chatmrpt-staging")
        self.neighbours = Neighbours(lab, self)

    def subnet(self, zone, n):
        made = self.lab.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.20.{n}.0/24", AvailabilityZone=zone)
        return made["Subnet"]["SubnetId"]

    def example(self):
        """The example record with this world's ids. An id that the example has and this does not know stays."""
        text = EXAMPLE.read_text()
        found = re.findall(r"\bsubnet-[0-9a-f]+\b", text)
        if len(dict.fromkeys(found)) != len(ZONES):
            raise SystemExit(f"error: {EXAMPLE}: not {len(ZONES)} subnets")
        for old, new in zip(dict.fromkeys(found), self.subnets.values()):
            text = text.replace(old, new)
        text = re.sub(r"\bvpc-[0-9a-f]+\b", self.vpc, text)
        record = yaml.safe_load(text)
        if record["spec"]["image"] != {"amiId": IMAGE} or record["spec"]["instances"]["keyName"] != "chatmrpt-key":
            raise SystemExit(f"error: {EXAMPLE}: image or key are not those of this world")
        for (group, field), value in SHORT.items():
            record["spec"][group][field] = value
        record["spec"]["services"][0]["deregistrationDelay"] = "5s"
        return record

    def small(self, name, **spec):
        """A small record of its own names, in the same network."""
        return edited({
            "apiVersion": "understudy.dev/v1alpha1", "kind": "StagingEnvironment", "metadata": {"name": name},
            "spec": {
                "region": REGION, "network": {"vpcId": self.vpc, "subnetIds": list(self.subnets.values())},
                "image": {"amiId": IMAGE},
                # A size, since moto asks for one with every disk; AWS takes the image's.
                "instances": {"count": 1, "types": ["t3.medium"], "blockDevices": [{"sizeGiB": 20}]},
                "services": [{"name": "web", "port": 8080, "deregistrationDelay": "5s"}],
                "access": {"loadBalancer": [{"cidr": "0.0.0.0/0"}]},
                "healing": {"gracePeriod": "5s", "unhealthyFor": "2s"}, "rollout": {"bakeTime": "2s"},
            },
        }, {f"spec.{path}": value for path, value in spec.items()})


def edited(record, changes):
    """A copy of the record with the fields of `changes` (path -> value) set; None removes the field."""
    record = copy.deepcopy(record)
    for path, value in changes.items():
        at = record
        *parents, last = [int(p) if p.isdigit() else p for p in re.split(r"[.\[]", path.replace("]", ""))]
        for part in parents:
            at = at[part] if isinstance(part, int) else at.setdefault(part, {})
        if value is None:
            at.pop(last, None)
        else:
            at[last] = value
    return record


def text_of(*records):
    return "---\n".join(yaml.safe_dump(record, sort_keys=False) for record in records)


class Neighbours:
    """Resources of somebody else in the same VPC. They must be at the end as they were at the beginning."""

    def __init__(self, lab, world):
        self.lab = lab
        subnets = list(world.subnets.values())
        self.profile = "neighbour"
        lab.iam.create_instance_profile(InstanceProfileName=self.profile)
        self.group = lab.ec2.create_security_group(
            GroupName="neighbour-sg", Description="Not Understudy's", VpcId=world.vpc)["GroupId"]
        self.instance = lab.ec2.run_instances(
            MinCount=1, MaxCount=1, ImageId=IMAGE, InstanceType="t3.small", SubnetId=subnets[0],
            SecurityGroupIds=[self.group])["Instances"][0]["InstanceId"]
        self.balancer = lab.elbv2.create_load_balancer(
            Name="neighbour-alb", Subnets=subnets[:2], SecurityGroups=[self.group])["LoadBalancers"][0]["LoadBalancerArn"]
        self.target_group = lab.elbv2.create_target_group(
            Name="neighbour-targets", Protocol="HTTP", Port=8080, VpcId=world.vpc)["TargetGroups"][0]["TargetGroupArn"]
        self.listener = lab.elbv2.create_listener(
            LoadBalancerArn=self.balancer, Protocol="HTTP", Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.target_group}])["Listeners"][0]["ListenerArn"]
        lab.elbv2.register_targets(TargetGroupArn=self.target_group, Targets=[{"Id": self.instance, "Port": 8080}])
        self.copies = []

    def copy_member(self, member):
        """"Launch more like this" in the console copies a member's tags: an instance with ours, but not ours."""
        made = self.lab.ec2.run_instances(
            MinCount=1, MaxCount=1, ImageId=member["ImageId"], InstanceType=member["InstanceType"],
            SubnetId=member["SubnetId"], SecurityGroupIds=[self.group],
            TagSpecifications=[{"ResourceType": "instance", "Tags": member["Tags"]}])
        self.copies.append(made["Instances"][0]["InstanceId"])
        return self.copies[-1]

    def snapshot(self):
        """All that AWS says of them."""
        ec2, elbv2 = self.lab.ec2, self.lab.elbv2
        arns = [self.balancer, self.target_group, self.listener]
        instances = ec2.describe_instances(InstanceIds=[self.instance, *self.copies])["Reservations"]
        return {
            "group": ec2.describe_security_groups(GroupIds=[self.group])["SecurityGroups"],
            "instances": [one for reservation in instances for one in reservation["Instances"]],
            "load balancer": elbv2.describe_load_balancers(LoadBalancerArns=[self.balancer])["LoadBalancers"],
            "balancer attributes": elbv2.describe_load_balancer_attributes(LoadBalancerArn=self.balancer)["Attributes"],
            "target group": elbv2.describe_target_groups(TargetGroupArns=[self.target_group])["TargetGroups"],
            "group attributes": elbv2.describe_target_group_attributes(
                TargetGroupArn=self.target_group)["Attributes"],
            "targets": elbv2.describe_target_health(TargetGroupArn=self.target_group)["TargetHealthDescriptions"],
            "listeners": elbv2.describe_listeners(LoadBalancerArn=self.balancer)["Listeners"],
            "tags": elbv2.describe_tags(ResourceArns=arns)["TagDescriptions"],
        }
