"""The servers that the bench compares, each in a control group of its own.

Mailkeep: the installed tree under its own users, as regress/e2e/server.py starts it. Postfix: Debian's package, unpacked into
the build folder and not installed; local(8) delivers to ~/Maildir/ of system users that exist in this mount namespace alone.
OpenSMTPD: the same way, into Maildirs of the same users elsewhere. All keep their queue and mailboxes below the build folder, on the same
disk. Postfix's logging goes to syslog(3), where
nobody listens in this namespace: that is the cheapest for it. Mailkeep's log goes to a file.
"""
import contextlib
import glob
import imaplib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import measure  # noqa: E402
import mta_peers  # noqa: E402
import postfix_tree  # noqa: E402
import server  # noqa: E402

WORK = f"{server.BUILD}/bench"
ACCOUNTS = 1000
FIRST_UID = 310_000
DOMAIN = "mk.test"
AWAY = "relay.test"   # whose mail goes to SINK_PORT, where a bench_sink listens or nobody
SINK_PORT = server.free_port()
MESSAGE_SIZE = 60 * 1024 * 1024


def account(number):
    return f"a{number:03d}"


def extra_users():
    """passwd and group lines: what Postfix and OpenSMTPD need, and the accounts, the busiest first as they are looked up from the top."""
    users = [(account(n), FIRST_UID + n, f"{WORK}/home/{account(n)}") for n in range(ACCOUNTS)]
    users[4:4] = [(name, FIRST_UID - 1 - n, "/nonexistent") for n, name in enumerate(("postfix", "postdrop", "opensmtpd", "opensmtpq"))]
    return users


