"""Debian's Dovecot as a peer whose IMAP answers ours are compared with: its imap process alone, unpacked, not installed.

etc/install-deps unpacks it (regress/deps) below build/peers. It runs as nobody, already logged in, on pipes.
"""
import os
import pwd
import subprocess

from imap import Imap
from server import TOP

CORE, IMAPD = (f"{TOP}/build/peers/{name}/usr/lib/dovecot" for name in ("dovecot-core", "dovecot-imapd"))


def why_not():
    """Empty when it can be run here; else why not."""
    program = f"{IMAPD}/imap"
    if not os.path.exists(program) or not os.path.exists(CORE):
        return f"no {os.path.relpath(program, TOP)}: make check unpacks it where there is apt-get"
    out = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, env=environment("/"), check=False).stdout
    missing = [line.split()[0] for line in out.splitlines() if "not found" in line]
    return f"it needs {', '.join(missing)}" if missing else ""


def environment(home):
    return {"DOVECONF_ENV": "1", "USER": "peer", "HOME": home, "TZ": "UTC", "LD_LIBRARY_PATH": CORE}


def start(home):
    nobody = pwd.getpwnam("nobody")
    os.makedirs(home, exist_ok=True)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    settings = {"mail_location": f"sdbox:{home}/mail", "mail_uid": nobody.pw_uid, "mail_gid": nobody.pw_gid, "first_valid_uid": 1,
                "mail_save_crlf": "yes", "mail_fsync": "never", "log_path": f"{home}/log"}
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    return Imap(command=["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups",
                         f"{IMAPD}/imap", *options], env=environment(home))


# --- LMTP ------------------------------------------------------------------------------------------

USERS = (("dovecot", 61610, "/nonexistent"), ("dovenull", 61611, "/nonexistent"), ("vmail", 61612, "/nonexistent"))  # for enter_namespace()
LMTPD = f"{TOP}/build/peers/dovecot-lmtpd/usr/lib/dovecot"


def why_no_lmtp():
    if not os.path.exists(f"{LMTPD}/lmtp") or not os.path.exists(CORE):
        return f"no {os.path.relpath(LMTPD, TOP)}/lmtp: make check unpacks it where there is apt-get"
    out = subprocess.run(["ldd", f"{LMTPD}/lmtp"], stdout=subprocess.PIPE, text=True, env=environment("/"), check=False).stdout
    missing = [line.split()[0] for line in out.splitlines() if "not found" in line]
    return f"it needs {', '.join(missing)}" if missing else ""


class Lmtp:
    """A whole Dovecot that takes LMTP for `users` on a socket (which `group` may use) and on a port, into Maildirs."""

    def __init__(self, directory, users, group, port):
        self.directory, self.port, self.path = directory, port, f"{directory}/sock/lmtp"
        for name in ("libexec", "sock", "mail", "lib", "real-lib"):
            os.makedirs(f"{directory}/{name}")
        for folder in (CORE, LMTPD):
            for name in os.listdir(folder):
                os.symlink(f"{folder}/{name}", f"{directory}/libexec/{name}")
        # It looks for modules in /usr/lib/dovecot alone: a namespace of its own gets a /usr/lib that has that too.
        for name in os.listdir("/usr/lib"):
            os.symlink(f"{directory}/real-lib/{name}", f"{directory}/lib/{name}")
        os.symlink(CORE, f"{directory}/lib/dovecot")
        vmail = pwd.getpwnam("vmail")
        os.chown(f"{directory}/mail", vmail.pw_uid, vmail.pw_gid)
        with open(f"{directory}/users", "w") as f:
            f.writelines(f"{name}::{vmail.pw_uid}:{vmail.pw_gid}::{directory}/mail/{name}::\n" for name in users)
        with open(f"{directory}/conf", "w") as f:
            f.write(f"""base_dir = {directory}/run
state_dir = {directory}/state
libexec_dir = {directory}/libexec
log_path = {directory}/log
protocols = lmtp
listen = 127.0.0.1
ssl = no
hostname = store.mk.test
postmaster_address = postmaster@mk.test
auth_username_format = %n
mail_location = maildir:{directory}/mail/%n/Maildir
first_valid_uid = 1
import_environment = LD_LIBRARY_PATH
userdb {{
  driver = passwd-file
  args = {directory}/users
}}
passdb {{
  driver = passwd-file
  args = {directory}/users
}}
service lmtp {{
  unix_listener {self.path} {{
    mode = 0660
    group = {group}
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
""")
        peer = f"{TOP}/build/peers/dovecot-core/usr"
        # What dovecot itself would call, were doveconf in its place.
        master = [f"{peer}/bin/doveconf", "-f", "service=master", "-c", f"{directory}/conf", "-m", "master", "-e", f"{peer}/sbin/dovecot",
                  "-F", "-c", f"{directory}/conf"]
        command = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                   'mount --bind /usr/lib "$0/real-lib" && mount --bind "$0/lib" /usr/lib && exec "$@"', directory, *master]
        self.process = subprocess.Popen(command, env={"LD_LIBRARY_PATH": CORE, "PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL)

    def letters(self, user):
        folder = f"{self.directory}/mail/{user}/Maildir/new"
        return [open(f"{folder}/{n}", "rb").read() for n in sorted(os.listdir(folder))] if os.path.isdir(folder) else []

    def close(self):
        self.process.terminate()
        self.process.wait()
