"""Cases about what users write and read: records, addresses, proxies, the terminal, the cloud's filters."""

import base64
import gzip
import json
import os
import pty
import re
import signal
import subprocess
import time

import botocore.exceptions

from lab import NAME, Lab, Wrong


def base64_user_data(lab):
    """6: user data that is base64 already"""
    for text in (b"#cloud-config\n", b"#!/bin/sh\necho hello\n", gzip.compress(b"#cloud-config\n")):
        ran = lab.apply("--dry-run", instances=lab.instances(userData=base64.b64encode(text).decode()))
        print(f"  {ran}")
        if ran.status != 1 or "spec.instances.userData" not in ran.err:
            raise Wrong("it is taken in silence")


YAML = """apiVersion: understudy.dev/v1alpha1
kind: StagingEnvironment
metadata: {{name: shop}}
spec:
  image: {{amiId: ami-0123456789abcdef0}}
  instances: {{count: {count}, types: [t3.medium]}}
  tags: {tags}
  services: [{{name: web, port: 8080}}]
  access: {{loadBalancer: [{{cidr: 0.0.0.0/0}}]}}
"""


def quoted_advice(lab):
    """7: numbers where a text is wanted, and numbers in other bases"""
    advice = lab.run("apply", "-f", "-", "--dry-run", stdin=YAML.format(count=2, tags="{Account: 012345678901, Release: 1.10, Hex: 0x1F, Nul: ~}"))
    print(f"  {advice}")
    for text in ("012345678901", "1.10", "0x1F", "Nul"):
        if text not in advice.err:
            raise Wrong(f"{text} is not quoted")
    for count in ("010", "0b11", ".inf"):
        ran = lab.run("apply", "-f", "-", "--dry-run", stdin=YAML.format(count=count, tags="{A: 1.10}"))
        print(f"  count: {count}: {ran}")
        if ran.status != 1 or "spec.instances.count" not in ran.err or "spec.tags" not in ran.err:
            raise Wrong("it is taken, or hides the other error")


def a_proxy(lab):
    """9: HTTP_PROXY and the loopback, and an endpoint that is none"""
    proxy = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    ran = lab.run("get", env=lab.clean(**proxy))
    print(f"  get: {ran}")
    if ran.status:
        raise Wrong("loopback goes through the proxy")
    demo = lab.run("demo", "--once", "--speed", "60", local=False, env=lab.clean(**proxy))
    print(f"  demo: {demo.out.splitlines()[-1] if demo.out else demo}")
    credentials = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "a", "AWS_REGION": "us-east-2"}
    far = lab.run("get", "--endpoint-url", "http://dynamodb.example.com", local=False, env=lab.clean(**proxy, **credentials))
    print(f"  another endpoint: {far}")
    if demo.status or "127.0.0.1:9" not in far.err:
        raise Wrong("the demo goes through the proxy, or the proxy is not named")


def filters(lab):
    """12: filters as AWS documents them"""
    vpc = lab.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = lab.ec2.create_security_group(GroupName="named", Description="x", VpcId=vpc)["GroupId"]
    lab.ec2.create_tags(Resources=[made], Tags=[{"Key": "Name", "Value": "a*b"}])
    found = lab.ec2.describe_security_groups(Filters=[{"Name": "tag:Name", "Values": [r"a\*b"]}])["SecurityGroups"]
    print(f"  a\\*b finds {len(found)}")
    if len(found) != 1:
        raise Wrong("an escaped star is not found")
    for name, all_filters in (("51 filters", [{"Name": "vpc-id", "Values": [vpc]}] * 51), ("256 characters", [{"Name": "tag:Name", "Values": ["a" * 256]}])):
        try:
            lab.ec2.describe_security_groups(Filters=all_filters)
        except botocore.exceptions.ClientError as error:
            print(f"  {name}: {error}")
        else:
            raise Wrong(f"{name} are taken")


