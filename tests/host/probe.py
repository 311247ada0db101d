"""Whether this machine's own /dev/kvm runs guests natively: probe_kvm.c says so."""
import dataclasses
import os
import subprocess

import program

SOURCE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "probe_kvm.c")


@dataclasses.dataclass
class Verdict:
    native: bool
    sentence: str


def path():
    return program.static("probe_kvm", [SOURCE])


def own_kvm():
    if not os.path.exists("/dev/kvm"):
        return Verdict(False, "there is no /dev/kvm here")
    done = subprocess.run([path()], stdout=subprocess.PIPE, check=False)
    if done.returncode < 0:
        return Verdict(False, "no usable KVM: the probe guest never came to its end")
    return Verdict(done.returncode == 0, done.stdout.decode().strip())
