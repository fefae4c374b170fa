"""One flatline of real processes for one test: a configuration in a directory of its own, dataplane
and control over it, subscribers to them; all of it gone when the test ends, pages and files too.
"""

import contextlib
import glob
import grp
import itertools
import os
import pathlib
import pwd
import shutil
import tempfile
import unittest

import delivery
from process import Process, wait_for

BUILD = pathlib.Path(os.environ.get("FLATLINE_BUILD", ".build")).resolve()
PROGRAMS = {
    "dataplane": BUILD / "dataplane/flatline-dataplane",
    "control": BUILD / "control/flatline-control",
    "flatline": BUILD / "control/cli/flatline",
    "generator": BUILD / "bench/generator/flatline-generator",
}
JOURNALS_IN_MEMORY = "/dev/shm/flatline-journal-*"
NOBODY = pwd.getpwnam("nobody")
NOBODYS_GROUP = grp.getgrgid(NOBODY.pw_gid).gr_name
_numbers = itertools.count()

# What a test needs of a profile: silence is told within half a second.
FAST_TIMEOUT, FAST_CONFIRMATION = 0.3, 0.1  # leader-election


def hugetlbfs_mounts():
    with open("/proc/mounts", encoding="ascii") as mounts:
        return [line.split()[1] for line in mounts if line.split()[2] == "hugetlbfs"]


def _toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, (str, pathlib.Path)) else str(value)


