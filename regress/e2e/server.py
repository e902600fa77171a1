"""A whole server for the end-to-end tests: installed tree, real users, free ports, everything ended and checked.

The test starts again in a mount namespace of its own, where /etc/passwd and /etc/group have Mailkeep's users: nothing
is left behind on the machine (but what MAILKEEP_KEEP=1 asks for: the server's directory with its log). A test is a function;
it fails by AssertionError. run() prints "ok NAME" and so on.
"""
import contextlib
import fcntl
import imaplib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("MAILKEEP_BUILD", f"{TOP}/build/g++")
INSTALLED = f"{BUILD}/inst"
PREFIX = f"{INSTALLED}/usr/local"
SOAK = bool(os.environ.get("MAILKEEP_SOAK"))
SANITIZED = bool(re.search("address|thread|undefined", os.path.basename(BUILD)))
TRACE = os.environ.get("MAILKEEP_TRACE")  # a folder for strace's files: see regress/tools/system-calls
ROLES = {"mailkeep": "control", "mailkeep-tls": "tls", "mailkeep-smtp": "smtpd", "mailkeep-lookup": "lookup",
         "mailkeep-auth": "auth", "mailkeep-queue": "queue", "mailkeep-lmtp": "lmtpd", "mailkeep-imap": "imapd",
         "mailkeep-relay": "relay"}
FIRST_UID = 61200


def uid_of(role):
    return FIRST_UID + list(ROLES.values()).index(role)


