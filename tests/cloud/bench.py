"""How fast `understudy cloud` answers, beside moto, both on this machine in one run.

Usage: bench.py BINARY EXAMPLES [--seconds N] [--only ours|moto]: `understudy` (or the example `serve`), and the folder of the examples
`calls` and `load` of the crate `cloud`; tests/cloud/figures builds both. Prints a table: calls a second at 8 connections of one
call over and over, the middle and the 99th of a hundred answers, from start to first answer, memory, and requests a second
through a load balancer. The answers that were refused are counted beside: a figure with any is of no use."""

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3
from botocore.config import Config

CONNECTIONS = 8
LAUNCHES = 400
MANY = 1000
EC2 = "Version=2016-11-15&Action="
ELB = "Version=2015-12-01&Action="


class Served:
    """One of the two clouds, started; `with` ends it."""

    def __init__(self, name, binary):
        self.name = name
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]
        host, port = self.address.split(":")
        verb = ["cloud"] if binary.name == "understudy" else []
        ours = [str(binary), *verb, "--listen", self.address, "--consistency", "strong", "--throttling", "off"]
        moto = [sys.executable, str(pathlib.Path(sys.executable).parent / "moto_server"), "-H", host, "-p", port]
        self.log = tempfile.TemporaryFile()
        began = time.monotonic()
        self.process = subprocess.Popen(ours if name == "ours" else moto, stdout=self.log, stderr=self.log)
        self.starts_in = self.first_answer(began)

    def first_answer(self, began):
        form = (EC2 + "DescribeVpcs").encode()
        headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=any/20261127/us-east-2/ec2/aws4_request, SignedHeaders=host, "
                                    "Signature=0"}
        while time.monotonic() - began < 60:
            try:
                urllib.request.urlopen(urllib.request.Request(f"http://{self.address}/", form, headers)).read()
                return time.monotonic() - began
            except OSError:
                time.sleep(0.002)
        raise SystemExit(f"{self.name} did not answer within a minute")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def client(self, service):
        return boto3.client(service, endpoint_url=f"http://{self.address}", region_name="us-east-2",
                            config=Config(retries={"max_attempts": 0}, read_timeout=120),
                            aws_access_key_id="any", aws_secret_access_key="any")

    def pass_time(self):
        if self.name == "ours":
            told = json.dumps({"advance": "10m"}).encode()
            urllib.request.urlopen(f"http://{self.address}/_cloud/clock", told).close()

    def load_balancer(self):
        """Where the first one listens."""
        with urllib.request.urlopen(f"http://{self.address}/_cloud/state") as reply:
            return json.load(reply)["loadBalancers"][0]["listeners"][0]["address"]

    def memory_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def environment(served):
    ec2, elb = served.client("ec2"), served.client("elbv2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    group = ec2.create_security_group(GroupName="bench", Description="bench", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 8080, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    made = [ec2.run_instances(ImageId=image, InstanceType="t3.medium", MinCount=1, MaxCount=1, SubnetId=subnet,
                              SecurityGroupIds=[group])["Instances"][0]["InstanceId"] for subnet in subnets]
    arn = elb.create_load_balancer(Name="bench", Subnets=subnets, SecurityGroups=[group])["LoadBalancers"][0]["LoadBalancerArn"]
    targets = elb.create_target_group(Name="bench", Protocol="HTTP", Port=8080, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[
        {"Type": "forward", "TargetGroupArn": targets}])
    served.pass_time()
    elb.register_targets(TargetGroupArn=targets, Targets=[{"Id": each} for each in made])
    served.pass_time()
    return image, subnets[0], group, targets, made


def measured(served, examples, service, form, seconds, calls=10**9):
    command = [str(examples / "calls"), served.address, service, str(CONNECTIONS), str(seconds), str(calls), form]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 300)
    return json.loads(done.stdout) if done.returncode == 0 else {"a_second": 0, "failed": done.stderr.strip()}


def through_a_load_balancer(served, examples, seconds):
    """Requests a second, as the example `load` counts them."""
    command = [str(examples / "load"), served.load_balancer(), str(max(1, round(seconds)))]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    a_second, answers = told.strip().split(" requests/s: ")
    return f"{float(a_second):,.0f}/s ({answers})"


