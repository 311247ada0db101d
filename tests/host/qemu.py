"""Hosts svm and count: an L1 Linux with /dev/kvm by emulated AMD SVM, under QEMU's TCG.

count adds -icount: each L1 and L2 instruction is one virtual nanosecond. The machine boots Debian's
vmlinux by the PVH entry, its root is this machine's / over 9p (read-only, memory on top) or memory
alone, and the command's streams are virtio-serial ports, each a socket pair to relay.py.
"""
import os
import subprocess
import tempfile

import initramfs
import job
import kernel
import relay

QEMU = "qemu-system-x86_64"
# What the machine lacks or need not find out; nothing here changes what KVM does in it.
APPEND = (
    "console=ttyS0 panic=-1 quiet tsc=reliable no_timer_check cryptomgr.notests i8042.noaux "
    "i8042.nokbd nokaslr random.trust_cpu=on"
)
MODULES = ["virtio_pci", "virtio_console", "9p", "9pnet_virtio", "overlay", "kvm-amd"]


def _machine_arguments(task):
    arguments = [
        "-M",
        "q35,hpet=off",
        "-cpu",
        "EPYC,+svm",
        "-m",
        str(task.memory_mib),
        "-smp",
        str(task.cpus),
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
        "-accel",
        "tcg,thread=" + ("single" if task.host == "count" else "multi"),
    ]
    if task.host == "count":
        arguments += ["-icount", "shift=0,sleep=off"]
    return arguments


def _share_arguments(task):
    model = "passthrough" if os.geteuid() == 0 else "none"
    arguments = []
    if task.shared_root:
        arguments += [
            "-virtfs",
            "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap",
        ]
    for number, share in enumerate(task.shares):
        path = share.source.replace(",", ",,")
        arguments += [
            "-virtfs",
            f"local,path={path},mount_tag=share{number},security_model={model},"
            f"readonly={'on' if share.read_only else 'off'},multidevs=remap",
        ]
    return arguments


def _settings(task, host_kernel):
    shares = [
        ("share", f"share{number}:{'ro' if share.read_only else 'rw'}:{share.target}")
        for number, share in enumerate(task.shares)
    ]
    root = [("root", "tmpfs")]
    if task.shared_root:
        root = [("root", "9p"), ("modules", host_kernel.path("modules"))]
    return [*root, ("streams", "virtio"), ("release", host_kernel.release), *shares]


def _explain_end(directory, console):
    """Why QEMU ended without a status: its own last words, or the host kernel's."""
    for path in (os.path.join(directory, "qemu.log"), console):
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip() and "warning: TCG" not in line]
        if lines:
            return ": " + " | ".join(lines[-6:])
    return ""


def run(task):
    host_kernel = kernel.get(task.kernel)
    with tempfile.TemporaryDirectory(prefix="nacelle-host-") as directory:
        initrd = os.path.join(directory, "initrd")
        console = os.path.join(directory, "console")
        initramfs.write(
            initrd, task, host_kernel.early_modules(MODULES), _settings(task, host_kernel)
        )
        streams = relay.Streams()
        arguments = [
            QEMU,
            *_machine_arguments(task),
            *_share_arguments(task),
            *streams.qemu_arguments(),
            "-kernel",
            host_kernel.path("vmlinux"),
            "-initrd",
            initrd,
            "-append",
            APPEND,
            "-serial",
            "stdio" if task.verbose else "file:" + console,
        ]
        status = _supervise(task, arguments, streams, directory)
        if status is None:
            raise job.Failure(
                "the host ended before the command did" + _explain_end(directory, console)
            )
        return status


def _supervise(task, arguments, streams, directory):
    log = (
        os.fdopen(os.dup(2), "wb")
        if task.verbose
        else open(os.path.join(directory, "qemu.log"), "wb")
    )
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=streams.qemu_fds(),
            start_new_session=True,
            preexec_fn=relay.die_with_parent,
        )
    except FileNotFoundError as error:
        raise job.Failure(f"no {QEMU}: install qemu-system-x86") from error
    try:
        streams.start()
        if not relay.wait_for(process, task.remaining_s()):
            raise task.timed_out()
        return streams.finish(task.remaining_s())
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        log.close()
