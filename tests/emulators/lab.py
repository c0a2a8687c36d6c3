"""The processes of a run: moto, the proxy in front of it, the binary.

All listen on loopback, on ports that were free; each is ended by its own process id when the lab closes.
What the binary sends goes through the proxy (counted, recorded, one at a time, since moto is not safe from two
threads). The judge and the faults go to moto directly.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import boto3

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REGION = "us-east-2"
TABLE = "understudy"
START_MAX_S = 60
CONTROLLER_FLAGS = ["--resync-interval", "2s", "--missing-after", "3s"]
# Variables of the one who runs this must not reach the binary.
FOREIGN = ("AWS_", "UNDERSTUDY_")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


class Process:
    """A child with its output in files."""

    def __init__(self, name, command, env, folder):
        self.name, self.err = name, folder / f"{name}.log"
        self.out = folder / f"{name}.out"
        with open(self.err, "ab") as err, open(self.out, "ab") as out:
            self.popen = subprocess.Popen([str(c) for c in command], env=env, stdin=subprocess.DEVNULL,
                                          stdout=out, stderr=err)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def terminate(self, bound_s=20):
        """SIGTERM; (exit status, seconds), the status None if it had to be killed."""
        began = time.monotonic()
        self.popen.send_signal(signal.SIGTERM)
        try:
            return self.popen.wait(bound_s), time.monotonic() - began
        except subprocess.TimeoutExpired:
            self.kill()
            return None, time.monotonic() - began

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def freeze(self):
        self.popen.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.popen.send_signal(signal.SIGCONT)

    def close(self):
        if self.alive():
            self.thaw()
            self.terminate(5)

    def tail(self, lines=15):
        text = self.err.read_text(errors="replace").splitlines()
        return "\n".join([f"{self.name} said last:", *text[-lines:]])


@dataclass
class Ran:
    """A command that ended."""
    command: list
    status: int
    out: str
    err: str
    seconds: float

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"$ understudy {' '.join(self.command)}\nexit status {self.status}\n{self.out}{self.err}"


class Lab:
    def __init__(self, folder, binary, serial=True):
        self.folder, self.binary, self.children = Path(folder), binary, []
        self.moto_url = self.start_moto()
        self.requests = self.folder / "requests.jsonl"
        self.proxy_url, self.admin_url = self.start_proxy(serial)
        self.ec2, self.elbv2, self.dynamodb, self.iam = (
            boto3.client(service, region_name=REGION, endpoint_url=self.moto_url, aws_access_key_id="judge",
                         aws_secret_access_key="judge") for service in ("ec2", "elbv2", "dynamodb", "iam"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.close()

    def child(self, name, command, env):
        self.children.append(Process(name, command, env, self.folder))
        return self.children[-1]

    def start_moto(self):
        port = free_port()
        env = os.environ | {"MOTO_ENABLE_AMI_VALIDATION": "1", "MOTO_AMIS_PATH": str(HERE / "amis.json")}
        moto = self.child("moto", [Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", port], env)
        url = f"http://127.0.0.1:{port}"
        answers(moto, f"{url}/moto-api/")
        return url

    def start_proxy(self, serial):
        listen, admin = free_port(), free_port()
        command = [sys.executable, ROOT / "tests/bench/awsproxy.py", "--listen", f"127.0.0.1:{listen}",
                   "--admin", f"127.0.0.1:{admin}", "--upstream", self.moto_url.removeprefix("http://"),
                   "--record", self.requests] + (["--serial"] if serial else [])
        proxy = self.child("proxy", command, os.environ.copy())
        answers(proxy, f"http://127.0.0.1:{admin}/stats")
        return f"http://127.0.0.1:{listen}", f"http://127.0.0.1:{admin}"

    def admin(self, method, path):
        """Asks the proxy's admin port."""
        request = urllib.request.Request(self.admin_url + path, method=method)
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.loads(reply.read())

    def recorded(self):
        """What the binary sent so far."""
        with open(self.requests, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def env(self, **more):
        """The binary's environment: ours without what is somebody's, and this lab's endpoint."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        ours = {"AWS_ENDPOINT_URL": self.proxy_url, "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "understudy",
                "AWS_SECRET_ACCESS_KEY": "understudy", "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "NO_COLOR": "1",
                "UNDERSTUDY_LOG_FORMAT": "human"}
        return {k: v for k, v in (kept | ours | more).items() if v is not None}

    def run(self, *command, stdin="", bound_s=60, env=None):
        """Runs the binary to its end."""
        began = time.monotonic()
        try:
            done = subprocess.run([self.binary, *command], input=stdin, env=env or self.env(), capture_output=True,
                                  text=True, timeout=bound_s)
        except subprocess.TimeoutExpired as late:
            text = [part.decode() if isinstance(part, bytes) else part or "" for part in (late.stdout, late.stderr)]
            return Ran(list(command), -1, text[0], f"{text[1]}\nstill running after {bound_s} s", bound_s)
        return Ran(list(command), done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def controller(self, name, *flags):
        """Starts a controller."""
        return self.child(name, [self.binary, "controller", *CONTROLLER_FLAGS, *flags], self.env())


def answers(process, url):
    """Waits until a server does."""
    deadline = time.monotonic() + START_MAX_S
    while time.monotonic() < deadline and process.alive():
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"error: {process.name} did not start within {START_MAX_S} s\n{process.tail()}")
