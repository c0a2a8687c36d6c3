"""boto3 drives an environment by hand on `understudy cloud`: what AWS documents is what an independent client sees.

Usage: by_hand.py URL. Prints one line a check; exit status 1 when one fails."""

import json
import sys
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

URL = sys.argv[1]
FAILED = []


def client(name):
    config = Config(retries={"max_attempts": 0}, read_timeout=20)
    return boto3.client(name, endpoint_url=URL, region_name="us-east-2", config=config,
                        aws_access_key_id="any", aws_secret_access_key="any")


ec2, elb, sts, dynamodb = client("ec2"), client("elbv2"), client("sts"), client("dynamodb")
streams = client("dynamodbstreams")


def check(what, holds, seen=None):
    print(f"{'ok  ' if holds else 'FAIL'} {what}" + ("" if holds else f": {seen}"))
    if not holds:
        FAILED.append(what)


def refused(what, code, status, call):
    try:
        check(what, False, call())
    except ClientError as error:
        told = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
        check(f"{what}: {code}", told == (code, status), told)


def cloud(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{URL}/_cloud/{path}", data, method=method)) as reply:
        return json.load(reply)


def advance(duration):
    cloud("POST", "clock", {"advance": duration})


def network():
    check("the caller is known", sts.get_caller_identity()["Account"] == "123456789012")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    check("the default VPC has a subnet in three zones", len({s["AvailabilityZone"] for s in subnets}) == 3, subnets)
    check("a wildcard filter", len(ec2.describe_subnets(
        Filters=[{"Name": "availability-zone", "Values": ["us-east-2?"]}])["Subnets"]) == 3)
    refused("an unknown filter", "InvalidParameterValue", 400,
            lambda: ec2.describe_subnets(Filters=[{"Name": "colour", "Values": ["red"]}]))
    refused("a malformed id", "InvalidInstanceID.Malformed", 400, lambda: ec2.describe_instances(InstanceIds=["i-1"]))
    refused("a missing id", "InvalidInstanceID.NotFound", 400,
            lambda: ec2.describe_instances(InstanceIds=["i-0123456789abcdef0"]))
    refused("a dry run", "DryRunOperation", 412, lambda: ec2.describe_vpcs(DryRun=True))
    return vpc, [s["SubnetId"] for s in subnets]


def groups(vpc):
    front = ec2.create_security_group(GroupName="web-alb", Description="front", VpcId=vpc)["GroupId"]
    back = ec2.create_security_group(GroupName="web-instances", Description="back", VpcId=vpc, TagSpecifications=[
        {"ResourceType": "security-group", "Tags": [{"Key": "Name", "Value": "back"}]}])["GroupId"]
    refused("a second group of the name", "InvalidGroup.Duplicate", 400,
            lambda: ec2.create_security_group(GroupName="web-alb", Description="again", VpcId=vpc))
    everywhere = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80,
                   "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "all"}]}]
    made = ec2.authorize_security_group_ingress(GroupId=front, IpPermissions=everywhere)["SecurityGroupRules"]
    check("a rule has an id", made[0]["SecurityGroupRuleId"].startswith("sgr-"), made)
    refused("the same rule again", "InvalidPermission.Duplicate", 400,
            lambda: ec2.authorize_security_group_ingress(GroupId=front, IpPermissions=everywhere))
    ec2.authorize_security_group_ingress(GroupId=back, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "UserIdGroupPairs": [{"GroupId": front}]}])
    shown = ec2.describe_security_groups(Filters=[{"Name": "tag:Name", "Values": ["ba*"]}])["SecurityGroups"]
    check("a group by its tag", [group["GroupId"] for group in shown] == [back], shown)
    shown = ec2.describe_security_groups(Filters=[{"Name": "tag:Name", "Values": ["ba\\*"]}])["SecurityGroups"]
    check("an escaped wildcard is itself", shown == [], shown)
    refused("51 filters", "FilterLimitExceeded", 400,
            lambda: ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}] * 51))
    refused("a group that another refers to", "DependencyViolation", 400, lambda: ec2.delete_security_group(GroupId=front))
    return front, back