def addresses(lab):
    """13: addresses that --listen takes"""
    wrong = []
    for address in ("::1:0", "[::1]:0", "localhost:0", "0", "127.0.0.1:0"):
        process = subprocess.Popen([lab.binary, "cloud", "--listen", address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=lab.clean())
        time.sleep(1)
        runs = process.poll() is None
        process.kill()
        out, err = process.communicate()
        print(f"  {address}: {(out or err).splitlines()[0]}")
        if not runs:
            wrong.append(address)
    if wrong:
        raise Wrong(f"not taken: {wrong}")


def starvation(lab):
    """18: 13 environments in real time (two minutes)"""
    with Lab(lab.binary, speed=1, controller=False) as slow:
        for number in range(13):
            record = slow.record()
            record["metadata"]["name"] = f"shop-{number}"
            slow.verb("apply", "-f", "-", stdin=json.dumps(record))
        slow.start("controller", "--local", "--endpoint-url", slow.url)
        time.sleep(60)
        slow.cloud("clock", {"advance": "10m"})
        time.sleep(30)
        flips = {}
        for _ in range(40):
            for item in json.loads(slow.verb("get", "-o", "json").out)["items"]:
                for kind in item.get("status", {}).get("conditions", []):
                    flips.setdefault((item["metadata"]["name"], kind["type"]), set()).add((kind["status"], kind["reason"]))
            time.sleep(1.5)
        unread = [f"{name} {kind}: {sorted(seen)}" for (name, kind), seen in flips.items() if len(seen) > 1 or any("Unread" in one for one in seen)]
        told = [line for line in slow.log("controller").splitlines() if "our share of the quota" in line]
        starved = sum("part not read" in line for line in told)
        print(f"  {starved} parts unread by our own budget; {len(unread)} conditions flipped or unread")
        print("  " + "\n  ".join(line[:300] for line in told[:5]))
        print("  " + "\n  ".join(unread[:5]))
        if starved or unread:
            raise Wrong("parts stay unread")


def eighty_columns(lab):
    """23: describe, events, get and plan in a terminal of 80 columns"""
    lab.ready()
    worst = {}
    for verb in (["describe", NAME], ["events", NAME], ["get"], ["plan", NAME]):
        out = lab.run(*verb, env=lab.clean(COLUMNS="80")).out
        text = terminal([lab.binary, *verb, "--local", "--endpoint-url", lab.url], lab.clean(COLUMNS="80"))
        worst[verb[0]] = max(map(len, text.splitlines() or [""]))
        if verb[0] in ("plan", "get"):
            print("  " + out.replace("\n", "\n  "))
    print(f"  longest lines: {worst}")
    if max(worst.values()) > 80:
        raise Wrong("lines are longer than the terminal")


def terminal(command, env):
    """What a command prints in a terminal of 80 columns."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(command[0], command, env)
    import fcntl
    import struct
    import termios
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    said = b""
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        said += part
    os.waitpid(pid, 0)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode(errors="replace").replace("\r", ""))


def sdk_noise(lab):
    """24: no region, no credentials"""
    for what, more in (("no region", {}), ("no credentials", {"AWS_REGION": "us-east-2"})):
        ran = lab.run("get", local=False, env=lab.clean(AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9/", **more))
        print(f"  {what}: {len(ran.err.splitlines())} lines: {ran.err.splitlines()[-1] if ran.err else ''}")
        if len(ran.err.splitlines()) > 1:
            raise Wrong("dumps of the SDK")


def small(lab):
    """25: Ctrl-C, and a verb that is mistyped"""
    process = subprocess.Popen([lab.binary, "get", "-w", "--local", "--endpoint-url", lab.url], env=lab.clean(), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    status = process.wait(10)
    typo = lab.run("gte")
    print(f"  Ctrl-C: {status}; gte: {typo}")
    if status != 130 or "get" not in typo.err.replace("gte", ""):
        raise Wrong("status or suggestion")


def refused_read(lab):
    """22 i: nobody listens, and one only reads"""
    ran = lab.run("get", "--endpoint-url", "http://127.0.0.1:9", local=False, env=lab.clean(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="a", AWS_REGION="us-east-2"))
    print(f"  {ran}")
    if "may have gone through" in ran.err:
        raise Wrong("a read is told as a write")


CASES = [base64_user_data, quoted_advice, a_proxy, filters, addresses, eighty_columns, sdk_noise, small, refused_read, starvation]
