"""The captive build for the end-to-end tests: a server whose workers do as they are told. See regress/captive/captive.h."""
import os
import select
import shutil
import socket
import struct
import subprocess
import time

import server
from server import *  # noqa: the harness

CAPTIVE = f"{server.BUILD}/captive"


def install_captive():
    """An installed tree of its own, with the captive workers in the place of the others."""
    server.install()
    tree = tempfile.mkdtemp(prefix="mk-captive-")
    os.chmod(tree, 0o755)
    shutil.copytree(f"{server.INSTALLED}/usr/local/sbin", f"{tree}/sbin")
    workers = os.listdir(f"{CAPTIVE}/libexec/mailkeep")
    installed = os.listdir(f"{server.INSTALLED}/usr/local/libexec/mailkeep")
    assert set(installed) <= set(workers), f"no captive {set(installed) - set(workers)}: make captive"
    shutil.copytree(f"{CAPTIVE}/libexec/mailkeep", f"{tree}/libexec/mailkeep")
    return tree


class Captive:
    """The line to one process."""

    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(60)
        self.buffer = b""
        role, instance, pid, account = self.line().split()
        self.role, self.instance, self.pid, self.account = role, int(instance), int(pid), account

    def __str__(self):
        return self.role + ("" if self.account == "-" else f" {self.account}")

    def line(self):
        while b"\n" not in self.buffer:
            more = self.connection.recv(1 << 20)
            if not more:
                raise EOFError("the process has ended")
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode()

    def say(self, text):
        try:
            self.connection.sendall(text.encode() + b"\n")
            return self.line()
        except (BrokenPipeError, ConnectionResetError):
            raise EOFError("the process has ended")

    def act(self, text):
        """The outcome; "allowed, and it ended" when the process is gone after it."""
        try:
            return self.say(f"act {text}")
        except EOFError:
            return "allowed, and the process ended"

    def peers(self):
        return [(p.split(".")[0], int(p.split(".")[1])) for p in self.say("peers").split()]

    def frame(self, role, instance, kind, body=b"", descriptors="-"):
        return self.say(f"frame {role} {instance} {kind} {descriptors or '-'} {body.hex() or '-'}")

    def raw(self, role, instance, data, descriptors="-"):
        return self.say(f"raw {role} {instance} {descriptors or '-'} {data.hex() or '-'}")

    def recorded(self, role, instance, kind):
        answer = self.say(f"recorded {role} {instance} {kind}")
        return None if answer == "none" else bytes.fromhex(answer.replace("-", ""))

    def has_ended(self, patience=5):
        """The line is closed: the process is gone."""
        end = time.monotonic() + patience
        while True:  # once at least: with no patience it is asked for now
            if not select.select([self.connection], [], [], max(0, end - time.monotonic()))[0]:
                return False
            try:
                if not self.connection.recv(65536):
                    return True
            except OSError:
                return True


class CaptiveServer(server.Server):
    def __init__(self, **options):
        super().__init__(**options)
        self.tree = self.prefix = install_captive()
        self.lines = socket.socket(socket.AF_UNIX)
        self.lines.bind(f"{self.tree}/libexec/mailkeep/captive.sock")
        self.lines.listen(64)
        self.captives = {}

    def gather(self, patience=0.0):
        """Takes in the processes that have called; (role, instance or account): the newest of that name."""
        end = time.monotonic() + patience
        while select.select([self.lines], [], [], max(0, end - time.monotonic()))[0]:
            c = Captive(self.lines.accept()[0])
            self.captives[(c.role, c.account if c.role == "user" else c.instance)] = c
        return self.captives

    def captive(self, role, which=0, patience=10, peer=None):
        """The line to the process of that name that runs now; with `peer`, once it has a channel to that role."""
        def look():
            self.gather()
            found = self.captives.get((role, which))
            if not found or found.has_ended(0):
                return None
            try:
                return found if peer is None or any(p[0] == peer for p in found.peers()) else None
            except EOFError:
                return None
        found = wait_until(look, patience)
        assert found, f"no captive {role} {which}"
        return found

    def remove(self):
        super().remove()
        shutil.rmtree(self.tree, ignore_errors=True)


# --- what lib/imsg's codec writes ---------------------------------------------------------------------
def u8(n): return struct.pack("<B", n)
def u16(n): return struct.pack("<H", n)
def u32(n): return struct.pack("<I", n)
def u64(n): return struct.pack("<Q", n)
def text(s): return u32(len(s)) + (s if isinstance(s, bytes) else s.encode())
def flag(b): return u8(1 if b else 0)
def header(kind, body, descriptors=0): return u32(len(body) + 8) + u16(kind) + u8(descriptors) + u8(0) + body