def enter_namespace(more_users=(), own_network=False):
    """Starts this script again where the users exist and /tmp may be left dirty, and with `own_network` where all ports are free.
    `more_users`: (name, uid, home) …"""
    if os.environ.get("MAILKEEP_E2E") == "1":
        return
    if os.geteuid() != 0:
        print("skip all: needs root, to run processes under several users")
        sys.exit(0)
    directory = tempfile.mkdtemp(prefix="mk-users-")
    for name in ("passwd", "group"):
        text = "".join(l for l in open(f"/etc/{name}") if not l.startswith("mailkeep"))
        text += "" if text.endswith("\n") else "\n"
        for number, user in enumerate(ROLES):
            n = FIRST_UID + number
            text += f"{user}:x:{n}:{n}::/nonexistent:/usr/sbin/nologin\n" if name == "passwd" else f"{user}:x:{n}:\n"
        for user, n, home in more_users:
            text += f"{user}:x:{n}:{n}::{home}:/usr/sbin/nologin\n" if name == "passwd" else f"{user}:x:{n}:\n"
        if name == "group":
            text += f"mailkeep-mail:x:{FIRST_UID + 50}:\n"
        with open(f"{directory}/{name}", "w") as f:
            f.write(text)
    script = ('mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group && '
              '{ rm -f "$0/passwd" "$0/group"; rmdir "$0" || :; } 2>/dev/null; exec "$@"')
    env = {**os.environ, "MAILKEEP_E2E": "1", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
    os.execvpe("unshare", ["unshare", "-m", *(["-n"] if own_network else []), "--propagation", "private", "sh", "-c", script, directory, sys.executable,
                           os.path.abspath(sys.argv[0]), *sys.argv[1:]], env)


def install():
    """make install of the build that is tested; once, however many tests ask."""
    os.makedirs(BUILD, exist_ok=True)
    with open(f"{BUILD}/inst.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = f"{BUILD}/sbin/mailkeepd"
        done = f"{PREFIX}/sbin/mailkeepd"
        workers = [f"{BUILD}/libexec/mailkeep/{n}" for n in os.listdir(f"{BUILD}/libexec/mailkeep")]
        newest = max(os.path.getmtime(p) for p in [built, f"{BUILD}/sbin/mailkeepctl", f"{BUILD}/sbin/sendmail", *workers])
        if os.path.exists(done) and os.path.getmtime(done) >= newest:
            return
        shutil.rmtree(INSTALLED, ignore_errors=True)
        out = subprocess.run(["make", "-s", "install", f"DESTDIR={INSTALLED}", f"B={os.path.relpath(BUILD, TOP)}"], cwd=TOP,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert out.returncode == 0, f"make install: {out.stdout[-2000:]}"


GIVEN = set()


def free_port():
    """Below the range that the kernel gives to clients: one of those must not take it while the server is down. Never one twice."""
    while True:
        port = random.randrange(10_000, 32_000)
        if port in GIVEN:
            continue
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            GIVEN.add(port)
            return port


def make_certificate(directory, name, names):
    subject = ",".join(f"DNS:{n}" for n in names) + ",IP:127.0.0.1"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={subject}", "-keyout", f"{directory}/{name}.key",
                    "-out", f"{directory}/{name}.pem"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.chmod(f"{directory}/{name}.key", 0o600)


class Server:
    ACCOUNTS = ("alice", "bob", "carol", "dave")
    SENDER = "alice@mk.test"  # of send(), unless it is told another one

    def __init__(self, extra="", options="", accounts=ACCOUNTS, state=None, aliases=""):
        install()
        self.directory = tempfile.mkdtemp(prefix="mk-e2e-")
        os.chmod(self.directory, 0o755)
        d = self.directory
        self.smtp, self.imap, self.imaps, self.lmtp_tcp, self.submission, self.submissions = (free_port() for _ in range(6))
        self.lmtp = f"{d}/lmtp.sock"
        self.control = f"{d}/mailkeep.sock"
        self.state = state or f"{d}/state"
        self.prefix = PREFIX
        self.accounts = list(accounts)
        make_certificate(d, "mx", ["mx.mk.test", "localhost"])
        make_certificate(d, "other", ["other.mk.test"])
        with open(f"{d}/accounts", "w") as f:
            for name in accounts:
                f.write(f"{name}:{{PLAIN}}secret-{name}:::{name}::\n")
        os.chmod(f"{d}/accounts", 0o600)
        with open(f"{d}/aliases", "w") as f:
            f.write(f"postmaster: {accounts[0]}\nteam: alice, bob\n{aliases}")
        self.conf = f"{d}/mailkeep.conf"
        self.text = f'''state   "{self.state}"
control "{self.control}"
hostname mx.mk.test
domain  mk.test
{options}
pki     mx cert "{d}/mx.pem" key "{d}/mx.key"
pki     other cert "{d}/other.pem" key "{d}/other.key"
table   accounts file:{d}/accounts
table   aliases  file:{d}/aliases
uid-range 200000-299999
listen on 127.0.0.1 port {self.smtp} smtp  pki {{ mx, other }}
listen on 127.0.0.1 port {self.submission} submission pki {{ mx, other }}
listen on 127.0.0.1 port {self.submissions} submissions pki {{ mx, other }}
listen on 127.0.0.1 port {self.imap} imap  pki {{ mx, other }} plaintext-ok
listen on 127.0.0.1 port {self.imaps} imaps pki {{ mx, other }}
listen on 127.0.0.1 port {self.lmtp_tcp} lmtp
listen on socket "{self.lmtp}" lmtp
auth table <accounts>
action in  deliver alias <aliases>
match from any  for domain mk.test action in
{extra}
'''
        self.write(self.text)
        self.log_path = f"{d}/log"
        self.child = None

    def write(self, text):
        with open(self.conf, "w") as f:
            f.write(text)

    # --- life ---------------------------------------------------------------------------------------
    def start(self, patience=20):
        log = open(self.log_path, "ab")
        at = log.tell()
        traced = ["strace", "-D", "-ff", "-qq", "-s", "0", "-e", "signal=none", "-o", f"{TRACE}/{os.getpid()}"] if TRACE else []
        self.child = subprocess.Popen([*traced, f"{self.prefix}/sbin/mailkeepd", "-d", "-f", self.conf], stdin=subprocess.DEVNULL,
                                      stdout=log, stderr=log, cwd="/")
        log.close()
        self.wait_log("event=ready", patience, at)
        return self

    def stop(self, patience=6):
        """SIGTERM; the exit status must be 0 within 5 seconds, and no process may be left."""
        if self.child is None:
            return
        child, self.child = self.child, None
        began = time.monotonic()
        child.send_signal(signal.SIGTERM)
        try:
            code = child.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill_all()
            child.wait()
            raise AssertionError("SIGTERM did not end it in time")
        took = time.monotonic() - began
        left = wait_until(lambda: not self.processes(), 1) or self.processes()
        if left is not True:
            self.kill_all()
            raise AssertionError(f"processes were left: {left}")
        assert code == 0, f"exit status {code}"
        assert took < 5.5, f"took {took:.1f} s to end"

    def kill_all(self):
        """SIGKILL to every process of this tree's server, at once."""
        while left := self.processes():  # again for what the parent had started meanwhile
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self.child is not None:
                self.child.wait()
                self.child = None
            time.sleep(0.01)
        if self.child is not None:
            self.child.wait()
            self.child = None

    def processes(self):
        """pid: name of program, of all that run from the installed tree for this server."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                exe = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
                if exe.startswith(self.prefix + "/") and not exe.endswith(("mailkeepctl", "sendmail")):
                    found[int(pid)] = os.path.basename(exe)
        return found

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def log(self, start=0):
        with open(self.log_path, errors="replace") as f:
            f.seek(start)
            return f.read()

    def log_size(self):
        return os.path.getsize(self.log_path)

    def wait_log(self, pattern, patience=10, start=0):
        def look():
            found = re.search(pattern, self.log(start))
            if not found and self.child and self.child.poll() is not None:
                raise AssertionError(f"mailkeepd ended with {self.child.returncode}: {self.log(start)[-1500:]}")
            return found
        found = wait_until(look, patience)
        assert found, f"no log line {pattern!r} within {patience} s: {self.log(start)[-1500:]}"
        return found

    # --- tools --------------------------------------------------------------------------------------
    def ctl(self, *arguments, code=0, patience=20):
        done = subprocess.run([f"{self.prefix}/sbin/mailkeepctl", "-f", self.conf, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=patience)
        assert code is None or done.returncode == code, \
            f"mailkeepctl {' '.join(arguments)}: exit {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout + (done.stderr if code != 0 else "")

    def status(self):
        return json.loads(self.ctl("-j", "status"))

    def workers(self):
        """role: pid (the first instance)."""
        found = {}
        for p in self.status()["processes"]:
            found.setdefault(p["role"], p["pid"])
        return found

    def queue(self, *words):
        """What the operator is told of the envelopes that wait, of those that are selected."""
        return json.loads(self.ctl("-j", "queue", "list", *words))

    def wait_empty(self, patience=30):
        expect(wait_until(lambda: self.queue()["total"] == 0, patience, 0.1), f"the queue is not empty: {self.queue()}")

    def wait_dropped(self, message):
        """Drops a message, as soon as it is not being delivered."""
        def gone():
            self.ctl("queue", "drop", message, code=None)
            return not any(i["id"] == message for i in self.queue()["items"])
        expect(wait_until(gone, 10), f"it does not go away: {self.queue()}")

    def send(self, recipients, subject="for-the-test", sender=None, body="Hello\n", **headers):
        """A message to one recipient or a list of them, at the port for the world; it must be taken."""
        client = Smtp(self.smtp)
        client.message(self.SENDER if sender is None else sender, [recipients] if isinstance(recipients, str) else recipients,
                       mail(subject, body, **headers))
        client.close()

    def swaks(self, to, *more, source="127.0.0.1", sender="a@remote.test", helo="client.test", code=0):
        """What swaks says when it sends to `to`, from that address of this machine."""
        return shell(["swaks", "--server", f"127.0.0.1:{self.smtp}", "--local-interface", source, "--from", sender, "--to", to, "--helo", helo,
                      *more], code)

    def login(self, user, patience=10):
        imaplib._MAXLINE = 10_000_000
        client = imaplib.IMAP4("127.0.0.1", self.imap, timeout=patience)
        client.login(user, f"secret-{user}")
        return client

    def messages(self, user, mailbox="INBOX"):
        """The messages of a mailbox as bytes, in order of UID."""
        client = self.login(user)
        try:
            state, data = client.select(mailbox)
            assert state == "OK", data
            if int(data[0]) == 0:
                return []
            state, data = client.fetch("1:*", "(UID BODY.PEEK[])")
            assert state == "OK", data
            return [part[1] for part in data if isinstance(part, tuple)]
        finally:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                client.logout()

    def wait_message(self, user, text, patience=15):
        """The first message in INBOX that holds `text`."""
        wanted = text.encode()

        def look():
            try:
                return [m for m in self.messages(user) if wanted in m]
            except (OSError, imaplib.IMAP4.error):
                return None  # a process that has been killed is on its way back
        found = wait_until(look, patience)
        assert found, f"{text!r} did not arrive for {user}; log: {self.log()[-1500:]}"
        return found[0]


class Smtp:
    """A client that sends just what it is told, and looks at all that it hears from a server of ours."""
    ours = False

    def judge(self, lines):
        """RFC 2034, 3463: an enhanced code of the reply's class, and words, but for the greeting, HELO, EHLO and what asks for more."""
        code = lines[0][:3]
        greets = code == "220" and "Mailkeep" in lines[0]
        self.ours = self.ours or greets
        hello = code == "250" and re.fullmatch(r"[\w.-]+\.[\w.-]+", lines[0][4:])
        if not self.ours or greets or hello or code[0] == "3":
            return
        for line in lines:
            assert re.match(rf"{code}[ -]{code[0]}\.\d{{1,3}}\.\d{{1,3}} .*\w", line), f"a reply without its parts: {line!r}"
            assert len(line) <= 510 and line.isascii() and line.isprintable(), f"no reply line: {line!r}"

    def __init__(self, port=None, path=None, greeting=220, patience=20):
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(patience)
            self.socket.connect(path)
        else:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self.buffer = b""
        if greeting:
            code, text = self.reply()
            assert code == greeting, f"greeting {code} {text}"

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def reply(self):
        lines = []
        while True:
            while b"\r\n" not in self.buffer:
                more = self.socket.recv(65536)
                assert more, f"the connection ended after {lines} {self.buffer!r}"
                self.buffer += more
            line, self.buffer = self.buffer.split(b"\r\n", 1)
            lines.append(line.decode(errors="replace"))
            if lines[-1][3:4] != "-":
                self.judge(lines)
                return int(lines[-1][:3]), "\n".join(l[4:] for l in lines)

    def cmd(self, line, code=None):
        self.send(line + "\r\n")
        got, text = self.reply()
        assert code is None or got == code, f"{line!r} was answered {got} {text}, expected {code}"
        return got, text

    def message(self, sender, recipients, text, hello="EHLO client.test", code=250):
        if hello:
            self.cmd(hello, 250)
        self.cmd(f"MAIL FROM:<{sender}>", 250)
        for r in recipients:
            self.cmd(f"RCPT TO:<{r}>", 250)
        self.cmd("DATA", 354)
        self.send(text.replace("\n", "\r\n") + "\r\n.\r\n")
        got, answer = self.reply()
        assert code is None or got == code, f"end of data was answered {got} {answer}"
        return got, answer

    def close(self):
        self.socket.close()


def mail(subject, body="Hello\n", **headers):
    more = "".join(f"{k.replace('_', '-')}: {v}\n" for k, v in headers.items())
    return f"From: <sender@remote.test>\nTo: <somebody@mk.test>\nSubject: {subject}\n{more}\n{body}"


class Skip(Exception):
    """What a test raises when the machine lacks what it needs."""


def memory(kib):
    """How much memory a process may take: what a sanitizer keeps back of freed memory comes on top, in its build."""
    return kib + (512 * 1024 if SANITIZED else 0)


def wait_until(condition, patience, step=0.05):
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(step)


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def flip(path, at, count=4):
    """Damages that many bytes of a file."""
    with open(path, "r+b") as f:
        f.seek(at)
        old = f.read(count)
        f.seek(at)
        f.write(bytes(b ^ 0xff for b in old))


def shell(command, code=0, patience=60, **kw):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patience, text=True,
                          errors="replace", stdin=subprocess.DEVNULL if "input" not in kw else None, **kw)
    assert code is None or done.returncode == code, f"{command} ended with {done.returncode}: {done.stdout[-2000:]}"
    return done.stdout


def run(*tests, server=Server, own_network=False, more_users=(), **options):
    """Each test(server) in turn on one running server; then the stop, which is a test too. Exits the program."""
    enter_namespace(more_users, own_network)
    failed = 0
    house = None

    def report(name, function):
        nonlocal failed
        try:
            function()
            print(f"ok {name}", flush=True)
            return True
        except Skip as e:
            print(f"skip {name}: {e}", flush=True)
            return True
        except Exception as e:  # a test may fail in any way
            failed += 1
            print(f"not ok {name}: {' '.join(str(e).split())[:600] or type(e).__name__}", flush=True)
            traceback.print_exc()
            return False

    def start():
        nonlocal house
        house = server(**options)
        house.start()

    try:
        if report("start", start):
            for test in tests:
                report(test.__name__, lambda: test(house))
            report("stop", house.stop)
    finally:
        if house is not None:
            house.kill_all()
            if failed:
                print("--- the server's log\n" + house.log()[-8000:] if os.path.exists(house.log_path) else "no log")
            if os.environ.get("MAILKEEP_KEEP"):
                print(f"--- kept: {house.directory}")
            else:
                house.remove()
    sys.exit(1 if failed else 0)
