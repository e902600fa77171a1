"""Debian's Postfix, Exim and OpenSMTPD as peers: each takes mail for its own domain into a Maildir of the user `peer`, and sends
all else to one Mailkeep by SMTP. Their packages are unpacked below build/peers (regress/deps), not installed; what they expect at
fixed places is bound there in this mount namespace alone."""
import contextlib
import glob
import os
import pwd
import signal
import subprocess

import postfix_tree
from server import TOP, Skip, free_port, make_certificate, shell, wait_until

PEERS = f"{TOP}/build/peers"
# For enter_namespace: the users that the packages' scripts would have made, and the one that gets mail.
USERS = [("postfix", 309_001, "/nonexistent"), ("postdrop", 309_002, "/nonexistent"), ("Debian-exim", 309_003, "/nonexistent"),
         ("opensmtpd", 309_004, "/nonexistent"), ("opensmtpq", 309_005, "/nonexistent"), ("peer", 309_006, "/home/peer")]


class Peer:
    """`next_port`: where mail for other domains goes, by TLS where it is offered."""
    packages = ()
    owner = "peer"  # of the Maildir
    offers_tls = True

    def __init__(self, directory, next_port):
        for package in self.packages:
            if not os.path.isdir(f"{PEERS}/{package}"):
                raise Skip(f"Debian's package {package} is not below build/peers: make check unpacks it")
        self.directory = f"{directory}/{self.name}"
        self.domain = f"{self.name}.test"
        self.port = free_port()
        self.next_port = next_port
        self.child = None
        os.makedirs(self.directory)
        os.chmod(self.directory, 0o755)
        make_certificate(self.directory, "cert", [f"mx.{self.domain}", "localhost"])
        os.chmod(f"{self.directory}/cert.key", 0o640)  # Exim reads it as its own user
        os.chown(f"{self.directory}/cert.key", 0, pwd.getpwnam(self.owner).pw_gid)
        self.maildir = f"{self.directory}/home/Maildir"
        owner = pwd.getpwnam(self.owner)
        for part in ("", "/cur", "/new", "/tmp"):
            os.makedirs(self.maildir + part, exist_ok=True)
            os.chown(self.maildir + part, owner.pw_uid, owner.pw_gid)
        os.chown(os.path.dirname(self.maildir), owner.pw_uid, owner.pw_gid)
        self.log_path = f"{self.directory}/log"

    def spawn(self, command, **more):
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **more)

    def messages(self):
        return [open(path, "rb").read() for path in sorted(glob.glob(f"{self.maildir}/new/*"))]

    def wait_message(self, text, patience=20):
        found = wait_until(lambda: [m for m in self.messages() if text.encode() in m], patience)
        if not found:
            raise AssertionError(f"{text!r} did not arrive at {self.name}: {self.log()[-1500:]}")
        return found[0]

    def log(self):
        return open(self.log_path, errors="replace").read()

    def stop(self):
        if self.child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(5)
        while left := list(self.processes()):  # again for what they had just started
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.child.wait()

    def processes(self):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe").startswith(tuple(f"{PEERS}/{p}/" for p in self.packages)):
                    yield int(pid)


BOUND = set()


def bind(source, target):
    """Puts a directory of the test in a fixed place, in this namespace."""
    os.makedirs(source, exist_ok=True)
    if target in BOUND:  # by a peer whose tests are over; what is below another mount could not be removed
        shell(["umount", "-l", target])
    BOUND.add(target)
    shell(["mount", "--bind", source, target])


class Postfix(Peer):
    name = "postfix"
    packages = ("postfix",)

    def start(self):
        package, owner = f"{PEERS}/postfix", pwd.getpwnam("peer")
        postfix_tree.lay_out(package, self.directory, self.port, f"""myhostname = mx.{self.domain}
mydestination =
virtual_mailbox_domains = {self.domain}
virtual_mailbox_base = /
virtual_mailbox_maps = static:{self.maildir}/
virtual_uid_maps = static:{owner.pw_uid}
virtual_gid_maps = static:{owner.pw_gid}
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ nobody@{self.domain} = REJECT 5.1.1 no such user }} }}, permit_mynetworks, reject
alias_maps =
relayhost = [127.0.0.1]:{self.next_port}
smtp_tls_security_level = may
smtpd_tls_security_level = may
smtpd_tls_cert_file = {self.directory}/cert.pem
smtpd_tls_key_file = {self.directory}/cert.key
maillog_file = {self.log_path}
maillog_file_prefixes = /
""")
        self.spawn(postfix_tree.master(package, self.directory), cwd=f"{self.directory}/queue",
                   env=postfix_tree.environment(package, self.directory))
        return self


