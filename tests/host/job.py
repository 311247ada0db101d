"""What every host is asked to do: the command, its surroundings, and how a run may end early."""
import contextlib
import dataclasses
import os
import signal
import sys
import time

DEFAULT_TIMEOUT_S = {"kvm": 120, "svm": 120, "count": 300, "vtx": 240}
DEFAULT_MEMORY_MIB = {"kvm": 0, "svm": 2048, "count": 2048, "vtx": 1024}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Failure(Exception):
    """The host could not do its part; the sentence goes to the user."""

    def __init__(self, sentence, status=125):
        super().__init__(sentence)
        self.status = status


class Ended(Exception):
    """A signal asked us to stop."""

    def __init__(self, number):
        super().__init__(f"signal {number}")
        self.signal = number


@dataclasses.dataclass
class Share:
    source: str
    target: str
    read_only: bool


@dataclasses.dataclass
class Job:
    host: str
    kernel: str
    command: list
    environment: dict
    directory: str
    shared_root: bool
    shares: list
    files: list  # pairs (path here, path in the host)
    memory_mib: int
    cpus: int
    append: str  # more arguments of the host's kernel
    timeout_s: float
    verbose: bool
    deadline: float

    def remaining_s(self):
        return max(0.0, self.deadline - time.monotonic())

    def timed_out(self):
        return Failure(f"killed after {self.timeout_s:g} s (--timeout)", 124)


def say(sentence):
    print(f"tests/host/run: {sentence}", file=sys.stderr, flush=True)


def parse_share(text):
    parts = text.split(":")
    if len(parts) > 3 or not parts[0] or (len(parts) == 3 and parts[2] not in ("ro", "rw")):
        raise Failure(f"--share {text}: not SRC[:DST[:ro]]")
    source = os.path.abspath(parts[0])
    if not os.path.isdir(source):
        raise Failure(f"--share {text}: {source} is not a directory")
    target = parts[1] if len(parts) > 1 else source
    if not target.startswith("/"):
        raise Failure(f"--share {text}: {target} is not an absolute path")
    return Share(source, target, len(parts) == 3 and parts[2] == "ro")


def parse_file(text):
    source, colon, target = text.rpartition(":")
    if not colon or not source or not target.startswith("/"):
        raise Failure(f"--file {text}: not HOST:GUEST with an absolute GUEST")
    if not os.path.lexists(source):
        raise Failure(f"--file {text}: no {source} here")
    return os.path.abspath(source), os.path.normpath(target)


def parse_environment(entries):
    environment = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8"}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not equals or not name:
            raise Failure(f"--env {entry}: not NAME=VALUE")
        environment[name] = value
    return environment


def from_options(options, host):
    if options.cpus < 1 or (options.cpus > 1 and host in ("count", "vtx")):
        raise Failure(f"--cpus {options.cpus}: host {host} has one CPU")
    if options.append and host not in ("svm", "count"):
        raise Failure(f"--append: the kernel of host {host} takes no more arguments")
    if options.share and host == "vtx":
        raise Failure("--share: host vtx has no shared directories; use --file")
    timeout_s = options.timeout or DEFAULT_TIMEOUT_S[host]
    return Job(
        host=host,
        kernel=options.kernel,
        command=options.command,
        environment=parse_environment(options.env),
        directory=os.getcwd(),
        shared_root=options.root == "shared" and host in ("svm", "count"),
        shares=[parse_share(text) for text in options.share],
        files=[parse_file(text) for text in options.file],
        memory_mib=options.memory or DEFAULT_MEMORY_MIB[host],
        cpus=options.cpus,
        append=options.append,
        timeout_s=timeout_s,
        verbose=options.verbose,
        deadline=time.monotonic() + timeout_s,
    )


@contextlib.contextmanager
def ended_by_signals():
    """Inside, SIGINT, SIGTERM and SIGHUP raise Ended, so that clean-up runs."""

    def raise_ended(number, _frame):
        raise Ended(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, raise_ended) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
