#!/usr/bin/env python3
"""awsproxy: a counting, delaying, byte-exact HTTP/1.1 proxy for AWS API traffic.

Put it between an AWS client and an AWS emulator on loopback:

    client --(AWS_ENDPOINT_URL=http://127.0.0.1:4570)--> awsproxy --> emulator :5555

It never rewrites anything: the request and response octets (heads, chunk
framing, trailers, Connection headers) are relayed exactly as received.  It
only reads them, to name each call "service:Action", and can hold every request
for a fixed time (--latency-ms) before it is relayed.  --serial relays one
request at a time, for an emulator whose state is not safe from two threads
(the fixed time is still spent side by side).  --record FILE appends each
request to FILE, one JSON object a line, before it is relayed; a copy of the
traffic for validate_requests.py.  Headers and query strings, where
credentials stand, are not written.

Only the standard library is used.  Admin interface (a second port, so that
nothing on the AWS port is special):

    GET  /stats            counts and timings since the last reset, JSON
    GET  /log              one JSON object per call, in order of completion
    GET  /flying           the actions received and not yet answered, JSON
    POST /reset            returns what /stats would, then clears
    POST /latency?ms=50    sets the delay; 0 turns it off

Definitions used in /stats
    chain_depth        the most calls that ran strictly one after another: the
                       largest set of pairwise disjoint [request received,
                       response complete] intervals.  A call can only depend on
                       a call that ended before it began, so this is an upper
                       bound of the longest dependent chain, and a lower bound
                       of (time waiting for the API) / (latency).
    max_concurrency    the most calls in flight at one instant
    busy_s             length of the union of all call intervals
    span_s             first request received .. last response complete
    wall_chain         span_s / latency, only while latency > 0: the
                       "total / latency" figure; counts client think time too
    upstream_s         sum over calls of the emulator's own time (latency excluded)
    reads / writes     by action-name prefix (Describe/Get/List/Detect... = read)
"""
import argparse
import asyncio
import contextlib
import json
import re
import signal
import sys
import time
from collections import Counter
from urllib.parse import parse_qs, unquote_plus, urlsplit

HEAD_LIMIT = 256 * 1024
READ = re.compile(r"^(Describe|Get|List|BatchGet|Head|Lookup|Query|Scan|Search|Select|Detect|Validate)|^(GET|HEAD) ")
CRED = re.compile(rb"Credential=[^/,\s]+/\d{8}/([^/,\s]*)/([^/,\s]+)/aws4_request")
CRED_Q = re.compile(rb"X-Amz-Credential=[^&]*?%2F\d{8}%2F([^%&]*)%2F([^%&]+)%2Faws4_request", re.I)


class Closed(Exception):
    """The peer closed between two messages: the normal end of a connection."""


class Head:
    """One parsed HTTP/1.1 message head; `raw` is what is relayed."""

    def __init__(self, raw: bytes):
        self.raw = raw
        lines = raw[:-4].split(b"\r\n")
        self.start = lines[0]
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            self.headers.setdefault(name.strip().lower(), value.strip())

    def get(self, name: bytes) -> bytes:
        return self.headers.get(name, b"")

    @property
    def chunked(self) -> bool:
        return b"chunked" in self.get(b"transfer-encoding").lower()

    @property
    def length(self):
        value = self.get(b"content-length")
        return int(value) if value else None

    @property
    def close(self) -> bool:
        conn = self.get(b"connection").lower()
        old = b"HTTP/1.0" in self.start
        return b"close" in conn or (old and b"keep-alive" not in conn)


async def read_head(reader) -> Head:
    try:
        return Head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError as e:
        if not e.partial:
            raise Closed from None
        raise


async def read_chunked(reader) -> bytes:
    out = bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        out += line
        size = int(line.split(b";")[0], 16)
        if size == 0:
            while True:  # trailers, up to and with the empty line
                line = await reader.readuntil(b"\r\n")
                out += line
                if line == b"\r\n":
                    return bytes(out)
        out += await reader.readexactly(size + 2)


async def read_body(reader, head: Head, to_eof: bool) -> bytes:
    if head.chunked:
        return await read_chunked(reader)
    if head.length is not None:
        return await reader.readexactly(head.length) if head.length else b""
    return await reader.read(-1) if to_eof else b""


