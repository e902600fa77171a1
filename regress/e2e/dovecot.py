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