def rows(served, examples, seconds):
    """Each figure's name, and the figure."""
    image, subnet, group, targets, made = environment(served)
    ask = lambda service, form, **more: measured(served, examples, service, form, seconds, **more)
    yield "memory with one environment, MiB", round(served.memory_mib(), 1)
    if served.name == "ours":
        yield "HTTP through a load balancer, 2 targets, 32 connections", through_a_load_balancer(served, examples, seconds)
    yield "DescribeInstances, 2 instances", ask("ec2", EC2 + "DescribeInstances")
    yield "DescribeTargetHealth", ask("elasticloadbalancing", f"{ELB}DescribeTargetHealth&TargetGroupArn={targets}")
    yield "RegisterTargets", ask("elasticloadbalancing",
                                 f"{ELB}RegisterTargets&TargetGroupArn={targets}&Targets.member.1.Id={made[0]}")
    launch = f"{EC2}RunInstances&ImageId={image}&InstanceType=t3.micro&MinCount=1&MaxCount=1&SubnetId={subnet}"
    yield f"RunInstances, {LAUNCHES} launches", ask("ec2", f"{launch}&SecurityGroupId.1={group}&ClientToken=bench-{{n}}",
                                                    calls=LAUNCHES)
    ec2 = served.client("ec2")
    pages = ec2.get_paginator("describe_instances").paginate()
    there = sum(len(one["Instances"]) for page in pages for one in page["Reservations"])
    for more in [100] * ((MANY - there) // 100) + [(MANY - there) % 100]:
        ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=more, MaxCount=more, SubnetId=subnet)
    served.pass_time()
    # Without MaxResults AWS and ours answer all there is, moto a hundred reservations: the two figures are of other answers then.
    for how, parameter, asked in [("MaxResults=1000", "&MaxResults=1000", {"MaxResults": 1000}), ("no MaxResults", "", {})]:
        shown = sum(len(one["Instances"]) for one in ec2.describe_instances(**asked)["Reservations"])
        yield f"instances in an answer, of {MANY}, {how}", shown
        yield f"DescribeInstances, {MANY} instances, {how}", ask("ec2", f"{EC2}DescribeInstances{parameter}")
    yield f"memory with {MANY} instances, MiB", round(served.memory_mib(), 1)


def told(figure):
    if not isinstance(figure, dict):
        return str(figure)
    if figure["failed"]:
        return f"{figure['a_second']:,.1f}/s, {figure['failed']} refused"
    return f"{figure['a_second']:,.1f}/s ({figure['middle_us'] / 1000:.1f} ms, {figure['p99_us'] / 1000:.1f} ms)"


def value(figure):
    return figure["a_second"] if isinstance(figure, dict) else figure


def main():
    options = argparse.ArgumentParser()
    options.add_argument("binary", type=pathlib.Path)
    options.add_argument("examples", type=pathlib.Path)
    options.add_argument("--seconds", type=float, default=5)
    options.add_argument("--only", choices=["ours", "moto"])
    options = options.parse_args()
    figures = {}
    for name in [options.only] if options.only else ["ours", "moto"]:
        with Served(name, options.binary.resolve()) as served:
            figures[name] = {"from start to first answer, ms": round(served.starts_in * 1000, 1)}
            for what, figure in rows(served, options.examples.resolve(), options.seconds):
                figures[name][what] = figure
                print(f"{name}: {what}: {told(figure)}", file=sys.stderr)
    load = os.getloadavg()
    print(f"{CONNECTIONS} connections; load of the machine over the last minutes {load[0]:.1f}, {load[1]:.1f}\n")
    print("| | " + " | ".join(figures) + (" | ours to moto |" if len(figures) == 2 else " |"))
    print("|---" * (len(figures) + 1 + (len(figures) == 2)) + "|")
    for what in next(iter(figures.values())):
        cells = [told(side[what]) for side in figures.values() if what in side]
        if len(figures) == 2 and what not in figures["moto"]:
            cells += ["", ""]
        elif len(figures) == 2 and value(figures["moto"][what]):
            cells.append(f"{value(figures['ours'][what]) / value(figures['moto'][what]):,.3g}")
        print(f"| {what} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
