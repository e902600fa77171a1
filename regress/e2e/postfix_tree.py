"""A Postfix that runs from its unpacked package, with queue and configuration in a folder: for the end-to-end tests and the bench."""
import os
import pwd

COMMON = """compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
config_directory = {directory}/conf
command_directory = {package}/usr/sbin
daemon_directory = {package}/usr/lib/postfix/sbin
shlib_directory = {package}/usr/lib/postfix
meta_directory = {package}/etc/postfix
import_environment = LD_LIBRARY_PATH={package}/usr/lib/postfix MAIL_CONFIG TZ LANG=C
mail_owner = postfix
setgid_group = postdrop
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
"""


def environment(package, directory):
    return {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": f"{package}/usr/lib/postfix", "MAIL_CONFIG": f"{directory}/conf", "LANG": "C"}


def master(package, directory):
    """The command that runs it in the foreground; in the folder of the queue and with environment()."""
    return [f"{package}/usr/lib/postfix/sbin/master", "-c", f"{directory}/conf", "-d"]


def lay_out(package, directory, port, settings):
    """Makes the folders, main.cf with `settings` behind what all need, and master.cf with SMTP at 127.0.0.1:`port`. The users postfix
    and postdrop must exist."""
    owner, drop = pwd.getpwnam("postfix"), pwd.getpwnam("postdrop")
    os.makedirs(f"{directory}/queue", 0o755)
    os.makedirs(f"{directory}/conf", 0o755)
    private = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")
    for name, mode, uid, gid in (*((f"queue/{n}", 0o700, owner.pw_uid, 0) for n in private),
                                 ("queue/maildrop", 0o730, owner.pw_uid, drop.pw_gid), ("queue/public", 0o710, owner.pw_uid, drop.pw_gid),
                                 ("queue/pid", 0o755, 0, 0), ("data", 0o700, owner.pw_uid, owner.pw_gid)):
        os.mkdir(f"{directory}/{name}")
        os.chown(f"{directory}/{name}", uid, gid)
        os.chmod(f"{directory}/{name}", mode)
    with open(f"{directory}/conf/main.cf", "w") as f:
        f.write(COMMON.format(package=package, directory=directory) + settings)
    with open(f"{package}/usr/share/postfix/master.cf.dist") as f, open(f"{directory}/conf/master.cf", "w") as out:
        for line in f:
            fields = line.split()
            if line[:1] not in "# \t" and len(fields) >= 8:
                if fields[1] == "inet":
                    fields[0] = f"127.0.0.1:{port}"
                fields[4] = "n"  # no chroot: it has no copy of the system's files
                line = " ".join(fields) + "\n"
            out.write(line)
