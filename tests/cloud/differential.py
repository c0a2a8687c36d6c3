"""The same calls to `understudy cloud` and to moto: every difference is on docs/cloud-differences.md, judged by AWS's page.

Usage: differential.py URL [--write]. Starts moto itself. Prints each difference that is not on the page or not as it says
there, and each that the page has and that no longer occurs; exit status 1 when there is one. `--write` writes the page anew:
what was judged is kept, what is new has "?" for who is right, and the run fails on it until somebody has judged."""

import datetime
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib

import boto3
import jmespath
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from calls import CALLS, PASS

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "cloud-differences.md"
ROW = re.compile(r"^\| (.+?) \| `(.+?)` \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$")
# Who is right by AWS's page; "open" where the page does not say.
RIGHT = ("ours", "moto", "neither", "open")
SHOWN_MAX = 90
ABSENT = "(absent)"
# Ids, addresses and names that each cloud chooses for itself, in the order in which they are looked for.
CHOSEN = [
    (re.compile(r"(arn:aws:elasticloadbalancing:[a-z0-9-]+:\d+:[a-z-]+(?:/app)?/[A-Za-z0-9-]+)(?:/[0-9a-f]{16,17})+"), r"\1/*"),
    (re.compile(r"\b(sgr-rule-|[a-z]{1,8}(?:-attach|-assoc)?-)[0-9a-f]{8,17}\b"), r"\1*"),
    (re.compile(r"\bec2-\d+-\d+-\d+-\d+\b|\bip-\d+-\d+-\d+-\d+\b"), "host-*"),
    (re.compile(r"\b(?!0\.0\.0\.0)\d{1,3}(\.\d{1,3}){3}\b(?!/)"), "address"),
    (re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b"), "hardware address"),
    (re.compile(r"\b(d-alb)-[0-9.]+\.([a-z0-9-]+)\.elb\.amazonaws\.com"), r"\1-*.\2.elb.amazonaws.com"),
    (re.compile(r"^\d{4}-\d\d-\d\d[ T].*$"), "instant"),
]


class Refused(str):
    """How a call was refused."""


class Side:
    """One of the two clouds, and what was saved of its answers."""

    def __init__(self, name, url):
        self.name, self.url, self.saved, self.unsaved = name, url, {}, []
        config = Config(retries={"max_attempts": 0}, read_timeout=30, parameter_validation=False)
        make = lambda service: boto3.client(service, endpoint_url=url, region_name="us-east-2", config=config,
                                            aws_access_key_id="any", aws_secret_access_key="any")
        self.clients = {service: make(service) for service in ("ec2", "elbv2", "sts")}

    def pass_time(self):
        if self.name == "ours":
            told = json.dumps({"advance": "10m"}).encode()
            urllib.request.urlopen(urllib.request.Request(f"{self.url}/_cloud/clock", told, method="POST")).close()

    def answer(self, call):
        """What is compared of its answer, or how it refused."""
        operation = getattr(self.clients[call["service"]], call["operation"])
        try:
            answer = operation(**self.filled(call["parameters"]))
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return Refused(f"{error.response['Error']['Code']} ({status})")
        except ResponseParserError:
            return Refused("no answer that can be read")
        answer.pop("ResponseMetadata")
        for name, path in call["save"].items():
            self.saved[name] = jmespath.search(path, answer)
            if self.saved[name] is None:
                self.unsaved.append(f"{call['name']}: nothing at {path}, which later calls go by")
        picked = jmespath.search(call["only"], answer) if call["only"] else answer
        return self.plain(picked)

    def filled(self, value):
        if isinstance(value, str) and value.startswith("{"):
            return self.saved.get(value[1:-1]) or f"nothing-saved-as-{value[1:-1]}"
        if isinstance(value, dict):
            return {name: self.filled(one) for name, one in value.items()}
        return [self.filled(one) for one in value] if isinstance(value, list) else value

    def plain(self, value):
        """A value without what each cloud chooses for itself; what was saved goes by its name."""
        if isinstance(value, dict):
            return {name: self.plain(one) for name, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.plain(one) for one in value]
        if isinstance(value, datetime.datetime):
            return "instant"
        if not isinstance(value, str):
            return value
        for name, saved in self.saved.items():
            if saved and value == saved:
                return f"{{{name}}}"
        for what, instead in CHOSEN:
            value = what.sub(instead, value)
        return value


def differences(ours, moto):
    """Each as (call, path) with what either shows."""
    found = {}
    for call in CALLS:
        if call == PASS:
            ours.pass_time()
            moto.pass_time()
            continue
        here, there = ours.answer(call), moto.answer(call)
        if isinstance(here, Refused) or isinstance(there, Refused):
            if here != there:
                say = lambda answer: answer if isinstance(answer, Refused) else "done"
                found[call["name"], "refusal"] = (say(here), say(there))
            continue
        for path, one, other in unlike(here, there, ""):
            found[call["name"], path or "picked"] = (shown(one), shown(other))
    return found


def unlike(one, other, path):
    """Where two answers differ: member by member where both have one, and as a whole where either has none."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            yield from unlike(one.get(name, ABSENT), other.get(name, ABSENT), f"{path}.{name}" if path else name)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other) and path:
        for place, both in enumerate(zip(one, other)):
            yield from unlike(*both, f"{path}[{place}]")
    elif one != other:
        yield path, one, other


def shown(value):
    text = value if isinstance(value, str) and value else json.dumps(value)
    text = text.replace("|", "/")
    # What is not shown of it counts nevertheless.
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}... (CRC {zlib.crc32(text.encode()):08x})"


def judged():
    """The rows of the page: ours, moto's, who is right, and why, by (call, path)."""
    lines = PAGE.read_text().splitlines() if PAGE.exists() else []
    rows = filter(None, map(ROW.match, lines))
    return {(row[1], row[2]): (row[3], row[4], row[5], row[6]) for row in rows}


def write(found, known):
    before = PAGE.read_text().split("| call |")[0] if PAGE.exists() else ""
    rows = ["| call | where | ours | moto | who is right | AWS's page, and why |", "|---|---|---|---|---|---|"]
    for (name, path), (ours, moto) in found.items():
        right, why = known.get((name, path), ("", "", "?", "?"))[2:]
        rows.append(f"| {name} | `{path}` | {ours} | {moto} | {right} | {why} |")
    PAGE.write_text(before + "\n".join(rows) + "\n")


def judge(found, known):
    wrong = []
    for key, both in found.items():
        row = known.get(key)
        if row is None:
            wrong.append(f"{key[0]}, {key[1]}: ours {both[0]}, moto {both[1]}: on no line of {PAGE.name}")
        elif row[:2] != both:
            wrong.append(f"{key[0]}, {key[1]}: ours {both[0]}, moto {both[1]}; {PAGE.name} has {row[0]} and {row[1]}")
        elif row[2] not in RIGHT or row[3] == "?":
            wrong.append(f"{key[0]}, {key[1]}: nobody has judged who is right: {row[2]}")
    wrong += [f"{name}, {path}: occurs no longer" for name, path in known if (name, path) not in found]
    return wrong


def main():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = pathlib.Path(sys.executable).parent / "moto_server"
    environment = {**os.environ, "MOTO_ENABLE_AMI_VALIDATION": "1", "AWS_DEFAULT_REGION": "us-east-2"}
    with tempfile.TemporaryFile() as log:
        moto = subprocess.Popen([sys.executable, str(program), "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log,
                                env=environment)
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        ours = Side("ours", sys.argv[1])
        found = differences(ours, Side("moto", f"http://127.0.0.1:{port}"))
    finally:
        moto.terminate()
        moto.wait(10)
    if "--write" in sys.argv:
        write(found, judged())
    # What moto does not have for later calls is a difference of its own, and on the page.
    wrong = judge(found, judged()) + ours.unsaved
    for line in wrong:
        print(f"FAIL {line}")
    calls = sum(call != PASS for call in CALLS)
    print(f"{'FAIL' if wrong else 'ok  '} {calls} calls to ours and to moto: {len(found)} differences, {len(wrong)} to be judged")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
