"""Judges the judge: builds by hand on moto what the example record says, as an engineer would in the console, and checks
that the judge finds nothing wrong with it, and that it sees each drift that the run makes. A drift that the judge does
not see would be healed by nobody and pass all the same.
"""
import os
import sys
import tempfile

from botocore.exceptions import ClientError

from drifts import ALONE, TOGETHER
from expected import expected
from judge import Judge, Sight
from lab import Lab
from world import World, edited

UID = "env-by-hand"


class ByHand:
    """Builds an environment from what is expected of it."""

    def __init__(self, world, record, zone_of):
        self.world, self.lab, self.wanted = world, world.lab, expected(record, zone_of)
        self.groups = {}

    def tags(self, name, **more):
        tags = self.wanted.tags | {"understudy:uid": UID, "understudy:intent": "in-0", "Name": name}
        tags |= {f"understudy:{key}": value for key, value in more.items()}
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    def build(self):
        self.security_groups()
        members = [self.launch(slot, subnet) for slot, subnet in enumerate(list(self.wanted.zones.values())[:2])]
        self.serve(members)

    def security_groups(self):
        ec2 = self.lab.ec2
        for role in ("loadBalancer", "instances"):
            name = self.wanted.groups[role]
            made = ec2.create_security_group(GroupName=name, Description="d", VpcId=self.wanted.vpc, TagSpecifications=[
                {"ResourceType": "security-group", "Tags": self.tags(name)}])
            self.groups[role] = made["GroupId"]
            rules = []
            for protocol, low, high, peer in self.wanted.ingress[role]:
                rule = {"IpProtocol": protocol, "FromPort": low, "ToPort": high}
                if peer == "alb_sg":
                    rule["UserIdGroupPairs"] = [{"GroupId": self.groups["loadBalancer"]}]
                else:
                    rule["IpRanges"] = [{"CidrIp": str(peer)}]
                rules.append(rule)
            ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=rules)

    def launch(self, slot, subnet):
        wanted, [disk] = self.wanted.instances, self.wanted.disks
        made = self.lab.ec2.run_instances(
            MinCount=1, MaxCount=1, ImageId=wanted["image"], InstanceType=wanted["type"], KeyName=wanted["key"],
            IamInstanceProfile={"Name": wanted["profile"]}, SubnetId=subnet, SecurityGroupIds=[self.groups["instances"]],
            MetadataOptions={"HttpTokens": wanted["tokens"], "HttpPutResponseHopLimit": wanted["hops"]},
            BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {
                "VolumeSize": disk["size"], "VolumeType": disk["type"], "Encrypted": disk["encrypted"],
                "DeleteOnTermination": True}}],
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": self.tags(f"{self.wanted.name}-{slot}", slot=str(slot), role="member")},
                {"ResourceType": "volume", "Tags": self.tags(f"{self.wanted.name}-{slot}", slot=str(slot))}])
        return made["Instances"][0]["InstanceId"]

    def serve(self, members):
        elbv2, wanted = self.lab.elbv2, self.wanted
        group = elbv2.create_target_group(
            Name=wanted.target_group["TargetGroupName"], VpcId=wanted.vpc,
            **{k: v for k, v in wanted.target_group.items() if k != "TargetGroupName"},
            Tags=self.tags(wanted.target_group["TargetGroupName"]))["TargetGroups"][0]["TargetGroupArn"]
        elbv2.modify_target_group_attributes(TargetGroupArn=group, Attributes=[
            {"Key": k, "Value": v} for k, v in wanted.target_attributes.items()])
        name = wanted.balancer["LoadBalancerName"]
        balancer = elbv2.create_load_balancer(
            Name=name, Scheme=wanted.balancer["Scheme"], Type="application", Subnets=list(wanted.zones.values()),
            SecurityGroups=[self.groups["loadBalancer"]], Tags=self.tags(name))["LoadBalancers"][0]["LoadBalancerArn"]
        for port, protocol in wanted.listeners.items():
            elbv2.create_listener(
                LoadBalancerArn=balancer, Protocol=protocol, Port=port, Tags=self.tags(f"{wanted.name}-{port}"),
                DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
        elbv2.register_targets(TargetGroupArn=group, Targets=[
            {"Id": i, "Port": wanted.target_group["Port"]} for i in members])


def sweep(lab, sight):
    """Removes what was built, whatever state it is in."""
    for balancer in sight.balancers():
        lab.elbv2.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    for group in sight.target_groups():
        lab.elbv2.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
    if members := sight.members():
        lab.ec2.terminate_instances(InstanceIds=[i["InstanceId"] for i in members])
    for role in ("instances", "loadBalancer"):
        if group := sight.group(role):
            lab.ec2.delete_security_group(GroupId=group["GroupId"])


def main():
    passed, failed = 0, []
    with tempfile.TemporaryDirectory() as folder, Lab(folder, binary="none") as lab:
        world = World(lab)
        judge = Judge(lab, world)
        record = edited(world.example(), {"spec.tags": {"CostCenter": "42"}})
        sight = Sight(lab, expected(record, judge.zone_of), UID)
        for sentence, drift in [("nothing is broken", None), *ALONE, *TOGETHER]:
            ByHand(world, record, judge.zone_of).build()
            try:
                before = judge.look(record, UID)
                if drift:
                    drift(sight, world.neighbours)
                after = judge.look(record, UID)
            except ClientError as error:
                before, after = [f"moto refused: {error}"], []
            if before or bool(after) != bool(drift):
                failed.append(f"{sentence}: before {before}, after {after}")
            else:
                passed += 1
            if os.environ.get("SHOW"):
                print(sentence, *after, sep="\n    ")
            sweep(lab, sight)
    for line in failed:
        print(f"FAILED {line}")
    print(f"judge: {passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