def classify(head: Head, body: bytes) -> str:
    """'service:Action' of one AWS request."""
    method, target, _ = head.start.split(b" ", 2)
    m = CRED.search(head.get(b"authorization")) or CRED_Q.search(target)
    service = m.group(2).decode() if m else "unsigned"
    amz = head.get(b"x-amz-target")
    if amz:
        return f"{service}:{amz.decode().rsplit('.', 1)[-1]}"
    for text in (body if b"x-www-form-urlencoded" in head.get(b"content-type") else b"",
                 urlsplit(target).query):
        hit = re.search(rb"(?:^|&)Action=([^&]*)", text)
        if hit:
            return f"{service}:{unquote_plus(hit.group(1).decode())}"
    # REST services, and the smithy rpc-v2 /service/X/operation/Y form
    path = urlsplit(target).path.decode()
    hit = re.search(r"/service/[^/]+/operation/([^/]+)", path)
    return f"{service}:{hit.group(1) if hit else method.decode() + ' ' + path}"


def chain_depth(calls) -> int:
    depth, last = 0, float("-inf")
    for c in sorted(calls, key=lambda c: c["end"]):
        if c["start"] >= last:
            depth, last = depth + 1, c["end"]
    return depth


class Stats:
    def __init__(self):
        self.reset()

    def reset(self):
        self.calls, self.connections, self.in_flight = [], 0, 0
        self.t0 = time.monotonic()

    def summary(self, latency: float) -> dict:
        calls = self.calls
        by, errors = Counter(c["action"] for c in calls), {}
        for c in calls:
            if c["status"] >= 400:
                errors.setdefault(c["action"], Counter())[str(c["status"])] += 1
        busy = concurrency = peak = 0
        edges = sorted([(c["start"], 1) for c in calls] + [(c["end"], -1) for c in calls])
        since = 0.0
        for t, d in edges:
            if concurrency == 0:
                since = t
            concurrency += d
            peak = max(peak, concurrency)
            if concurrency == 0:
                busy += t - since
        span = max(c["end"] for c in calls) - min(c["start"] for c in calls) if calls else 0.0
        reads = sum(n for a, n in by.items() if READ.search(a.split(":", 1)[1]))
        return {
            "calls": len(calls),
            "reads": reads,
            "writes": len(calls) - reads,
            "by_action": dict(sorted(by.items())),
            "errors": {a: dict(n) for a, n in sorted(errors.items())},
            "chain_depth": chain_depth(calls),
            "max_concurrency": peak,
            "latency_ms": latency * 1000,
            "span_s": round(span, 4),
            "busy_s": round(busy, 4),
            "wall_chain": round(span / latency, 1) if latency and calls else None,
            "upstream_s": round(sum(c["upstream"] for c in calls), 4),
            "connections": self.connections,
            "bytes_in": sum(c["bytes_in"] for c in calls),
            "bytes_out": sum(c["bytes_out"] for c in calls),
            "in_flight": self.in_flight,
        }


