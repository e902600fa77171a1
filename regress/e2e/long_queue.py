"""A queue of any length, made without sending it, and what it costs the server to have it: for the end-to-end test and the bench."""
import glob
import json
import os
import re
import shutil
import subprocess
import time

import server

AWAY = "away.test"
DOMAINS = 1000


def clear(spool):
    for path in glob.glob(f"{spool}/*"):
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)


def fill(spool, messages, recipients=1, domains=DOMAINS, action="away"):
    """The spool of a server that does not run, with that many messages for dK.away.test; what was there is gone."""
    clear(spool)
    done = subprocess.run([f"{server.BUILD}/regress/bench/spool_fill", spool, str(messages), str(recipients), AWAY, str(domains),
                           "300", action], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    owner = os.stat(spool)
    for directory, _, names in os.walk(spool):
        for path in (directory, *(os.path.join(directory, n) for n in names)):
            os.chown(path, owner.st_uid, owner.st_gid)
    return int(done.stdout.split()[0])


def memory(s):
    """MiB: of the queue process what is its own, and of all processes their share."""
    own = share = 0
    for pid, name in s.processes().items():
        with open(f"/proc/{pid}/smaps_rollup") as f:
            text = f.read()
        share += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])
        if name == "queue":
            own = sum(int(n) for n in re.findall(r"^Private_\w+:\s+(\d+)", text, re.M))
    return own / 1024, share / 1024


def queue_cpu(s):
    """Seconds."""
    pid = next(p for p, name in s.processes().items() if name == "queue")
    with open(f"/proc/{pid}/stat") as f:
        return sum(map(int, f.read().split(") ")[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def wait_until_idle(s, patience=300):
    """Until the queue has looked through all that is due."""
    end = time.monotonic() + patience
    before = queue_cpu(s)
    while time.monotonic() < end:
        time.sleep(1.5)
        now = queue_cpu(s)
        if now - before < 0.1:
            return
        before = now
    raise AssertionError(f"the queue is still busy after {patience} s")


def timed(function):
    began = time.monotonic()
    out = function()
    return time.monotonic() - began, out


def first_page(s):
    """What `mailkeepctl queue list` says before its reader goes away."""
    tool = subprocess.Popen([f"{s.prefix}/sbin/mailkeepctl", "-f", s.conf, "queue", "list"], stdout=subprocess.PIPE, text=True)
    lines = [tool.stdout.readline() for _ in range(20)]
    tool.stdout.close()
    tool.wait()
    return lines


def found(s, *words):
    """Seconds, and how many."""
    took, text = timed(lambda: s.ctl("-j", "queue", "find", *words, patience=300))
    return took, json.loads(text)["matched"]