class Exim(Peer):
    name = "exim"
    packages = ("exim4-daemon-light",)
    owner = "Debian-exim"  # who delivers: the program is not set-user-ID root here

    def start(self):
        lib, spool, run = f"{self.directory}/lib", f"{self.directory}/spool", f"{self.directory}/run"
        owner = pwd.getpwnam("Debian-exim")
        for path in (f"{lib}/exim4", f"{spool}/exim4", run, f"{self.directory}/exim-log"):
            os.makedirs(path)
            os.chown(path, owner.pw_uid, owner.pw_gid)
        bind(lib, "/var/lib")
        conf = f"{lib}/exim4/config.autogenerated"
        binary = f"{PEERS}/exim4-daemon-light/usr/sbin/exim4"
        with open(conf, "w") as f:
            f.write(f"""exim_path = {binary}
spool_directory = {spool}/exim4
log_file_path = {self.directory}/exim-log/%slog
pid_file_path = {run}/exim.pid
primary_hostname = mx.{self.domain}
daemon_smtp_ports = {self.port}
local_interfaces = 127.0.0.1
tls_advertise_hosts = *
tls_certificate = {self.directory}/cert.pem
tls_privatekey = {self.directory}/cert.key
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
never_users = root
deliver_drop_privilege
keep_environment =
acl_smtp_rcpt = check_rcpt
acl_smtp_data = accept
queue_run_in_order = false
begin acl
check_rcpt:
  deny recipients = nobody@{self.domain}
       message = 5.1.1 no such user
  accept hosts = 127.0.0.1
  deny
begin routers
ours:
  driver = accept
  domains = {self.domain}
  transport = mailbox
others:
  driver = manualroute
  route_list = * 127.0.0.1::{self.next_port}
  self = send
  transport = out
begin transports
mailbox:
  driver = appendfile
  directory = {self.maildir}
  maildir_format
  create_directory = false
out:
  driver = smtp
  hosts_try_chunking = *
  allow_localhost
  tls_tempfail_tryclear
begin retry
* * F,1h,2s
""")
        os.chown(conf, 0, 0)
        os.chmod(conf, 0o644)
        for path in (f"{PEERS}/exim4-daemon-light", binary):
            os.chown(path, 0, 0)
        self.spawn([binary, "-bdf", "-q2s"])
        return self

    def log(self):
        main = f"{self.directory}/exim-log/mainlog"
        return super().log() + (open(main, errors="replace").read() if os.path.exists(main) else "")


class OpenSmtpd(Peer):
    """Without TLS as a server: Debian 12's fails in every handshake, also with openssl s_client ("EVP lib")."""
    name = "opensmtpd"
    offers_tls = False
    packages = ("opensmtpd",)

    def start(self):
        lib, spool, run = f"{self.directory}/lib", f"{self.directory}/spool", f"{self.directory}/run"
        os.makedirs(f"{lib}/opensmtpd/empty")
        bind(lib, "/var/lib")
        bind(spool, "/var/spool")
        bind(run, "/run")
        bind(f"{PEERS}/opensmtpd/usr/libexec", "/usr/libexec")
        with open(f"{self.directory}/users", "w") as f:
            f.write("@ peer\n")
        conf = f"{self.directory}/smtpd.conf"
        with open(conf, "w") as f:
            f.write(f"""table known file:{self.directory}/users
listen on 127.0.0.1 port {self.port} hostname mx.{self.domain}
action in maildir "{self.maildir}" virtual <known>
action out relay host smtp://127.0.0.1:{self.next_port} helo mx.{self.domain}
match from any for rcpt-to "nobody@{self.domain}" reject
match from any for domain "{self.domain}" action in
match from any for any action out
""")
        os.chmod(conf, 0o644)
        os.chmod(f"{self.directory}/users", 0o644)
        self.spawn([f"{PEERS}/opensmtpd/usr/sbin/smtpd", "-d", "-f", conf])
        return self


ALL = (Postfix, Exim, OpenSmtpd)
