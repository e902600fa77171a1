"""An ext4 on a loop device over memory, whose power can be cut: FS_IOC_SHUTDOWN, unmount, mount, which replays its journal.

The image is a memory file without a name, the device detaches itself with the mount, the mount is in the test's own namespace:
when the test's processes are gone, however they went, nothing is left.
"""
import ctypes
import errno
import fcntl
import os
import shutil
import struct
import subprocess
import time

LOOP_CTL_GET_FREE = 0x4C82
LOOP_CONFIGURE = 0x4C0A
LO_FLAGS_AUTOCLEAR = 4
FS_IOC_SHUTDOWN = 0x8004587D       # _IOR('X', 125, __u32)
LOGFLUSH, NOLOGFLUSH = 1, 2        # the file system's journal is written first, or nothing more is
LIBC = ctypes.CDLL(None, use_errno=True)


def call(function, *arguments):
    if function(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{function.__name__}: {os.strerror(code)}")


class LoopDisk:
    """Raises OSError where there is no loop device or no right to mount."""

    def __init__(self, directory, megabytes):
        self.path = directory
        self.image = os.memfd_create("powercut")
        self.is_mounted = False
        os.ftruncate(self.image, megabytes << 20)
        subprocess.run([shutil.which("mkfs.ext4") or "/sbin/mkfs.ext4", "-q", "-F", "-J", "size=8", "-E",
                        "lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0", f"/proc/self/fd/{self.image}"],
                       check=True, pass_fds=[self.image])
        self.mount()

    def attach(self):
        """A loop device over the image: its descriptor and path."""
        for _ in range(20):
            control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
            try:
                number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
            finally:
                os.close(control)
            path = f"/dev/loop{number}"
            device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            info = struct.pack("=5Q4I64s64s32s2Q", 0, 0, 0, 0, 0, 0, 0, 0, LO_FLAGS_AUTOCLEAR, b"powercut", b"", b"", 0, 0)
            try:
                fcntl.ioctl(device, LOOP_CONFIGURE, struct.pack("=2I", self.image, 0) + info + bytes(64))
                return device, path
            except OSError as e:
                os.close(device)
                if e.errno != errno.EBUSY:  # somebody else took it in between
                    raise
        raise OSError(errno.EBUSY, "no free loop device")

    def mount(self):
        device, path = self.attach()
        try:
            call(LIBC.mount, path.encode(), self.path.encode(), b"ext4", 0, b"")
        finally:
            os.close(device)
        self.is_mounted = True

    def cut(self, kind):
        """From now on nothing reaches the disk; who writes or syncs gets an error."""
        top = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(top, FS_IOC_SHUTDOWN, struct.pack("=I", kind))
        finally:
            os.close(top)

    def unmount(self, patience=10):
        """When no process uses it any more."""
        end = time.monotonic() + patience
        while self.is_mounted:
            try:
                call(LIBC.umount2, self.path.encode(), 0)
                self.is_mounted = False
            except OSError as e:
                if e.errno != errno.EBUSY or time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def remove(self):
        try:
            self.unmount()
        except OSError:
            call(LIBC.umount2, self.path.encode(), 2)  # MNT_DETACH: what still uses it is about to be killed
        os.close(self.image)
