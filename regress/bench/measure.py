"""What the bench reads of a server while it works: CPU time, counts of the kernel's events, memory."""
import contextlib
import os
import re
import signal
import subprocess
import tempfile

EVENTS = {"switches": ("context-switches",), "forks": ("sched:sched_process_fork",), "execs": ("sched:sched_process_exec",),
          "syncs": ("syscalls:sys_enter_fdatasync", "syscalls:sys_enter_fsync", "syscalls:sys_enter_msync",
                    "syscalls:sys_enter_sync_file_range"),
          "syscalls": ("raw_syscalls:sys_enter",)}


def mounted_groups():
    """Where control groups of version 2 are mounted; they need no controller for cpu.stat."""
    for line in open("/proc/mounts"):
        fields = line.split()
        if fields[2] == "cgroup2":
            return fields[1]
    path = tempfile.mkdtemp(prefix="mk-groups-")
    subprocess.run(["mount", "-t", "cgroup2", "none", path], check=True)  # in this mount namespace alone
    return path


class Group:
    """A control group: every process that a server starts is in it, and the time of dead ones is not lost."""

    def __init__(self, name):
        self.name = f"mk-bench-{os.getpid()}-{name}"
        self.path = f"{mounted_groups()}/{self.name}"
        os.mkdir(self.path)

    def popen(self, command, **kw):
        script = f'echo $$ > "{self.path}/cgroup.procs" && exec "$@"'
        return subprocess.Popen(["sh", "-c", script, "sh", *command], **kw)

    def pids(self):
        with open(f"{self.path}/cgroup.procs") as f:
            return [int(line) for line in f]

    def cpu(self):
        """Seconds of CPU, user and system, of all processes that are or were in it."""
        with open(f"{self.path}/cpu.stat") as f:
            stat = dict(line.split() for line in f)
        return int(stat["usage_usec"]) / 1e6

    def cpu_by_role(self):
        """{program: seconds} of the processes that are there now, and of the children that they have waited for."""
        out = {}
        for pid in self.pids():
            with contextlib.suppress(OSError):
                name, rest = open(f"/proc/{pid}/stat").read().split("(", 1)[1].rsplit(")", 1)
                times = rest.split()[11:15]
                name = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
                out[name] = out.get(name, 0) + sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
        return out

    def memory(self):
        """MiB: the sum of the processes' proportional set sizes."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                total += int(re.search(r"^Pss:\s+(\d+)", open(f"/proc/{pid}/smaps_rollup").read(), re.M)[1])
        return total / 1024

    def remove(self):
        with contextlib.suppress(OSError):
            os.rmdir(self.path)


class Counting:
    """perf stat over a group (and syncs of one process): counts of EVENTS until end()."""
    running = []

    def __init__(self, group, pid=None):
        names = [e for events in EVENTS.values() for e in events]
        self.out = [tempfile.NamedTemporaryFile(mode="r", prefix="mk-perf-") for _ in range(2)]
        command = ["perf", "stat", "-x", "\t", "-o", self.out[0].name, "-a"]
        for name in names:
            command += ["-e", name, "-G", group.name]
        self.children = [subprocess.Popen([*command, "sleep", "3600"], start_new_session=True, stderr=subprocess.DEVNULL)]
        if pid:
            command = ["perf", "stat", "-x", "\t", "-o", self.out[1].name, "-p", str(pid)]
            for name in EVENTS["syncs"]:
                command += ["-e", name]
            self.children.append(subprocess.Popen([*command, "sleep", "3600"], start_new_session=True, stderr=subprocess.DEVNULL))
        Counting.running += self.children
        self.ready()

    @classmethod
    def end_all(cls):
        """For the end of the bench, however it came."""
        for child in cls.running:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()

    def ready(self):
        """Waits until each perf has started its sleep: it counts from then on."""
        for child in self.children:
            while True:
                with open(f"/proc/{child.pid}/task/{child.pid}/children") as f:
                    sleeping = f.read().split()
                if sleeping and os.readlink(f"/proc/{sleeping[0]}/exe").endswith("sleep"):
                    break
                if child.poll() is not None:
                    raise AssertionError("perf stat did not start")

    def end(self):
        """{name: count}, and "syncs_of" for the one process."""
        for child in self.children:
            with open(f"/proc/{child.pid}/task/{child.pid}/children") as f:
                for pid in f.read().split():
                    os.kill(int(pid), 15)
            child.wait()
        counts = self.read(self.out[0])
        result = {name: sum(counts.get(e, 0) for e in events) for name, events in EVENTS.items()}
        if len(self.children) > 1:
            result["syncs_of"] = sum(self.read(self.out[1]).values())
        return result

    @staticmethod
    def read(file):
        counts = {}
        for line in open(file.name):
            fields = line.rstrip("\n").split("\t")
            if len(fields) > 3 and fields[0].isdigit():
                counts[fields[2]] = int(fields[0])
        return counts
