"""A cloud, a controller on it, and the record R that the cases start from. `with Lab(binary) as lab` ends both."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import urllib.request

import boto3
import botocore.config

SPEED = 60
READY_WITHIN_S = 60
VERB_WITHIN_S = 120
NAME = "shop"


class Wrong(Exception):
    """Something is not as it should be; the message says what was seen."""


class Ran:
    """What a command came to."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __str__(self):
        return f"status {self.status}\n{self.out}{self.err}".rstrip()


class Lab:
    def __init__(self, binary, speed=SPEED, controller=True, cloud_flags=()):
        self.binary, self.speed, self.controls, self.flags = binary, speed, controller, cloud_flags
        self.folder = tempfile.TemporaryDirectory()
        self.processes = {}

    def __enter__(self):
        cloud = self.start("cloud", "--listen", "127.0.0.1:0", "--speed", str(self.speed), *self.flags)
        self.url = "http://" + cloud.stdout.readline().split("http://")[1].split(",")[0]
        options = {"endpoint_url": self.url, "region_name": "us-east-2", "aws_access_key_id": "any", "aws_secret_access_key": "any",
                   "config": botocore.config.Config(retries={"max_attempts": 6})}
        self.ec2, self.elb, self.table = (boto3.client(name, **options) for name in ("ec2", "elbv2", "dynamodb"))
        self.image = self.state()["images"][0]
        self.image = self.image if isinstance(self.image, str) else self.image["id"]
        self.verb("bootstrap")
        if self.controls:
            self.start("controller", "--local", "--endpoint-url", self.url)
        return self

    def __exit__(self, *_):
        for process in reversed(list(self.processes.values())):
            process.kill()
            process.wait()
        self.folder.cleanup()

    def start(self, name, *arguments):
        log = open(pathlib.Path(self.folder.name) / f"{name}.log", "a")
        process = subprocess.Popen([self.binary, name, *arguments], stdout=subprocess.PIPE, stderr=log, text=True, env=self.clean())
        self.processes[name] = process
        return process

    def log(self, name):
        return (pathlib.Path(self.folder.name) / f"{name}.log").read_text()

    def clean(self, **more):
        """Nobody's credentials, and no proxy."""
        return {"PATH": os.environ["PATH"], "HOME": self.folder.name, **more}

    def run(self, *arguments, stdin=None, local=True, env=None):
        """A verb; its exit status is part of the answer."""
        command = [self.binary, *arguments, *(("--local", "--endpoint-url", self.url) if local else ())]
        ran = subprocess.run(command, input=stdin, capture_output=True, text=True, env=env or self.clean(), timeout=VERB_WITHIN_S)
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def verb(self, *arguments, **more):
        ran = self.run(*arguments, **more)
        if ran.status:
            raise Wrong(f"{' '.join(arguments)}: {ran}")
        return ran

    def cloud(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/_cloud/{path}", data, timeout=20) as reply:
            return json.load(reply)

    def state(self):
        return self.cloud("state")

    def record(self, **spec):
        """R: default VPC, two t3.medium, HTTP :80 to :8080, open to all. `spec` replaces top-level fields."""
        return {
            "apiVersion": "understudy.dev/v1alpha1", "kind": "StagingEnvironment", "metadata": {"name": NAME},
            "spec": {
                "image": {"amiId": self.image},
                "instances": {"count": 2, "types": ["t3.medium"]},
                "services": [{"name": "web", "port": 8080, "deregistrationDelay": "30s",
                              "healthCheck": {"path": "/health", "interval": "10s", "healthyThreshold": 2}}],
                "access": {"loadBalancer": [{"cidr": "0.0.0.0/0"}]}, **spec,
            },
        }

    def instances(self, **fields):
        return {"count": 2, "types": ["t3.medium"], **fields}

    def service(self, **fields):
        return [{**self.record()["spec"]["services"][0], **fields}]

    def apply(self, *arguments, **spec):
        return self.run("apply", "-f", "-", *arguments, stdin=json.dumps(self.record(**spec)))

    def applied(self, **spec):
        ran = self.apply(**spec)
        if ran.status:
            raise Wrong(f"apply: {ran}")
        return ran

    def ready(self, **spec):
        """R, applied and Ready."""
        self.applied(**spec)
        self.verb("wait", NAME, "--for", "condition=Ready", "--timeout", f"{READY_WITHIN_S}s")
        self.sleep(60)

    def sleep(self, seconds):
        """Lets so many seconds of the cloud's time pass, with the controller looking on."""
        time.sleep(seconds / self.speed)

    def until(self, what, holds, seconds=900):
        """Waits until it holds, so many seconds of the cloud's time at most. Returns how long it took, or raises."""
        began = time.monotonic()
        while time.monotonic() - began < seconds / self.speed:
            if holds():
                return (time.monotonic() - began) * self.speed
            time.sleep(0.1)
        raise Wrong(f"not within {seconds} s: {what}")

    def document(self):
        return json.loads(self.verb("get", NAME, "-o", "json").out)

    def status(self):
        return self.document().get("status", {})

    def condition(self, kind):
        return next((each for each in self.status().get("conditions", []) if each["type"] == kind), {})

    def row(self):
        """`get` of the environment, without its header."""
        return self.verb("get", NAME).out.splitlines()[-1]

    def events(self):
        return [json.loads(line) for line in self.verb("events", NAME, "-o", "json").out.splitlines()]

    def said(self, pattern):
        return any(re.search(pattern, f"{event['reason']} {event['message']}") for event in self.events())

    def members(self, *states):
        states = states or ("pending", "running", "stopping", "stopped")
        found = self.ec2.describe_instances(Filters=[{"Name": "tag:understudy:environment", "Values": [NAME]},
                                                     {"Name": "instance-state-name", "Values": list(states)}])
        return [each for one in found["Reservations"] for each in one["Instances"]]

    def ids(self, *states):
        return sorted(each["InstanceId"] for each in self.members(*states))

    def group(self, name):
        found = self.ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}])["SecurityGroups"]
        return found[0] if found else None

    def balancer(self):
        try:
            return self.elb.describe_load_balancers(Names=[f"{NAME}-alb"])["LoadBalancers"][0]
        except self.elb.exceptions.LoadBalancerNotFoundException:
            return None

    def listener(self):
        return self.elb.describe_listeners(LoadBalancerArn=self.balancer()["LoadBalancerArn"])["Listeners"][0]

    def target_group(self):
        return self.elb.describe_target_groups()["TargetGroups"][0]

    def other_target_group(self, name="theirs"):
        vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        made = self.elb.create_target_group(Name=name, Protocol="HTTP", Port=9000, VpcId=vpc)
        return made["TargetGroups"][0]["TargetGroupArn"]

    def other_image(self):
        """An image of one of the members, as a person makes it, once it can be used."""
        image = self.ec2.create_image(InstanceId=self.ids("running")[0], Name=f"next-{time.time_ns()}", NoReboot=True)["ImageId"]
        self.until("the image to be available", lambda: self.ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available", 3600)
        return image


def ranges(group, port=80):
    """The IPv4 ranges that a group lets in on a port."""
    return sorted(each["CidrIp"] for rule in group["IpPermissions"] if rule.get("FromPort") == port for each in rule["IpRanges"])
