"""Checks validate_requests: what boto3 itself sends is read back without loss, and each kind of fault is found.

Requests are made by botocore's own serializers, so that the reader is checked against a writer that is not ours.
"""
import sys

import botocore.serialize
import botocore.session
from urllib.parse import urlencode

import validate_requests as V

TAGS = [{"Key": k, "Value": "x"} for k in ("Name", "understudy:environment", "understudy:uid")]
TAGS += [{"Key": "understudy:intent", "Value": "in-1"}]
MEMBER = TAGS + [{"Key": "understudy:slot", "Value": "0"}, {"Key": "understudy:role", "Value": "member"}]
LAUNCH = {
    "ImageId": "ami-0fa4480bc2fe38b14", "InstanceType": "t3.medium", "MinCount": 1, "MaxCount": 1, "ClientToken": "in-1",
    "SecurityGroupIds": ["sg-1", "sg-2"], "SubnetId": "subnet-1", "MetadataOptions": {"HttpTokens": "required"},
    "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "DeleteOnTermination": True}}],
    "TagSpecifications": [{"ResourceType": "instance", "Tags": MEMBER}, {"ResourceType": "volume", "Tags": MEMBER}],
}
BALANCER = {"Name": "web-alb", "Subnets": ["subnet-1", "subnet-2"], "SecurityGroups": ["sg-1"], "Tags": TAGS}
UPDATE = {
    "TableName": "understudy", "Key": {"pk": {"S": "a"}, "sk": {"S": "b"}}, "UpdateExpression": "SET #s = :s",
    "ExpressionAttributeNames": {"#s": "state"}, "ExpressionAttributeValues": {":s": {"B": b"\x00\x01"}},
}
RULE = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "203.0.113.0/24"}]}


