"""What the users of an environment lose while the controller replaces its instances, one by one: nothing, is the promise.

Usage: replaced.py BINARY. For sessions in the instances' own memories, and for sessions in the shared Redis, each on a cloud of
its own at 60 times: the environment is made by the controller, eight visitors with cookies come over keep-alive connections,
and meanwhile an instance that AWS finds impaired is replaced, and then both, by a rollout of a new image. Prints requests and
sessions lost; exit status 1 when a request was, or a session that Redis had, or when memories lost none (then nothing was
replaced)."""

import concurrent.futures
import http.client
import http.cookies
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

SPEED = 60
VISITORS = 8
PAUSE = 0.02
WITHIN = 240
AFTERWARDS = 3
NAME = "replaced"


def environment(image, store):
    return {
        "apiVersion": "understudy.dev/v1alpha1",
        "kind": "StagingEnvironment",
        "metadata": {"name": NAME},
        "spec": {
            "region": "us-east-2",
            "image": {"amiId": image},
            "instances": {"count": 2, "types": ["t3.medium"], "userData": f"UNDERSTUDY_APP_SESSIONS={store}\n"},
            "services": [{"name": "web", "port": 8080, "deregistrationDelay": "60s",
                          "healthCheck": {"path": "/health", "interval": "10s", "healthyThreshold": 2},
                          "stickiness": {"type": "lb_cookie", "duration": "24h"}}],
            "loadBalancer": {"name": "replaced-alb"},
            "access": {"loadBalancer": [{"cidr": "0.0.0.0/0"}]},
        },
    }


