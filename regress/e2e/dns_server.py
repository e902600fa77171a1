"""A DNS server of the test's own: regress/tools/dns-server, with the zones of regress/zones/mail.zones or a text."""
import os
import shutil
import signal
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Dns:
    def __init__(self, zones=None, port=0):
        self.directory = tempfile.mkdtemp(prefix="mk-dns-")
        os.chmod(self.directory, 0o755)
        self.zones = f"{self.directory}/zones" if zones is not None else f"{TOP}/regress/zones/mail.zones"
        self.anchors = f"{self.directory}/anchors"
        self.log_path = f"{self.directory}/log"
        if zones is not None:
            self.write(zones)
        self.child = subprocess.Popen([f"{TOP}/regress/tools/dns-server", "--port", str(port), "--anchors", self.anchors, "--log",
                                       self.log_path, self.zones], stdout=subprocess.PIPE, text=True)
        ready = self.child.stdout.readline().split()
        assert ready[:1] == ["ready"], "the DNS server did not start"
        self.port = int(ready[1])

    def write(self, zones):
        with open(self.zones, "w") as f:
            f.write(zones)

    def reload(self, zones):
        """Other zones from here on; what has been answered before may be remembered for a minute."""
        self.write(zones)
        self.child.send_signal(signal.SIGHUP)

    def queries(self):
        """["udp plain.test. MX", ...] since the start"""
        if not os.path.exists(self.log_path):
            return []
        with open(self.log_path) as f:
            return f.read().splitlines()

    def stop(self):
        self.child.terminate()  # it clears its own folder away
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