class Appliance:
    """`ports` are dicts of [[port]] keys; "{dir}" in a device is this appliance's directory.
    `dataplane` and `control` hold keys of those tables, `namespace` where the dataplane runs.
    Without `is_guarded`, verdicts pass however many of its small fleet die at once."""

    def __init__(self, ports, dataplane=None, control=None, namespace=None, is_guarded=False):
        self.instance = f"test-{os.getpid()}-{next(_numbers)}"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"flatline-{self.instance}-"))
        self._namespace = namespace
        self._journals_in_memory = set(glob.glob(JOURNALS_IN_MEMORY))
        self._open = contextlib.ExitStack()
        self._open.callback(self._clean)
        self.socket = f"unix:{self.directory}/control.sock"
        self.tcp = None
        os.chmod(self.directory, 0o755)
        (self.directory / "control").mkdir()
        if os.geteuid() == 0:
            os.chown(self.directory, NOBODY.pw_uid, NOBODY.pw_gid)
            os.chown(self.directory / "control", NOBODY.pw_uid, NOBODY.pw_gid)
        self.config = self.directory / "flatline.toml"
        self.settings = {
            "top": {"instance": self.instance,
                    "region_group": NOBODYS_GROUP if os.geteuid() == 0 else ""},
            # a fleet of a test comes all at once, and nearly fills its table
            "dataplane": {"endpoints": 10_000, "memory": "64M", "enrolment_time": "1s",
                          **(dataplane or {})},
            "control": {"listen": [], "socket": f"{self.directory}/control.sock",
                        "journal": f"{self.directory}/control/journal", **(control or {})},
            "authentication": {},
            "guard": {} if is_guarded else {"fleet_share": 0.0},
            "ports": ports,
        }
        self.write_config()

    def write_config(self):
        lines = [f"{key} = {_toml(value)}" for key, value in self.settings["top"].items()]
        for table in ("dataplane", "control", "authentication", "guard"):
            lines.append(f"[{table}]")
            lines += [f"{key} = {_toml(value)}" for key, value in self.settings[table].items()]
        for port in self.settings["ports"]:
            lines.append("[[port]]")
            lines += [f"{key} = {_toml(value)}" for key, value in port.items()]
        text = "\n".join(lines).replace("{dir}", str(self.directory))
        self.config.write_text(text + "\n")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and not issubclass(kind, unittest.SkipTest):
            for log in sorted(self.directory.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
        self._open.close()

    def _clean(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        for mount in [*hugetlbfs_mounts(), "/dev/shm"]:
            for path in glob.glob(f"{mount}/flatline-{self.instance}") + glob.glob(
                    f"{mount}/{self.instance}map_*"):
                os.unlink(path)
        shutil.rmtree(f"/var/run/dpdk/{self.instance}", ignore_errors=True)
        for path in set(glob.glob(JOURNALS_IN_MEMORY)) - self._journals_in_memory:
            shutil.rmtree(path, ignore_errors=True)  # of a control that was killed on a full disk

    @property
    def region(self):
        """The file of the region, once the dataplane has made it."""
        paths = (pathlib.Path(mount, f"flatline-{self.instance}")
                 for mount in [*hugetlbfs_mounts(), "/dev/shm"])
        return next(path for path in paths if path.exists())

    def start(self, name, command, prefix=()):
        process = Process(name, command, self.directory, prefix)
        # what a generator leaves that is killed
        self._open.callback(shutil.rmtree, f"/var/run/dpdk/flatline-generator-{process.pid}",
                            ignore_errors=True)
        self._open.callback(process.kill)
        return process

    def start_dataplane(self, *arguments, ready="hearing: "):
        prefix = self._namespace.prefix if self._namespace else ()
        process = self.start("dataplane", [PROGRAMS["dataplane"], "--config", self.config,
                                           *arguments], prefix)
        if ready:
            process.wait_for_line(ready)
        return process

    def start_control(self, ready="joined "):
        """Control, without privilege."""
        prefix = []
        if os.geteuid() == 0:
            prefix = ["setpriv", "--reuid=nobody", f"--regid={NOBODYS_GROUP}", "--clear-groups",
                      "--no-new-privs"]
        process = self.start("control", [PROGRAMS["control"], "--config", self.config], prefix)
        if ready:
            process.wait_for_line(ready)
            wait_for((self.directory / "control.sock").exists, 10, "control's socket")
        return process

    def start_generator(self, *arguments, device="net_memif9,role=client,id=0,"
                                                 "socket={dir}/memif.sock,socket-abstract=no"):
        return self.start("generator", [
            PROGRAMS["generator"], "--port", device.replace("{dir}", str(self.directory)),
            "--quiet", *map(str, arguments)])

    def flatline(self, *arguments, timeout=20):
        """The command line's (status, output)."""
        process = self.start("flatline", [PROGRAMS["flatline"], *map(str, arguments), "--config",
                                          self.config])
        return process.wait(timeout), process.output

    def make_key(self, mode):
        """A master key, in the configuration from the next start on; its file."""
        key = self.directory / "key"
        status, output = self.flatline("key", "make", "--file", key)
        assert status == 0, output
        self.settings["authentication"] = {"key": key, "mode": mode}
        self.write_config()
        return key

    def derive(self, endpoint, *more):
        """The key of an endpoint, as the command line tells it."""
        status, output = self.flatline("key", "derive", endpoint, *more)
        assert status == 0, output
        number, key = output.split()
        assert int(number) == endpoint
        return bytes.fromhex(key)

    def subscribe(self, start=delivery.NOW, address=None, **more):
        subscriber = delivery.Subscriber(address or self.socket, start, **more)
        self._open.callback(subscriber.close)
        return subscriber


MEMIF_PORT = {"device": "net_memif0,role=server,id=0,socket={dir}/memif.sock,socket-abstract=no",
              "promiscuous": True}


def write_scenario(flatline, endpoints, profile, seconds, *events):
    """A scenario file for the generator: one cohort, and the bodies of its [[event]] tables."""
    path = flatline.directory / "scenario.toml"
    path.write_text(f'seed = 3\nrun_for = "{seconds}s"\n[[cohort]]\nprofile = "{profile}"\n'
                    f"endpoints = {endpoints}\n"
                    + "".join(f"[[event]]\n{event}\n" for event in events))
    return path
