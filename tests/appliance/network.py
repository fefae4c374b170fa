"""Network namespaces and the veth pair between two of them. A namespace lives as long as a process
that holds it, and that dies with the test: nothing is left behind, and no name can collide.
"""

import ctypes
import os
import subprocess
import threading
import socket

from process import die_with_parent

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


class Namespace:
    def __init__(self):
        self._holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 600"],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        preexec_fn=die_with_parent)
        if not self._holder.stdout.readline():
            raise OSError(self._holder.stderr.read().decode().strip())
        self.run("ip", "link", "set", "lo", "up")

    @property
    def _path(self):
        return f"/proc/{self._holder.pid}/ns/net"

    @property
    def prefix(self):
        """Before a command: runs it in here, with a /sys that shows this namespace's devices."""
        return ["nsenter", f"--net={self._path}", "unshare", "--mount", "sh", "-c",
                'mount -t sysfs sysfs /sys; exec "$@"', "sh"]

    def run(self, *command):
        _run("nsenter", f"--net={self._path}", *command)

    def socket(self, family, kind=socket.SOCK_DGRAM):
        """A socket of this namespace, for this process: setns holds for one thread alone."""
        out = []

        def make():
            handle = os.open(self._path, os.O_RDONLY)
            if _LIBC.setns(handle, _CLONE_NEWNET) == 0:
                out.append(socket.socket(family, kind))
            os.close(handle)
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if not out:
            raise OSError("setns was refused")
        return out[0]

    def join_by_veth(self, other, ours="veth0", theirs="veth0"):
        """A veth pair: `ours` in here, `theirs` in the other namespace, both up."""
        self.run("ip", "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns",
                 str(other._holder.pid))
        # duplicate address detection would hold IPv6 back for a second or two
        for namespace, name in ((self, ours), (other, theirs)):
            namespace.run("sh", "-c", f"echo 0 >/proc/sys/net/ipv6/conf/{name}/accept_dad || :")
            namespace.run("ip", "link", "set", name, "up")

    def address(self, name, *addresses):
        for address in addresses:
            extra = ["nodad"] if ":" in address else []
            self.run("ip", "address", "add", address, "dev", name, *extra)

    def close(self):
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()
        self._holder.stderr.close()
