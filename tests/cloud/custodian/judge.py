"""Cloud Custodian reads an environment on `understudy cloud`, and finds what is there.

Usage: judge.py URL, with the Python whose environment has c7n. boto3 makes the environment, policies.yml says what is looked
for. Prints one line a policy; exit status 1 when one finds something else, or what it asks is refused."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

import boto3
import yaml
from botocore.config import Config

URL = sys.argv[1]
HERE = pathlib.Path(__file__).resolve().parent
FAILED = []
ENVIRONMENT = {"PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": URL, "AWS_DEFAULT_REGION": "us-east-2",
               "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_MAX_ATTEMPTS": "1",
               "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
               "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"}
OURS = [{"Key": "team", "Value": "chatmrpt"}]
ONE, TWO, ALB, WEB = "one", "two", "c7n-alb", "c7n-web"
# The names of what each policy is to find: Name tags of instances, disks and snapshots, names of everything else.
EXPECTED = {
    "ec2-running-ours": [ONE], "ec2-untagged": [TWO], "ec2-stopped": [TWO], "ec2-stopped-of-late": [TWO],
    "ec2-age": [ONE], "ec2-uptime": [ONE, TWO], "ec2-protected": [ONE], "ec2-stop-protected": [ONE], "ec2-by-group": [ONE, TWO],
    "ec2-by-subnet": [TWO], "ec2-by-vpc": [ONE], "ec2-default-vpc": [ONE], "ec2-by-location": [TWO], "ec2-by-disk": [ONE],
    "ec2-by-image": [ONE], "ec2-by-image-age": [ONE], "ec2-by-user-data": [ONE], "ec2-by-attribute": [ONE],
    "ec2-few-tags": [], "ec2-imds": [ONE], "ec2-asked-by-state": [TWO],
    "alb-all": [ALB], "alb-open": [ALB], "alb-idle": [ALB], "alb-plain": [ALB], "alb-rule": [ALB],
    "alb-sick-targets": [ALB], "alb-by-group": [ALB], "alb-by-subnet": [ALB], "alb-default-vpc": [ALB],
    "alb-not-logging": [ALB], "alb-mismatch": [],
    "tg-port": [WEB], "tg-sticky": [WEB], "tg-default-vpc": [WEB], "tg-healthy": [WEB],
    "sg-open": [ALB], "sg-to-anywhere": [WEB], "sg-from-group": [WEB], "sg-stale": [], "sg-default-vpc": ["default"],
    "ami-ours": ["baked"], "ami-by-state": ["baked"],
    "ebs-plain": [ONE, TWO], "ebs-of-ours": [ONE], "ebs-with-snapshots": [ONE],
    "snapshots-ours": ["baked", "own"], "snapshots-of-no-image": ["own"],
}


def client(name):
    return boto3.client(name, endpoint_url=URL, region_name="us-east-2", config=Config(retries={"max_attempts": 0}),
                        aws_access_key_id="any", aws_secret_access_key="any")


ec2, elb = client("ec2"), client("elbv2")


def advance(duration):
    told = json.dumps({"advance": duration}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{URL}/_cloud/clock", told, method="POST")).close()


def named(kind, name, tags=()):
    return {"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}, *tags]}


def launch(name, subnet, group, tags=(), size=8, **more):
    image = ec2.describe_images(Owners=["amazon"], Filters=[{"Name": "architecture", "Values": ["x86_64"]}])["Images"][0]
    disk = [{"DeviceName": image["RootDeviceName"], "Ebs": {"VolumeSize": size, "VolumeType": "gp3"}}]
    made = ec2.run_instances(ImageId=image["ImageId"], InstanceType="t3.medium", MinCount=1, MaxCount=1, SubnetId=subnet,
                             SecurityGroupIds=[group], BlockDeviceMappings=disk,
                             TagSpecifications=[named("instance", name, tags), named("volume", name)], **more)
    return made["Instances"][0]["InstanceId"]


def environment():
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = sorted(ec2.describe_subnets()["Subnets"], key=lambda one: one["AvailabilityZone"])
    subnets = [one["SubnetId"] for one in subnets]
    front = ec2.create_security_group(GroupName=ALB, Description="front", VpcId=vpc)["GroupId"]
    back = ec2.create_security_group(GroupName=WEB, Description="back", VpcId=vpc)["GroupId"]
    for group, port, source in ((front, 80, {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}),
                                (back, 8080, {"UserIdGroupPairs": [{"GroupId": front}]})):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}])
    ec2.create_tags(Resources=[back], Tags=OURS)
    one = launch(ONE, subnets[0], back, OURS, 30, UserData="#!/bin/sh\nsystemctl start chatmrpt\n", DisableApiStop=True,
                 DisableApiTermination=True, MetadataOptions={"HttpTokens": "required"})
    two = launch(TWO, subnets[1], back)
    arn = elb.create_load_balancer(Name=ALB, Subnets=subnets[:2], SecurityGroups=[front], Tags=OURS)["LoadBalancers"][0][
        "LoadBalancerArn"]
    group = elb.create_target_group(Name=WEB, Protocol="HTTP", Port=8080, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": "stickiness.enabled", "Value": "true"}])
    listener = elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[
        {"Type": "forward", "TargetGroupArn": group}])["Listeners"][0]["ListenerArn"]
    elb.create_rule(ListenerArn=listener, Priority=10, Conditions=[{"Field": "path-pattern", "Values": ["/x"]}], Actions=[
        {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}])
    advance("2m")
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": one}])
    ec2.create_image(InstanceId=one, Name="baked", NoReboot=True, TagSpecifications=[named("snapshot", "baked")])
    volume = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [one]}])["Volumes"][0]["VolumeId"]
    ec2.create_snapshot(VolumeId=volume, TagSpecifications=[named("snapshot", "own")])
    ec2.stop_instances(InstanceIds=[two])
    advance("2h")


def name(resource):
    tags = {tag["Key"]: tag["Value"] for tag in resource.get("Tags") or []}
    own = (resource.get(key) for key in ("LoadBalancerName", "TargetGroupName", "GroupName"))
    own_image = resource.get("Name") if "ImageId" in resource and "InstanceId" not in resource else None
    return next((one for one in own if one), None) or own_image or tags.get("Name", "unnamed")


def judge():
    program = pathlib.Path(sys.executable).parent / "custodian"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(program), "run", "--region", "us-east-2", "--cache-period", "0", "--output-dir",
                   folder, str(HERE / "policies.yml")]
        done = subprocess.run(command, env={**ENVIRONMENT, "HOME": folder}, capture_output=True, text=True, timeout=200)
        policies = yaml.safe_load((HERE / "policies.yml").read_text())["policies"]
        for policy in (policy["name"] for policy in policies):
            wanted = EXPECTED[policy]
            found = pathlib.Path(folder, policy, "resources.json")
            seen = sorted(map(name, json.loads(found.read_text()))) if found.exists() else None
            if "invalid policy file" in done.stderr:
                break
            check(f"{policy} finds {', '.join(wanted) or 'nothing'}", seen == wanted,
                  f"found {seen}" if seen is not None else said(folder, policy))
    check("custodian is content", done.returncode == 0, done.stderr[-3000:])


def said(folder, policy):
    """Why a policy found nothing at all."""
    log = pathlib.Path(folder, policy, "custodian-run.log")
    lines = log.read_text().splitlines() if log.exists() else ["it did not run"]
    return next((line for line in reversed(lines) if "rror" in line), lines[-1])


def check(what, holds, seen=None):
    print(f"{'ok  ' if holds else 'FAIL'} {what}" + ("" if holds else f": {seen}"))
    if not holds:
        FAILED.append(what)


def main():
    environment()
    judge()
    print(f"Cloud Custodian: {len(FAILED)} failed")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
