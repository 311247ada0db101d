"""Whether this machine's own /dev/kvm runs guests natively: probe_kvm.c, compiled once into the cache."""
import dataclasses
import hashlib
import os
import subprocess

import cache
import job

SOURCE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "probe_kvm.c")


@dataclasses.dataclass
class Verdict:
    native: bool
    sentence: str


def _compile(directory):
    done = subprocess.run(["cc", "-O1", "-static", "-o", os.path.join(directory, "probe_kvm"), SOURCE],
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise job.Failure("cannot compile probe_kvm.c: " + done.stderr.decode(errors="replace").strip())


def program():
    """The path of the probe; a static program, so that any host can run it."""
    with open(SOURCE, "rb") as file:
        key = hashlib.sha256(file.read()).hexdigest()[:16]
    return os.path.join(cache.entry("probe-kvm", key, _compile), "probe_kvm")


def own_kvm():
    if not os.path.exists("/dev/kvm"):
        return Verdict(False, "there is no /dev/kvm here")
    done = subprocess.run([program()], stdout=subprocess.PIPE, check=False)
    if done.returncode < 0:
        return Verdict(False, "no usable KVM: the probe guest never came to its end")
    return Verdict(done.returncode == 0, done.stdout.decode().strip())