class Proxy:
    def __init__(self, upstream, latency, serial=False, record=None):
        self.upstream, self.latency, self.stats = upstream, latency, Stats()
        self.turn = asyncio.Lock() if serial else contextlib.nullcontext()
        self.record, self.flying = record, Counter()

    def keep(self, action: str, head: Head, body: bytes):
        """Appends one request to the record; flushed, so that a reader sees what was sent before its effect."""
        if self.record:
            self.record.write(json.dumps({
                "time": round(time.time(), 3), "action": action,
                "content_type": head.get(b"content-type").decode("latin-1"),
                "target": head.get(b"x-amz-target").decode("latin-1"),
                "path": head.start.split(b" ")[1].partition(b"?")[0].decode("latin-1"), "body": body.decode("utf-8", "surrogateescape"),
            }) + "\n")
            self.record.flush()

    async def client(self, reader, writer):
        self.stats.connections += 1
        up = None
        try:
            while True:
                head = await read_head(reader)
                if b"100-continue" in head.get(b"expect").lower():
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await read_body(reader, head, to_eof=False)
                start, stats = time.monotonic(), self.stats
                action = classify(head, body)
                self.keep(action, head, body)
                stats.in_flight += 1
                self.flying[action] += 1
                try:
                    if self.latency:
                        await asyncio.sleep(self.latency)
                    async with self.turn:
                        sent = time.monotonic()
                        rhead, payload, up = await self.relay(head, body, up)
                    end = time.monotonic()
                finally:
                    stats.in_flight -= 1
                    self.flying[action] -= 1
                stats.calls.append({
                    "action": action,
                    "status": int(rhead.start.split(b" ", 2)[1]),
                    "start": start - stats.t0, "end": end - stats.t0, "upstream": end - sent,
                    "bytes_in": len(head.raw) + len(body),
                    "bytes_out": len(payload),
                })
                writer.write(payload)
                await writer.drain()
                if head.close or rhead.close:
                    return
        except (Closed, ConnectionError):
            pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as e:
            print(f"awsproxy: dropped a connection: {e!r}", file=sys.stderr, flush=True)
        finally:
            for w in (writer, up and up[1]):
                if w:
                    w.close()

    async def relay(self, head, body, up):
        """Sends one request; returns its response head, all response octets, the connection."""
        reused = up is not None
        while True:
            if up is None:
                up = await asyncio.open_connection(*self.upstream, limit=HEAD_LIMIT)
            try:
                up[1].write(head.raw + body)
                await up[1].drain()
                rhead = await read_head(up[0])
                raw = rhead.raw
                while rhead.start.split(b" ", 2)[1] == b"100":  # swallow: already answered
                    rhead = await read_head(up[0])
                    raw = rhead.raw
                break
            except (Closed, ConnectionError):
                # only a kept-alive connection the emulator closed while idle is tried again
                up[1].close()
                up = None
                if not reused:
                    raise ConnectionError("emulator closed the connection") from None
                reused = False
        status = rhead.start.split(b" ", 2)[1]
        if not (head.start.startswith(b"HEAD ") or status in (b"204", b"304")):
            raw += await read_body(up[0], rhead, to_eof=True)
        if rhead.close:
            up[1].close()
            up = None
        return rhead, raw, up

    async def admin(self, reader, writer):
        try:
            head = await read_head(reader)
            method, target, _ = head.start.decode().split(" ", 2)
            url = urlsplit(target)
            key, code = (method, url.path), 200
            if key == ("GET", "/stats"):
                out = json.dumps(self.stats.summary(self.latency), indent=1)
            elif key == ("GET", "/log"):
                out = "".join(json.dumps(c) + "\n" for c in self.stats.calls)
            elif key == ("GET", "/flying"):
                out = json.dumps({action: n for action, n in self.flying.items() if n})
            elif key == ("POST", "/reset"):
                out = json.dumps(self.stats.summary(self.latency), indent=1)
                self.stats = Stats()
            elif key == ("POST", "/latency"):
                self.latency = float(parse_qs(url.query)["ms"][0]) / 1000
                out = json.dumps({"latency_ms": self.latency * 1000})
            else:
                code, out = 404, '{"error": "GET /stats, GET /log, GET /flying, POST /reset, POST /latency?ms=N"}'
            data = out.encode() + (b"" if out.endswith("\n") or not out else b"\n")
            writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                         b"Connection: close\r\n\r\n" % (code, len(data)) + data)
            await writer.drain()
        except (Closed, ConnectionError, asyncio.IncompleteReadError, ValueError, KeyError):
            pass
        finally:
            writer.close()


def hostport(text):
    host, _, port = text.rpartition(":")
    host = host or "127.0.0.1"
    if not (host.startswith("127.") or host in ("localhost", "::1")):
        raise argparse.ArgumentTypeError("loopback addresses only")
    return host, int(port)


async def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--listen", type=hostport, default=("127.0.0.1", 4570))
    ap.add_argument("--admin", type=hostport, default=("127.0.0.1", 4571))
    ap.add_argument("--upstream", type=hostport, default=("127.0.0.1", 5555))
    ap.add_argument("--latency-ms", type=float, default=0)
    ap.add_argument("--serial", action="store_true")
    ap.add_argument("--record", type=argparse.FileType("a"))
    a = ap.parse_args()
    p = Proxy(a.upstream, a.latency_ms / 1000, a.serial, a.record)
    await asyncio.start_server(p.client, *a.listen, limit=HEAD_LIMIT)
    await asyncio.start_server(p.admin, *a.admin, limit=HEAD_LIMIT)
    print("awsproxy: ready", flush=True)
    stop = asyncio.Event()
    for s in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(s, stop.set)
    await stop.wait()
    print(json.dumps(p.stats.summary(p.latency)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