def instances(subnets, group):
    image = ec2.describe_images(Owners=["amazon"], Filters=[
        {"Name": "architecture", "Values": ["x86_64"]}])["Images"][0]["ImageId"]
    launch = dict(ImageId=image, InstanceType="t3.medium", MinCount=1, MaxCount=1, SecurityGroupIds=[group])
    made = []
    for place, subnet in enumerate(subnets[:2]):
        one = ec2.run_instances(SubnetId=subnet, ClientToken=f"token-{place}", **launch)["Instances"][0]
        made.append(one["InstanceId"])
    check("an instance begins pending", one["State"]["Name"] == "pending", one["State"])
    again = ec2.run_instances(SubnetId=subnets[0], ClientToken="token-0", **launch)["Instances"][0]["InstanceId"]
    check("the same token is the same instance", again == made[0], again)
    refused("the same token, other parameters", "IdempotentParameterMismatch", 400, lambda: ec2.run_instances(
        SubnetId=subnets[0], ClientToken="token-0", **{**launch, "InstanceType": "t3.large"}))
    refused("an unknown type", "InvalidParameterValue", 400,
            lambda: ec2.run_instances(SubnetId=subnets[0], **{**launch, "InstanceType": "t3.gigantic"}))
    advance("30s")
    ec2.get_waiter("instance_running").wait(InstanceIds=made, WaiterConfig={"Delay": 1, "MaxAttempts": 3})
    status = ec2.describe_instance_status(InstanceIds=made)["InstanceStatuses"]
    check("status checks begin initializing", {s["InstanceStatus"]["Status"] for s in status} == {"initializing"}, status)
    advance("3m")
    status = ec2.describe_instance_status(InstanceIds=made)["InstanceStatuses"]
    check("and then pass", {s["InstanceStatus"]["Status"] for s in status} == {"ok"}, status)
    return image, made


