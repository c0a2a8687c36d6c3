"""README's section of the cloud, done as a reader does it: its commands are run, and the load balancer answers.

Usage: readme.py URL, of a cloud at 20 times. The aws CLI is that of the Python that runs this. Exit status 1 when a command fails."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.request

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"
USUAL = "http://127.0.0.1:4566"


def block():
    """The commands of the section that a reader pastes into a second shell."""
    section = README.read_text().split("\n## Only the cloud\n")[1].split("\n## ")[0]
    blocks = [block.strip() for block in section.split("```")[1::2]]
    return next(block for block in blocks if block.startswith("export AWS_ENDPOINT_URL"))


def main():
    url = sys.argv[1]
    commands = block()
    if USUAL not in commands:
        raise SystemExit(f"README does not say {USUAL}")
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    script = "set -euo pipefail\n" + commands.replace(USUAL, url)
    ran = subprocess.run(["bash", "-c", script], env={"PATH": path, "HOME": "/nowhere", "AWS_PAGER": ""}, timeout=150,
                         stdout=subprocess.DEVNULL)
    if ran.returncode:
        print(f"FAIL README's commands: status {ran.returncode}")
        return 1
    with urllib.request.urlopen(f"{url}/_cloud/state") as reply:
        address = json.load(reply)["loadBalancers"][0]["listeners"][0]["address"]
    with urllib.request.urlopen(f"http://{address}/") as reply:
        page = json.load(reply)
    right = page["count"] == 1 and page["instance"].startswith("i-")
    print(f"{'ok  ' if right else 'FAIL'} README's {len(commands.splitlines())} lines, and its load balancer answers: {page}")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
