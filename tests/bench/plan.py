"""What a benchmark brings into the counting host, and its run there."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
HOST = os.path.join(HERE, "..", "host")
sys.path.insert(0, HOST)

import job  # noqa: E402

IN_HOST = "/run/bench"


class Plan:
    """The files that go into the host."""

    def __init__(self, directory):
        self.directory = directory
        self.files = {}

    def add_file(self, source, target=None):
        self.files[target or os.path.abspath(source)] = os.path.realpath(source)

    def add_program(self, path):
        """A program with the shared libraries that it names, at the same paths there."""
        self.add_file(path)
        for library in libraries(path):
            self.add_file(library)

    def add_nacelle(self, prefix):
        """An installation. Returns the path of its command there."""
        if not os.path.exists(os.path.join(prefix, "bin", "nacelle")):
            raise job.Failure(f"--nacelle {prefix}: no bin/nacelle below it")
        self.add_file(os.path.join(prefix, "bin"), IN_HOST + "/nacelle/bin")
        self.add_file(os.path.join(prefix, "lib"), IN_HOST + "/nacelle/lib")
        return IN_HOST + "/nacelle/bin/nacelle"

    def run(self, lines, verbose, memory_mib=None):
        """The lines as a script of a shell there, from memory. Returns its output."""
        script = os.path.join(self.directory, "script")
        with open(script, "w", encoding="utf-8") as file:
            file.writelines(lines)
        self.add_file(script, IN_HOST + "/script")
        arguments = [os.path.join(HOST, "run"), "--host", "count", "--root", "memory", "--timeout", "600"]
        for target, source in self.files.items():
            arguments += ["--file", f"{source}:{target}"]
        if verbose:
            arguments.append("--verbose")
        if memory_mib:
            arguments += ["--memory", str(memory_mib)]
        done = subprocess.run(
            [*arguments, "--", "/bin/sh", IN_HOST + "/script"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode != 0:
            raise job.Failure(f"the counting host ended with status {done.returncode}")
        return done.stdout.decode()


def libraries(path):
    listed = subprocess.run(
        ["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    return [word for word in listed.stdout.decode().split() if word.startswith("/")]


def qemu_kernel():
    """The path of the kernel that QEMU's microvm machine can start; built if need be."""
    made = subprocess.run(
        [os.path.join(HERE, "qemu-kernel")], stdout=subprocess.PIPE, check=False
    )
    if made.returncode != 0:
        raise job.Failure("QEMU's kernel cannot be built; --without leaves its row out")
    return made.stdout.decode().splitlines()[-1]


QEMU = "/usr/bin/qemu-system-x86_64"
QEMU_DATA = [
    "/usr/share/qemu/qboot.rom",
    "/usr/share/qemu/pvh.bin",
    "/usr/share/qemu/linuxboot_dma.bin",
]


def add_qemu(plan, kernel, initrd, memory_mib, devices=()):
    """QEMU's microvm machine at its leanest: qboot, PVH, one console. Returns the command."""
    plan.add_program(QEMU)
    for path in QEMU_DATA:
        plan.add_file(path)
    plan.add_file(initrd, IN_HOST + "/qemu-initrd")
    plan.add_file(kernel, IN_HOST + "/qemu-vmlinux")
    machine = "microvm,pit=off,pic=off,rtc=off,acpi=off,auto-kernel-cmdline=on,isa-serial=off"
    command = [QEMU, "-M", machine, "-bios", "qboot.rom", "-accel", "kvm", "-cpu", "host"]
    command += ["-m", str(memory_mib), "-smp", "1", "-nodefaults", "-no-user-config"]
    command += ["-display", "none", "-no-reboot"]
    command += ["-kernel", IN_HOST + "/qemu-vmlinux", "-initrd", IN_HOST + "/qemu-initrd"]
    command += ["-append", "noreplace-smp quiet loglevel=0 console=hvc0 reboot=t panic=-1"]
    command += ["-chardev", "stdio,id=out,signal=off", "-device", "virtio-serial-device"]
    return command + ["-device", "virtconsole,chardev=out", *devices]