class Rehearsal:
    """A cloud and a controller on it; `with` ends both."""

    def __init__(self, binary, store):
        self.binary, self.store = binary, store
        self.folder = tempfile.TemporaryDirectory()
        self.processes = []

    def __enter__(self):
        said = self.start("cloud", "--listen", "127.0.0.1:0", "--speed", str(SPEED))
        self.url = "http://" + said.stdout.readline().split("http://")[1].split(",")[0]
        image = self.state()["images"][0]
        self.verb("bootstrap")
        self.apply(image)
        self.start("controller", "--local", "--endpoint-url", self.url)
        self.verb("wait", NAME, "--for", "condition=Ready", "--timeout", f"{WITHIN}s")
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        self.folder.cleanup()

    def start(self, *arguments):
        log = open(pathlib.Path(self.folder.name) / f"{arguments[0]}.log", "w")
        process = subprocess.Popen([self.binary, *arguments], stdout=subprocess.PIPE, stderr=log, text=True, env=self.clean())
        self.processes.append(process)
        return process

    def clean(self):
        """Nobody's credentials, and no proxy."""
        return {"PATH": os.environ["PATH"], "HOME": self.folder.name}

    def verb(self, *arguments):
        command = [self.binary, *arguments, "--local", "--endpoint-url", self.url]
        ran = subprocess.run(command, capture_output=True, text=True, env=self.clean(), timeout=WITHIN + 30)
        if ran.returncode:
            raise SystemExit(f"{' '.join(arguments)}: {ran.stdout}{ran.stderr}")
        return ran.stdout

    def apply(self, image):
        file = pathlib.Path(self.folder.name) / "environment.json"
        file.write_text(json.dumps(environment(image, self.store)))
        self.verb("apply", "-f", str(file))

    def cloud(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/_cloud/{path}", data, timeout=20) as reply:
            return json.load(reply)

    def state(self):
        return self.cloud("state")

    def running(self):
        return {each["id"] for each in self.state()["instances"] if each["state"] == "running"}

    def address(self):
        return self.state()["loadBalancers"][0]["listeners"][0]["address"]

    def bake(self):
        """An image of one of the instances, as a person makes it, once it can be used."""
        form = {"Version": "2016-11-15", "Action": "CreateImage", "InstanceId": sorted(self.running())[0], "Name": "next",
                "NoReboot": "true"}
        with urllib.request.urlopen(self.url, urllib.parse.urlencode(form).encode(), timeout=20) as reply:
            image = reply.read().decode().split("<imageId>")[1].split("<")[0]
        self.cloud("clock", {"advance": "10m"})
        return image

    def settled(self, before, gone):
        """Waits until so many of those instances are gone, and the environment is ready with what replaced them."""
        began = time.monotonic()
        while len(before & self.running()) > len(before) - gone or len(self.running()) != len(before) or not self.is_ready():
            if time.monotonic() - began > WITHIN:
                raise SystemExit("not replaced in time:\n" + self.verb("describe", NAME))
            time.sleep(0.3)

    def is_ready(self):
        document = json.loads(self.verb("get", NAME, "-o", "json"))
        ready = [one for one in document["status"]["conditions"] if one["type"] == "Ready"]
        progress = document["status"]["observedGeneration"] == document["metadata"]["generation"]
        return progress and ready and ready[0]["status"] == "True"


class Visitor(threading.Thread):
    """Comes over and over on one connection, with a browser's cookies."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.cookies, self.connection = address, {}, None
        self.leaves = threading.Event()
        self.requests = self.lost = self.sessions_lost = self.count = 0
        self.why = set()

    def run(self):
        while not self.leaves.wait(PAUSE):
            self.requests += 1
            try:
                self.visit()
            except (OSError, http.client.HTTPException) as error:
                self.connection = None
                self.lost += 1
                self.why.add(repr(error))

    def visit(self):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.address, timeout=30)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.connection.request("GET", "/", headers={"Cookie": cookies} if cookies else {})
        answer = self.connection.getresponse()
        page = answer.read()
        if answer.status != 200:
            self.lost += 1
            self.why.add(f"{answer.status} {page[:80]!r}")
            return
        for set_cookie in answer.headers.get_all("Set-Cookie") or []:
            self.cookies.update({name: one.value for name, one in http.cookies.SimpleCookie(set_cookie).items()})
        count = json.loads(page)["count"]
        self.sessions_lost += count <= self.count
        self.count = count


def rehearsed(binary, store):
    """What was lost, by what was replaced."""
    told = {}
    with Rehearsal(binary, store) as rehearsal:
        for what, gone, begin in [
            ("one impaired instance", 1, lambda: rehearsal.cloud("faults", {"kind": "impair", "resource": min(before)})),
            ("both, by a rollout", 2, lambda: rehearsal.apply(image)),
        ]:
            image = rehearsal.bake() if gone == 2 else None
            before = rehearsal.running()
            visitors = [Visitor(rehearsal.address()) for _ in range(VISITORS)]
            for visitor in visitors:
                visitor.start()
            # There is something to lose.
            while min(visitor.count for visitor in visitors) < 5 and not any(visitor.why for visitor in visitors):
                time.sleep(PAUSE)
            begin()
            rehearsal.settled(before, gone)
            # Nor may anything be lost once it counts as done.
            time.sleep(AFTERWARDS)
            for visitor in visitors:
                visitor.leaves.set()
            for visitor in visitors:
                visitor.join(40)
            told[what] = visitors
    return told


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    with concurrent.futures.ThreadPoolExecutor() as both:
        runs = {store: both.submit(rehearsed, binary, store) for store in ("memory", "redis")}
        told = {store: run.result() for store, run in runs.items()}
    failed = False
    for store, replaced in told.items():
        for what, visitors in replaced.items():
            total = lambda field: sum(getattr(visitor, field) for visitor in visitors)
            lost, sessions = total("lost"), total("sessions_lost")
            print(f"sessions in {store}, replaced {what}: {lost} of {total('requests')} requests lost, "
                  f"{VISITORS} visitors lost their session {sessions} times")
            for why in sorted(set().union(*(visitor.why for visitor in visitors))):
                print(f"    {why}")
            failed |= bool(lost) or (sessions > 0) != (store == "memory")
    sys.exit(failed)


if __name__ == "__main__":
    main()
