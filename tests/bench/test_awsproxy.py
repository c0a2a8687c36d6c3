#!/usr/bin/env python3
"""Checks awsproxy: octets pass unchanged both ways, calls are named and counted, latency is
added, chain depth and concurrency are right, what is recorded is what was sent.   python3 test_awsproxy.py"""
import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent


def free_ports(count):
    """Ports that were free a moment ago, all different."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


UP, LISTEN, ADMIN = free_ports(3)
AUTH = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-2/%s/aws4_request, SignedHeaders=host, Signature=0"


def query(service, body):
    b = body.encode()
    return (b"POST / HTTP/1.1\r\nhOsT: ec2.us-east-2.amazonaws.com\r\nX-ODD :  spaced\t\r\nAuthorization: "
            + (AUTH % service).encode() + b"\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
            + b"Content-Length: %d\r\n\r\n" % len(b) + b)


CASES = {
    "ec2:DescribeInstances": (query("ec2", "Version=2016-11-15&Action=DescribeInstances"),
                              b"HTTP/1.1 200 OK\r\nCONTENT-length: 5\r\nx: \xc3\xa9\r\n\r\nhello"),
    "elasticloadbalancing:DescribeTags": (
        query("elasticloadbalancing", "Action=DescribeTags&X=1"),
        b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n0\r\nTrailer: t\r\n\r\n"),
    "tagging:GetResources": (
        b"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: ResourceGroupsTaggingAPI_20170126.GetResources\r\nAuthorization: "
        + (AUTH % "tagging").encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n"),
    "s3:HEAD /b/k": (b"HEAD /b/k HTTP/1.1\r\nHost: h\r\nAuthorization: " + (AUTH % "s3").encode() + b"\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
    "sts:GetCallerIdentity": (
        b"GET /?Action=GetCallerIdentity&X-Amz-Credential=AKIA%2F20260101%2Fus-east-2%2Fsts%2Faws4_request HTTP/1.1\r\n"
        b"Host: h\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end"),
}


def admin(method, path):
    return json.loads(urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{ADMIN}{path}", method=method)).read())


async def main(record):
    seen = []

    async def upstream(r, w):       # a raw emulator: keeps what it was sent, answers what it is told
        try:
            while True:
                data = b""
                while not any(data == req for req, _ in CASES.values()):
                    part = await asyncio.wait_for(r.read(65536), 5)
                    if not part:
                        return
                    data += part
                seen.append(data)
                reply = next(res for req, res in CASES.values() if req == data)
                w.write(reply)
                await w.drain()
                if b"close" in reply:
                    return
        finally:
            w.close()

    await asyncio.start_server(upstream, "127.0.0.1", UP)
    to = asyncio.to_thread

    async def fetch(names):
        r, w = await asyncio.open_connection("127.0.0.1", LISTEN)
        for n in names:             # one kept-alive connection
            req, res = CASES[n]
            w.write(req)
            got = await asyncio.wait_for(r.readexactly(len(res)), 5)
            assert got == res, (n, got)
        w.close()

    names = list(CASES)
    await fetch(names)
    assert seen == [CASES[n][0] for n in names], "requests changed on the way"
    kept = [json.loads(line) for line in record.read_text().splitlines()]
    assert [k["action"] for k in kept] == names, kept
    assert [k["body"] for k in kept[:2]] == [CASES[n][0].partition(b"\r\n\r\n")[2].decode() for n in names[:2]], kept
    assert "AKIA" not in json.dumps(kept), "credentials were recorded"
    assert await to(admin, "GET", "/flying") == {}
    s = await to(admin, "POST", "/reset")
    assert s["by_action"] == {n: 1 for n in names}, s["by_action"]
    assert (s["calls"], s["chain_depth"], s["max_concurrency"], s["writes"]) == (5, 5, 1, 0), s
    assert s["errors"] == {"elasticloadbalancing:DescribeTags": {"400": 1}}, s["errors"]

    await to(admin, "POST", "/latency?ms=100")
    t = time.monotonic()
    at_once = asyncio.gather(*[fetch(names[:2]) for _ in range(8)])     # 8 at once, 2 deep
    await asyncio.sleep(0.05)
    assert await to(admin, "GET", "/flying") == {names[0]: 8}
    await at_once
    wall = time.monotonic() - t
    s = await to(admin, "GET", "/stats")
    assert (s["calls"], s["chain_depth"], s["max_concurrency"]) == (16, 2, 8), s
    assert 0.2 <= wall < 0.5 and 2.0 <= s["wall_chain"] < 4, (wall, s)
    log = [json.loads(x) for x in (await to(lambda: urllib.request.urlopen(
        f"http://127.0.0.1:{ADMIN}/log").read())).splitlines()]
    assert len(log) == 16 and all(0.1 <= c["end"] - c["start"] < 0.3 for c in log)
    print("3 passed, 0 failed")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.jsonl"
        p = subprocess.Popen([sys.executable, HERE / "awsproxy.py", "--listen", f":{LISTEN}", "--admin", f":{ADMIN}",
                              "--upstream", f":{UP}", "--record", record], stdout=subprocess.PIPE, text=True)
        try:
            assert "ready" in p.stdout.readline()
            asyncio.run(main(record))
        finally:
            p.terminate()
            p.wait()
