"""The aws CLI drives an environment by hand on `understudy cloud`, as a person with a shell would.

Usage: aws_cli.py URL. `aws` is the one beside this Python. Prints one line a check; exit status 1 when one fails."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

URL = sys.argv[1]
AWS = pathlib.Path(sys.executable).parent / "aws"
FAILED = []
# Nothing of whoever runs this: no profile, no pager, no other endpoint.
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": tempfile.gettempdir(), "AWS_ENDPOINT_URL": URL, "AWS_PAGER": "",
               "AWS_REGION": "us-east-2", "AWS_DEFAULT_REGION": "us-east-2", "AWS_ACCESS_KEY_ID": "any",
               "AWS_SECRET_ACCESS_KEY": "any", "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true",
               "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def ran(*words):
    return subprocess.run([sys.executable, str(AWS), *words], env=ENVIRONMENT, capture_output=True, text=True, timeout=120)


def aws(*words):
    """What it answers, as JSON; text if it was asked for that."""
    done = ran(*words)
    if done.returncode != 0:
        raise SystemExit(f"FAIL aws {' '.join(words)}: {done.stderr.strip()}")
    if "text" in words:
        return done.stdout.split()
    return json.loads(done.stdout) if done.stdout.strip() else None


def check(what, holds, seen=None):
    print(f"{'ok  ' if holds else 'FAIL'} {what}" + ("" if holds else f": {seen}"))
    if not holds:
        FAILED.append(what)


def refused(what, code, *words):
    done = ran(*words)
    check(f"{what}: {code}", done.returncode != 0 and f"({code})" in done.stderr, done.stderr.strip() or done.stdout)


def wait(service, what, *words):
    """One of the CLI's waiters. It asks every 15 s, so what takes minutes has passed before it begins."""
    told = json.dumps({"advance": "6m"}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{URL}/_cloud/clock", told, method="POST")).close()
    aws(service, "wait", what, *words)


def network():
    check("the caller is known", aws("sts", "get-caller-identity", "--query", "Account") == "123456789012")
    vpc, = aws("ec2", "describe-vpcs", "--filters", "Name=is-default,Values=true", "--query", "Vpcs[].VpcId",
               "--output", "text")
    subnets = aws("ec2", "describe-subnets", "--filters", f"Name=vpc-id,Values={vpc}", "--query",
                  "sort_by(Subnets,&AvailabilityZone)[].SubnetId", "--output", "text")
    check("a subnet in each of three zones", len(subnets) == 3, subnets)
    image = aws("ssm", "get-parameter", "--name",
                "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", "--query", "Parameter.Value")
    shown = aws("ec2", "describe-images", "--image-ids", image, "--query", "Images[].State")
    check("the image that SSM names is available", shown == ["available"], shown)
    return vpc, subnets, image


def groups(vpc):
    front = aws("ec2", "create-security-group", "--group-name", "cli-alb", "--description", "front", "--vpc-id", vpc,
                "--tag-specifications", "ResourceType=security-group,Tags=[{Key=Name,Value=front}]")["GroupId"]
    back = aws("ec2", "create-security-group", "--group-name", "cli-instances", "--description", "back", "--vpc-id", vpc)[
        "GroupId"]
    aws("ec2", "authorize-security-group-ingress", "--group-id", front, "--protocol", "tcp", "--port", "80", "--cidr",
        "0.0.0.0/0")
    aws("ec2", "authorize-security-group-ingress", "--group-id", back, "--protocol", "tcp", "--port", "8080",
        "--source-group", front)
    aws("ec2", "authorize-security-group-ingress", "--group-id", back, "--ip-permissions",
        "IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=198.51.100.0/24,Description=office}]")
    refused("the same rule again", "InvalidPermission.Duplicate", "ec2", "authorize-security-group-ingress", "--group-id",
            front, "--protocol", "tcp", "--port", "80", "--cidr", "0.0.0.0/0")
    rules = aws("ec2", "describe-security-group-rules", "--filters", f"Name=group-id,Values={back}", "--query",
                "length(SecurityGroupRules[?!IsEgress])")
    check("both rules are listed", rules == 2, rules)
    aws("ec2", "create-tags", "--resources", back, "--tags", "Key=Name,Value=back")
    named = aws("ec2", "describe-security-groups", "--filters", "Name=tag:Name,Values=fro*,back", "--query",
                "SecurityGroups[].GroupId")
    check("groups by their tag", sorted(named) == sorted([front, back]), named)
    return front, back


def instances(subnets, image, group):
    refused("a rehearsal", "DryRunOperation", "ec2", "run-instances", "--image-id", image, "--instance-type", "t3.medium",
            "--dry-run")
    made = []
    for subnet in subnets[:2]:
        one = aws("ec2", "run-instances", "--image-id", image, "--instance-type", "t3.medium", "--count", "1", "--subnet-id",
                  subnet, "--security-group-ids", group, "--user-data", "#!/bin/sh\necho hello\n", "--metadata-options",
                  "HttpTokens=required", "--block-device-mappings",
                  "DeviceName=/dev/xvda,Ebs={VolumeSize=30,VolumeType=gp3}", "--tag-specifications",
                  "ResourceType=instance,Tags=[{Key=Name,Value=web}]", "ResourceType=volume,Tags=[{Key=Name,Value=web}]")
        made.append(one["Instances"][0]["InstanceId"])
    aws("ec2", "wait", "instance-running", "--instance-ids", *made)
    wait("ec2", "instance-status-ok", "--instance-ids", *made)
    running = aws("ec2", "describe-instances", "--filters", "Name=instance-state-name,Values=running",
                  "Name=tag:Name,Values=web", "--query", "Reservations[].Instances[].InstanceId", "--output", "text")
    check("both instances run", sorted(running) == sorted(made), running)
    volumes = aws("ec2", "describe-volumes", "--filters", f"Name=attachment.instance-id,Values={','.join(made)}", "--query",
                  "Volumes[].[Size,VolumeType,Tags[0].Value]")
    check("each has its disk", volumes == [[30, "gp3", "web"]] * 2, volumes)
    tokens = aws("ec2", "describe-instances", "--instance-ids", *made, "--query",
                 "Reservations[].Instances[].MetadataOptions.HttpTokens")
    check("with the metadata options asked for", tokens == ["required"] * 2, tokens)
    return made


def pages(image, group):
    more = aws("ec2", "run-instances", "--image-id", image, "--instance-type", "t3.micro", "--count", "7",
               "--security-group-ids", group, "--query", "Instances[].InstanceId")
    shown = aws("ec2", "describe-instances", "--page-size", "5", "--query", "Reservations[].Instances[].InstanceId")
    check("small pages show all", len(shown) == len(set(shown)) and set(more) <= set(shown), shown)
    first = aws("ec2", "describe-instances", "--page-size", "5", "--max-items", "1")
    rest = aws("ec2", "describe-instances", "--page-size", "5", "--starting-token", first["NextToken"])
    count = sum(len(one["Instances"]) for answer in (first, rest) for one in answer["Reservations"])
    check("a listing goes on where it was cut", count == len(shown), (count, len(shown)))
    refused("a page that is too small", "InvalidParameterValue", "ec2", "describe-instances", "--max-results", "4")
    aws("ec2", "terminate-instances", "--instance-ids", *more)


def balancer(vpc, subnets, front, made):
    one = aws("elbv2", "create-load-balancer", "--name", "cli", "--subnets", *subnets[:2], "--security-groups", front,
              "--tags", "Key=team,Value=chatmrpt")["LoadBalancers"][0]
    arn = one["LoadBalancerArn"]
    check("a load balancer begins provisioning", one["State"] == {"Code": "provisioning"}, one["State"])
    target_group = aws("elbv2", "create-target-group", "--name", "cli", "--protocol", "HTTP", "--port", "8080", "--vpc-id",
                       vpc, "--health-check-path", "/health", "--matcher", "HttpCode=200", "--query",
                       "TargetGroups[0].TargetGroupArn")
    aws("elbv2", "modify-target-group-attributes", "--target-group-arn", target_group, "--attributes",
        "Key=stickiness.enabled,Value=true", "Key=stickiness.lb_cookie.duration_seconds,Value=86400",
        "Key=deregistration_delay.timeout_seconds,Value=30")
    wait("elbv2", "load-balancer-available", "--load-balancer-arns", arn)
    listener = aws("elbv2", "create-listener", "--load-balancer-arn", arn, "--protocol", "HTTP", "--port", "80",
                   "--default-actions", f"Type=forward,TargetGroupArn={target_group}", "--query",
                   "Listeners[0].ListenerArn")
    rule = aws("elbv2", "create-rule", "--listener-arn", listener, "--priority", "10", "--conditions",
               "Field=path-pattern,Values=/internal/*", "--actions",
               "Type=fixed-response,FixedResponseConfig={StatusCode=404,ContentType=text/plain,MessageBody=no}")
    check("a rule has its priority", rule["Rules"][0]["Priority"] == "10", rule)
    aws("elbv2", "register-targets", "--target-group-arn", target_group, "--targets", *[f"Id={each}" for each in made])
    wait("elbv2", "target-in-service", "--target-group-arn", target_group, "--targets",
        *[f"Id={each}" for each in made])
    health = aws("elbv2", "describe-target-health", "--target-group-arn", target_group, "--query",
                 "TargetHealthDescriptions[].TargetHealth.State")
    check("both targets become healthy", health == ["healthy"] * 2, health)
    refused("an unknown target group", "TargetGroupNotFound", "elbv2", "describe-target-groups", "--names", "nobody")
    refused("a second listener of the port", "DuplicateListener", "elbv2", "create-listener", "--load-balancer-arn", arn,
            "--protocol", "HTTP", "--port", "80", "--default-actions",
            "Type=fixed-response,FixedResponseConfig={StatusCode=200}")
    tags = aws("elbv2", "describe-tags", "--resource-arns", arn, "--query", "TagDescriptions[0].Tags")
    check("its tags are kept", tags == [{"Key": "team", "Value": "chatmrpt"}], tags)
    return arn, listener, target_group


def baking(instance):
    image = aws("ec2", "create-image", "--instance-id", instance, "--name", "cli", "--no-reboot")["ImageId"]
    wait("ec2", "image-available", "--image-ids", image)
    shown = aws("ec2", "describe-images", "--owners", "self", "--query",
                "Images[].[ImageId,BlockDeviceMappings[0].Ebs.SnapshotId]")
    check("an image is baked", [one[0] for one in shown] == [image], shown)
    snapshot = shown[0][1]
    refused("a snapshot of an image", "InvalidSnapshot.InUse", "ec2", "delete-snapshot", "--snapshot-id", snapshot)
    aws("ec2", "deregister-image", "--image-id", image)
    aws("ec2", "delete-snapshot", "--snapshot-id", snapshot)


def ending(arn, listener, target_group, made, front, back):
    refused("a target group in use", "ResourceInUse", "elbv2", "delete-target-group", "--target-group-arn", target_group)
    aws("elbv2", "deregister-targets", "--target-group-arn", target_group, "--targets", *[f"Id={each}" for each in made])
    wait("elbv2", "target-deregistered", "--target-group-arn", target_group, "--targets",
        *[f"Id={each}" for each in made])
    aws("elbv2", "delete-listener", "--listener-arn", listener)
    aws("elbv2", "delete-load-balancer", "--load-balancer-arn", arn)
    wait("elbv2", "load-balancers-deleted", "--load-balancer-arns", arn)
    aws("elbv2", "delete-target-group", "--target-group-arn", target_group)
    aws("ec2", "terminate-instances", "--instance-ids", *made)
    wait("ec2", "instance-terminated", "--instance-ids", *made)
    aws("ec2", "delete-security-group", "--group-id", back)
    aws("ec2", "delete-security-group", "--group-id", front)
    left = aws("ec2", "describe-security-groups", "--query", "SecurityGroups[].GroupName")
    check("nothing is left but the default group", left == ["default"], left)
    volumes = aws("ec2", "describe-volumes", "--query", "Volumes")
    check("nor a disk", volumes == [], volumes)


def tables():
    aws("dynamodb", "create-table", "--table-name", "cli", "--attribute-definitions", "AttributeName=pk,AttributeType=S",
        "--key-schema", "AttributeName=pk,KeyType=HASH", "--billing-mode", "PAY_PER_REQUEST")
    aws("dynamodb", "wait", "table-exists", "--table-name", "cli")
    aws("dynamodb", "put-item", "--table-name", "cli", "--item", '{"pk": {"S": "a"}, "n": {"N": "1"}}')
    item = aws("dynamodb", "get-item", "--table-name", "cli", "--key", '{"pk": {"S": "a"}}')["Item"]
    check("an item comes back", item == {"pk": {"S": "a"}, "n": {"N": "1"}}, item)
    refused("a condition that does not hold", "ConditionalCheckFailedException", "dynamodb", "put-item", "--table-name",
            "cli", "--item", '{"pk": {"S": "a"}}', "--condition-expression", "attribute_not_exists(pk)")


def main():
    vpc, subnets, image = network()
    front, back = groups(vpc)
    made = instances(subnets, image, back)
    pages(image, back)
    arn, listener, target_group = balancer(vpc, subnets, front, made)
    baking(made[0])
    ending(arn, listener, target_group, made, front, back)
    tables()
    print(f"the aws CLI: {len(FAILED)} failed")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