def balancer(vpc, subnets, front, made):
    refused("a load balancer in one zone", "ValidationError", 400,
            lambda: elb.create_load_balancer(Name="web", Subnets=subnets[:1]))
    one = elb.create_load_balancer(Name="web", Subnets=subnets[:2], SecurityGroups=[front])["LoadBalancers"][0]
    check("a load balancer begins provisioning", one["State"]["Code"] == "provisioning", one["State"])
    again = elb.create_load_balancer(Name="web", Subnets=subnets[:2], SecurityGroups=[front])["LoadBalancers"][0]
    check("the same settings are the same load balancer", again["LoadBalancerArn"] == one["LoadBalancerArn"])
    refused("other settings", "DuplicateLoadBalancerName", 400,
            lambda: elb.create_load_balancer(Name="web", Subnets=subnets, SecurityGroups=[front]))
    arn = one["LoadBalancerArn"]
    target_group = elb.create_target_group(Name="web", Protocol="HTTP", Port=8080, VpcId=vpc, HealthCheckPath="/health",
                                           HealthCheckIntervalSeconds=10)["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=target_group, Targets=[{"Id": each} for each in made])
    check("targets of a group without a listener are unused", healths(target_group) == [("unused", "Target.NotInUse")] * 2,
          healths(target_group))
    listener = elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[
        {"Type": "forward", "TargetGroupArn": target_group}])["Listeners"][0]["ListenerArn"]
    refused("a second listener of the port", "DuplicateListener", 400, lambda: elb.create_listener(
        LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[
            {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]))
    refused("a target group in use", "ResourceInUse", 400, lambda: elb.delete_target_group(TargetGroupArn=target_group))
    check("targets begin initial", healths(target_group) == [("initial", "Elb.RegistrationInProgress")] * 2,
          healths(target_group))
    advance("5m")
    state = elb.describe_load_balancers(Names=["web"])["LoadBalancers"][0]["State"]["Code"]
    check("the load balancer becomes active", state == "active", state)
    check("and its targets healthy", healths(target_group) == [("healthy", None)] * 2, healths(target_group))
    return arn, listener, target_group


def healths(target_group, **which):
    shown = elb.describe_target_health(TargetGroupArn=target_group, **which)["TargetHealthDescriptions"]
    return [(one["TargetHealth"]["State"], one["TargetHealth"].get("Reason")) for one in shown]


def trouble(target_group, made):
    fault = cloud("POST", "faults", {"kind": "app-broken", "resource": made[0]})["id"]
    advance("1m")
    check("a broken app is unhealthy", ("unhealthy", "Target.ResponseCodeMismatch") in healths(target_group),
          healths(target_group))
    cloud("DELETE", f"faults/{fault}")
    advance("2m")
    check("and healthy again", healths(target_group) == [("healthy", None)] * 2, healths(target_group))
    elb.deregister_targets(TargetGroupArn=target_group, Targets=[{"Id": made[0]}])
    check("what is deregistered drains", ("draining", "Target.DeregistrationInProgress") in healths(target_group))
    advance("6m")
    check("until its delay is over", len(healths(target_group)) == 1, healths(target_group))
    left = healths(target_group, Targets=[{"Id": made[0], "Port": 8080}])
    check("what is not registered is unused", left == [("unused", "Target.NotRegistered")], left)


def baking(made):
    image = ec2.create_image(InstanceId=made[0], Name="baked", NoReboot=True)["ImageId"]
    refused("a second image of the name", "InvalidAMIName.Duplicate", 400,
            lambda: ec2.create_image(InstanceId=made[0], Name="baked", NoReboot=True))
    state = ec2.describe_images(ImageIds=[image])["Images"][0]["State"]
    check("an image begins pending", state == "pending", state)
    advance("6m")
    state = ec2.describe_images(ImageIds=[image])["Images"][0]["State"]
    check("and is available after minutes", state == "available", state)


def ending(arn, target_group, made, front, back):
    answer = ec2.terminate_instances(InstanceIds=made)["TerminatingInstances"]
    check("terminating tells before and after",
          {(one["PreviousState"]["Name"], one["CurrentState"]["Name"]) for one in answer} == {("running", "shutting-down")},
          answer)
    elb.delete_load_balancer(LoadBalancerArn=arn)
    refused("a group whose interfaces linger", "DependencyViolation", 400, lambda: ec2.delete_security_group(GroupId=back))
    advance("5m")
    elb.delete_target_group(TargetGroupArn=target_group)
    ec2.delete_security_group(GroupId=back)
    ec2.delete_security_group(GroupId=front)
    shown = ec2.describe_instances(InstanceIds=made)["Reservations"]
    states = {one["State"]["Name"] for each in shown for one in each["Instances"]}
    check("terminated instances are shown for a while", states == {"terminated"}, states)
    advance("2h")
    refused("and then no more", "InvalidInstanceID.NotFound", 400, lambda: ec2.describe_instances(InstanceIds=made))


def tables():
    dynamodb.create_table(TableName="table", BillingMode="PAY_PER_REQUEST", KeySchema=[
        {"AttributeName": "pk", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    dynamodb.put_item(TableName="table", Item={"pk": {"S": "a"}})
    check("DynamoDB answers on the same port", dynamodb.get_item(TableName="table", Key={"pk": {"S": "a"}})["Item"] == {
        "pk": {"S": "a"}})
    stream = streams.list_streams(TableName="table")["Streams"][0]["StreamArn"]
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
    start = streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = streams.get_records(ShardIterator=start["ShardIterator"])["Records"]
    check("and so do its streams", [one["dynamodb"]["NewImage"] for one in records] == [{"pk": {"S": "a"}}], records)


def main():
    vpc, subnets = network()
    front, back = groups(vpc)
    _, made = instances(subnets, back)
    arn, _, target_group = balancer(vpc, subnets, front, made)
    trouble(target_group, made)
    baking(made)
    ending(arn, target_group, made, front, back)
    tables()
    print(f"{len(FAILED)} failed")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