class Watch:
    """A bench_watch that runs beside the load."""

    def __init__(self, *arguments):
        self.child = subprocess.Popen([f"{server.BUILD}/regress/bench/bench_watch", *map(str, arguments)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        if self.child.stdout.readline() != "ready\n":
            raise AssertionError("bench_watch did not start")

    def count(self):
        self.child.stdin.write("count\n")
        self.child.stdin.flush()
        return int(self.child.stdout.readline())

    def end(self):
        """[(what, nanoseconds)]"""
        self.child.stdin.close()
        lines = self.child.stdout.read().splitlines()
        assert self.child.wait() == 0, "bench_watch failed"
        return [(what, int(when)) for what, when in (line.rsplit(" ", 1) for line in lines)]


class Sink:
    """A bench_sink: the next hop of AWAY."""

    def __init__(self):
        self.child = subprocess.Popen([f"{server.BUILD}/regress/bench/bench_sink", str(SINK_PORT)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        if self.child.stdout.readline() != "ready\n":
            raise AssertionError("bench_sink did not start")

    def counts(self):
        """messages, connections, nanoseconds when the first message came (0: none)"""
        self.child.stdin.write("count\n")
        self.child.stdin.flush()
        return tuple(map(int, self.child.stdout.readline().split()))

    def end(self):
        self.child.stdin.close()
        self.child.wait()


def tree_size(path):
    """Bytes on disk."""
    return 512 * sum(os.lstat(os.path.join(d, n)).st_blocks for d, _, names in os.walk(path) for n in names)


class Mailkeep(server.Server):
    name = "Mailkeep"
    drains = True  # its queue goes out when it is told to and the host is back

    def __init__(self):
        shutil.rmtree(f"{WORK}/mailkeep", ignore_errors=True)
        tempfile.tempdir = WORK
        super().__init__(accounts=[account(n) for n in range(ACCOUNTS)], state=f"{WORK}/mailkeep",
                         options=f"message-size {MESSAGE_SIZE}",
                         extra=f"action away relay host smtp://127.0.0.1:{SINK_PORT}\nmatch from local for domain {AWAY} action away\n")
        self.group = measure.Group("mailkeep")
        self.expected = {}  # account: messages
        self.port = self.smtp

    def start(self, patience=30):
        with open(self.log_path, "ab") as log:
            at = log.tell()
            self.child = self.group.popen([f"{server.PREFIX}/sbin/mailkeepd", "-d", "-f", self.conf], stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, cwd="/")
        self.wait_log("event=ready", patience, at)
        return self

    def restart(self):
        self.stop(patience=20)
        self.start()

    def queue_size(self):
        return tree_size(f"{self.state}/spool")

    def list_queue(self):
        """The command that shows the whole queue; its lines."""
        return self.ctl("queue", "list", patience=300).count("\n")

    def retry_queue(self):
        self.ctl("queue", "retry", "all", patience=300)

    def settle(self):
        """Until nothing that a load has put off is left."""
        server.wait_until(lambda: self.status()["queue"] == 0, 30)
        time.sleep(1)

    def end(self):
        if self.child and self.child.poll() is None:
            self.stop(patience=20)
        self.kill_all()
        self.group.remove()
        self.remove()

    # What the bench asks: begin() before a load, arrived() until it is all of it, then check().
    def begin(self):
        self.at = self.log_size()
        self.seen = 0
        self.rest = ""

    def arrived(self):
        """Messages that are in their mailboxes since begin(), by the log; check() asks the mailboxes."""
        with open(self.log_path, errors="replace") as f:
            f.seek(self.at)
            text = f.read()
            self.at = f.tell()
        lines = (self.rest + text).split("\n")
        self.rest = lines.pop()
        self.seen += sum(1 for line in lines if "event=deliver " in line and "result=stored" in line)
        return self.seen

    def held(self, accounts):
        """{account: messages in its INBOX}, asked by IMAP."""
        out = {}
        for name in accounts:
            client = imaplib.IMAP4("127.0.0.1", self.imap, timeout=30)
            client.login(name, f"secret-{name}")
            out[name] = int(client.select("INBOX", readonly=True)[1][0])
            client.logout()
        return out

    def watch(self, accounts):
        return Watch("imap", self.imap, *accounts)

    def appeared(self, events, before):
        """{X-Bench number: nanoseconds} of bench_watch's events; `before`: held() at the start."""
        out = {}
        reached = dict(before)
        when = {}
        for what, at in events:
            name, number = what.split(" ")
            for n in range(reached[name] + 1, int(number) + 1):
                when[(name, n)] = at
            reached[name] = int(number)
        for name, first in before.items():
            client = imaplib.IMAP4("127.0.0.1", self.imap, timeout=60)
            client.login(name, f"secret-{name}")
            client.select("INBOX", readonly=True)
            if reached[name] > first:
                for part in client.fetch(f"{first + 1}:*", "(BODY.PEEK[HEADER.FIELDS (X-Bench)])")[1]:
                    if isinstance(part, tuple):
                        n, mark = int(part[0].split()[0]), int(part[1].split(b":")[1])
                        out[mark] = when[(name, n)]
            client.logout()
        return out

    def queue_pid(self):
        return next((pid for pid, name in self.processes().items() if name == "queue"), None)

    def trouble(self):
        return [line for line in self.log().splitlines() if " level=error" in line or " level=warn" in line]


class MaildirServer:
    """A server of an unpacked package that delivers to ~/Maildir/ of the accounts: `name`, `queue` (its folder), start(),
    list_queue(), retry_queue(), settle() and trouble() are each one's own."""
    drains = True

    def __init__(self, homes):
        self.directory = f"{WORK}/{self.name.lower()}"
        self.homes = homes
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self.homes, ignore_errors=True)
        self.port = server.free_port()
        self.group = measure.Group(self.name.lower())
        self.expected = {}
        self.make_homes()
        self.child = self.watching = None

    def make_homes(self):
        os.makedirs(WORK, 0o755, exist_ok=True)
        os.chmod(WORK, 0o755)
        for n in range(ACCOUNTS):
            home = f"{self.homes}/{account(n)}"
            os.makedirs(home, 0o700)
            for box in ("", "/Maildir", "/Maildir/new", "/Maildir/tmp", "/Maildir/cur"):
                os.makedirs(home + box, 0o700, exist_ok=True)
                os.chown(home + box, FIRST_UID + n, FIRST_UID + n)
        os.chmod(self.homes, 0o755)

    def answers(self):
        def look():
            if self.child.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.child.returncode}")
            with contextlib.suppress(OSError, AssertionError):
                server.Smtp(self.port).close()
                return True
            return False
        assert server.wait_until(look, 20), f"{self.name} does not answer"

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(20)
        server.wait_until(lambda: not self.group.pids(), 10)

    def restart(self):
        pass  # nothing of it belongs to an account

    def queue_size(self):
        return tree_size(self.queue)

    def end(self):
        if self.watching:
            self.watching.end()
        if self.child and self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            self.child.wait(20)
        server.wait_until(lambda: not self.group.pids(), 5)
        for pid in self.group.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.group.remove()

    def begin(self):
        if self.watching:
            self.watching.end()
        self.watching = self.watch(map(account, range(ACCOUNTS)))

    def arrived(self):
        """Messages that are in their mailboxes since begin()."""
        return self.watching.count()

    def held(self, accounts):
        return {name: len(os.listdir(f"{self.homes}/{name}/Maildir/new")) for name in accounts}

    def watch(self, accounts):
        return Watch("maildir", *(f"{self.homes}/{name}/Maildir" for name in accounts))

    def appeared(self, events, _before):
        out = {}
        for path, at in events:
            with open(path, "rb") as f:
                for line in f:
                    if line.startswith(b"X-Bench:"):
                        out[int(line.split(b":")[1])] = at
                        break
        return out

    def queue_pid(self):
        return None


class Postfix(MaildirServer):
    name = "Postfix"
    PACKAGE = f"{WORK}/package"

    def __init__(self):
        unpack("postfix", self.PACKAGE, "usr/lib/postfix/sbin/smtpd", "usr/lib/postfix")
        super().__init__(f"{WORK}/home")  # where passwd has them
        self.queue = f"{self.directory}/queue"
        self.conf = f"{self.directory}/conf"
        self.make_configuration()

    def make_configuration(self):
        postfix_tree.lay_out(self.PACKAGE, self.directory, self.port, f"""biff = no
append_dot_mydomain = no
readme_directory = no
myhostname = mx.{DOMAIN}
mydomain = {DOMAIN}
mydestination = {DOMAIN}, localhost
relay_domains = {AWAY}
transport_maps = inline:{{ {AWAY}=smtp:[127.0.0.1]:{SINK_PORT} }}
alias_maps = hash:{self.conf}/aliases
alias_database = hash:{self.conf}/aliases
home_mailbox = Maildir/
mailbox_size_limit = 0
message_size_limit = {MESSAGE_SIZE}
recipient_delimiter = +
smtpd_banner = $myhostname ESMTP
""")
        with open(f"{self.conf}/aliases", "w") as f:
            f.write(f"postmaster: {account(0)}\nteam: {account(0)}, {account(1)}\n")
        subprocess.run([f"{self.PACKAGE}/usr/sbin/postalias", "-c", self.conf, f"hash:{self.conf}/aliases"], env=self.environment(),
                       check=True)

    def environment(self):
        return postfix_tree.environment(self.PACKAGE, self.directory)

    def start(self):
        self.child = self.group.popen(postfix_tree.master(self.PACKAGE, self.directory), env=self.environment(),
                                      cwd=self.queue, stdin=subprocess.DEVNULL)
        server.wait_until(lambda: os.path.exists(f"{self.queue}/pid/master.pid"), 10)
        self.answers()
        return self

    def list_queue(self):
        done = subprocess.run([f"{self.PACKAGE}/usr/sbin/postqueue", "-c", self.conf, "-p"], env=self.environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout[-500:]
        return done.stdout.count(f"@{AWAY}")

    def retry_queue(self):
        subprocess.run([f"{self.PACKAGE}/usr/sbin/postqueue", "-c", self.conf, "-f"], env=self.environment(), check=True)

    def settle(self):
        server.wait_until(lambda: not any(files for d in ("incoming", "active", "maildrop")
                                          for _, _, files in os.walk(f"{self.queue}/{d}")), 30)
        time.sleep(1)

    def trouble(self):
        return [f"in the queue: {p}" for n in ("deferred", "corrupt") for p in glob.glob(f"{self.queue}/{n}/**/*", recursive=True)
                if os.path.isfile(p)]


class OpenSmtpd(MaildirServer):
    """Its folders are at fixed places: they are bound there in this mount namespace, once the package has been fetched."""
    name = "OpenSMTPD"
    drains = False
    PACKAGE = f"{WORK}/package-opensmtpd"

    def __init__(self):
        unpack("opensmtpd", self.PACKAGE, "usr/sbin/smtpd", "usr/lib")
        os.chown(f"{self.PACKAGE}/usr/sbin/smtpctl", 0, pwd.getpwnam("opensmtpq").pw_gid)  # it insists, also as root
        os.chmod(f"{self.PACKAGE}/usr/sbin/smtpctl", 0o2555)
        super().__init__(f"{WORK}/home-opensmtpd")
        self.queue = f"{self.directory}/spool/smtpd"
        self.conf = f"{self.directory}/smtpd.conf"
        self.log_path = f"{self.directory}/log"

    def bind_folders(self):
        os.makedirs(f"{self.directory}/lib/opensmtpd/empty", exist_ok=True)
        for source, target in (("lib", "/var/lib"), ("spool", "/var/spool"), ("run", "/run")):
            mta_peers.bind(f"{self.directory}/{source}", target)
        mta_peers.bind(f"{self.PACKAGE}/usr/libexec", "/usr/libexec")
        with open(self.conf, "w") as f:
            f.write(f"""smtp max-message-size {MESSAGE_SIZE}
listen on 127.0.0.1 port {self.port} hostname mx.{DOMAIN}
action in maildir "{self.homes}/%{{user.username}}/Maildir"
action away relay host smtp://127.0.0.1:{SINK_PORT} helo mx.{DOMAIN}
match from any for domain {DOMAIN} action in
match from any for domain {AWAY} action away
""")
        os.chmod(self.conf, 0o644)

    def start(self):
        if not os.path.exists(self.conf):
            self.bind_folders()
        with open(self.log_path, "ab") as log:  # -d keeps it in the foreground; that it logs to a file is what that costs it
            self.child = self.group.popen([f"{self.PACKAGE}/usr/sbin/smtpd", "-d", "-f", self.conf], stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, cwd="/")
        self.answers()
        return self

    def control(self, *arguments):
        done = subprocess.run([f"{self.PACKAGE}/usr/sbin/smtpctl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace")
        assert done.returncode == 0, f"smtpctl {' '.join(arguments)}: {done.stdout[-500:]}"
        return done.stdout

    def list_queue(self):
        return self.control("show", "queue").count("\n")

    def forget_queue(self):
        self.stop()
        shutil.rmtree(self.queue)
        self.start()

    def waiting(self):
        return [os.path.join(d, n) for d, _, names in os.walk(f"{self.queue}/queue") for n in names]

    def settle(self):
        server.wait_until(lambda: not self.waiting(), 30)
        time.sleep(1)

    def trouble(self):
        return [f"in the queue: {p}" for p in self.waiting()]


def unpack(name, directory, program, libraries):
    """Debian's package, by apt-get download and dpkg -x, once. `program` and `libraries` are below it."""
    if os.path.exists(f"{directory}/{program}"):
        return
    os.makedirs(f"{WORK}/download", exist_ok=True)
    done = subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name], cwd=f"{WORK}/download",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = glob.glob(f"{WORK}/download/{name}_*.deb")
    if not found:
        sys.exit(f"bench: apt-get download {name}: {done.stdout.strip()}\nor run it without that server")
    subprocess.run(["dpkg", "-x", found[0], directory], check=True)
    linked = subprocess.run(["ldd", f"{directory}/{program}"], stdout=subprocess.PIPE, text=True,
                            env={**os.environ, "LD_LIBRARY_PATH": f"{directory}/{libraries}"}).stdout
    missing = [line.split()[0] for line in linked.splitlines() if "not found" in line]
    if missing:
        sys.exit(f"bench: {name} needs {', '.join(missing)}, which is not installed here")