def recorded(scope, operation, params):
    """The request as the proxy records it, written by botocore."""
    model = botocore.session.get_session().get_service_model(V.SERVICES[scope])
    protocol = V.PROTOCOLS[V.SERVICES[scope]]
    serializer = botocore.serialize.create_serializer(protocol, include_validation=False)
    sent = serializer.serialize_to_request(params, model.operation_model(operation))
    body = sent["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    return {
        "action": f"{scope}:{operation}", "target": sent["headers"].get("X-Amz-Target", ""),
        "content_type": sent["headers"].get("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        "body": body.decode() if isinstance(body, bytes) else body,
    }


GOOD = [
    ("ec2", "RunInstances", LAUNCH),
    ("ec2", "AuthorizeSecurityGroupIngress", {"GroupId": "sg-1", "IpPermissions": [RULE]}),
    ("ec2", "DescribeInstances", {"Filters": [{"Name": "tag:a", "Values": ["b", "c"]}], "MaxResults": 1000}),
    ("ec2", "CreateTags", {"Resources": ["sg-1"], "Tags": TAGS}),
    ("elasticloadbalancing", "CreateLoadBalancer", BALANCER),
    ("elasticloadbalancing", "DescribeTags", {"ResourceArns": ["arn:aws:elasticloadbalancing:1", "arn:2"]}),
    ("dynamodb", "UpdateItem", UPDATE),
    ("dynamodb", "TransactWriteItems", {"TransactItems": [{"Update": UPDATE}]}),
]

# What is wrong, as boto3 would never send it; and a word of the fault that must be named.
BAD = [
    ("a required parameter is missing", "ec2", "RunInstances", {**LAUNCH, "MinCount": None}, "MinCount"),
    ("an enum's value does not exist", "ec2", "RunInstances",
     {**LAUNCH, "MetadataOptions": {"HttpTokens": "Required"}}, "HttpTokens"),
    ("a name is too long", "elasticloadbalancing", "AddTags",
     {"ResourceArns": ["arn:1"], "Tags": [{"Key": "k" * 129, "Value": "v"}]}, "129 is over 128"),
    ("a pattern is not met", "elasticloadbalancing", "AddTags",
     {"ResourceArns": ["arn:1"], "Tags": [{"Key": "k\u0007", "Value": "v"}]}, "does not match"),
    ("a port is out of range", "elasticloadbalancing", "CreateListener",
     {"LoadBalancerArn": "arn:1", "Port": 70000, "DefaultActions": [{"Type": "forward"}], "Tags": TAGS}, "over 65535"),
    ("a list is too short", "dynamodb", "TransactWriteItems", {"TransactItems": []}, "TransactItems"),
    ("a create call carries no tags", "elasticloadbalancing", "CreateLoadBalancer", {**BALANCER, "Tags": TAGS[:2]}, "without the tag"),
    ("the token is not the intent", "ec2", "RunInstances", {**LAUNCH, "ClientToken": "in-2"}, "ClientToken"),
    ("a disk's fate is left to the image", "ec2", "RunInstances",
     {**LAUNCH, "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 1}}]}, "DeleteOnTermination"),
    ("two instances in one call", "ec2", "TerminateInstances", {"InstanceIds": ["i-1", "i-2"]}, "one id a call"),
    ("a placeholder is not used", "dynamodb", "UpdateItem", {**UPDATE, "UpdateExpression": "SET a = :s"}, "#s is not used"),
    ("a placeholder is not defined", "dynamodb", "UpdateItem", {**UPDATE, "UpdateExpression": "SET #s = :x"}, ":x is not defined"),
]


def tampered(scope, operation, params, change):
    request = recorded(scope, operation, params)
    return {**request, **change(request)}


MALFORMED = [
    ("an unknown parameter", tampered("ec2", "RunInstances", LAUNCH, lambda r: {"body": r["body"] + "&Colour=red"}), "Colour"),
    ("an unknown nested parameter", tampered(
        "ec2", "RunInstances", LAUNCH, lambda r: {"body": r["body"].replace("Ebs.VolumeSize", "Ebs.VolumeSise")}), "VolumeSise"),
    ("a gap in a list", tampered(
        "ec2", "RunInstances", LAUNCH, lambda r: {"body": r["body"].replace("SecurityGroupId.2", "SecurityGroupId.3")}),
     "SecurityGroupId.3"),
    ("a number that is none", tampered(
        "ec2", "RunInstances", LAUNCH, lambda r: {"body": r["body"].replace("MaxCount=1", "MaxCount=one")}), "no integer"),
    ("another version", tampered(
        "ec2", "RunInstances", LAUNCH, lambda r: {"body": r["body"].replace("Version=2016", "Version=2006")}), "Version"),
    ("an unknown operation", {**recorded("ec2", "RunInstances", LAUNCH), "action": "ec2:RunInstance"}, "no operation"),
    ("an unknown service", {**recorded("ec2", "RunInstances", LAUNCH), "action": "s3:PutObject"}, "not one that"),
    ("an unknown field in JSON", tampered(
        "dynamodb", "UpdateItem", UPDATE, lambda r: {"body": r["body"].replace('"TableName"', '"Table": "x", "TableName"')}), "Table"),
    ("a wrong type in JSON", tampered(
        "dynamodb", "UpdateItem", UPDATE, lambda r: {"body": r["body"].replace('{"S": "a"}', '{"S": 1}')}), "S"),
    ("another content type", {**recorded("dynamodb", "UpdateItem", UPDATE), "content_type": "application/json"}, "content type"),
]


def main():
    models, failed, passed = V.Models(), [], 0

    def check(what, holds, seen):
        nonlocal passed
        if holds:
            passed += 1
        else:
            failed.append(f"{what}: {seen}")

    for scope, operation, params in GOOD:
        request = recorded(scope, operation, params)
        faults = V.faults_of(models, request)
        check(f"{operation} is without fault", not faults, faults)
        back = V.parameters(models, request)[2] if not faults else None
        check(f"{operation} is read back whole", back == params, back)
    for what, scope, operation, params, word in BAD:
        params = {k: v for k, v in params.items() if v is not None}
        faults = V.faults_of(models, recorded(scope, operation, params))
        check(what, any(word in fault for fault in faults), faults)
    for what, request, word in MALFORMED:
        faults = V.faults_of(models, request)
        check(what, any(word in fault for fault in faults), faults)
    for line in failed:
        print(f"FAILED {line}")
    print(f"validate_requests: {passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
