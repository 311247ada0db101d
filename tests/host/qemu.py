"""Hosts svm and count: an L1 Linux with /dev/kvm by emulated AMD SVM, under QEMU's TCG.

count adds -icount: each L1 and L2 instruction is one virtual nanosecond. The machine boots Debian's
vmlinux by the PVH entry, its root is this machine's / over 9p (read-only, memory on top) or memory
alone, and the command's streams are virtio-serial ports, each a socket pair to relay.py.
"""
import os
import subprocess

import initramfs
import job
import kernel
import program
import relay

QEMU = "qemu-system-x86_64"
REPAIR = os.path.join(os.path.dirname(os.path.realpath(__file__)), "qemu_repair.c")
# What the machine lacks or need not find out; nothing here changes what KVM does in it.
APPEND = (
    "console=ttyS0 panic=-1 quiet tsc=reliable no_timer_check cryptomgr.notests i8042.noaux "
    "i8042.nokbd nokaslr random.trust_cpu=on"
)
MODULES = ["virtio_pci", "virtio_console", "9p", "9pnet_virtio", "overlay", "kvm-amd"]


def _machine_arguments(task):
    arguments = [
        "-M",
        "q35,hpet=off,memory-backend=memory",
        # A host may have more than this machine, which gives what is touched.
        "-object",
        f"memory-backend-ram,id=memory,size={task.memory_mib}M,reserve=off",
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


def _explain_end(log):
    """Why QEMU ended without a status: the last words of the host's kernel and its own."""
    log.seek(0)
    lines = [line.strip() for line in log.read().decode(errors="replace").splitlines()]
    lines = [line for line in lines if line and "warning: TCG" not in line]
    return ": " + " | ".join(lines[-6:]) if lines else ""


def _has_panicked(log):
    log.seek(0)
    return b"Kernel panic" in log.read()


def _memory_file(name):
    """A file that goes away with the processes that hold it, however they end."""
    return os.fdopen(os.memfd_create(name), "w+b")


def run(task):
    """Once more where the host's own kernel has died before the command began: emulation of SVM is
    not perfect, and says nothing of what is tested."""
    status, why = _run_once(task)
    if status is None and why is None:
        status, why = _run_once(task)
    if status is None:
        raise job.Failure(why or "the host's kernel died twice before the command began")
    return status


def _run_once(task):
    """The command's status; or None and why, where there is none."""
    host_kernel = kernel.get(task.kernel)
    with _memory_file("initrd") as initrd, _memory_file("log") as log:
        initramfs.write(
            initrd, task, host_kernel.early_modules(MODULES), _settings(task, host_kernel)
        )
        initrd.flush()
        streams = relay.Streams()
        arguments = [
            QEMU,
            *_machine_arguments(task),
            *_share_arguments(task),
            *streams.qemu_arguments(),
            "-kernel",
            host_kernel.path("vmlinux"),
            "-initrd",
            f"/proc/self/fd/{initrd.fileno()}",
            "-append",
            f"{APPEND} {task.append}".rstrip(),
            "-serial",
            "stdio",
        ]
        output = 2 if task.verbose else log
        status = _supervise(task, arguments, streams, output, [initrd.fileno()])
        if status is not None:
            return status, None
        end = _explain_end(log)
        if _has_panicked(log) and streams.untouched():
            job.say("the host's kernel died before the command began" + end)
            return None, None
        return None, "the host ended before the command did" + end


def _supervise(task, arguments, streams, output, fds):
    # QEMU's emulation of SVM interrupts guests that have interrupts off: qemu_repair.c.
    repair = program.preloaded("qemu_repair.so", [REPAIR])
    try:
        process = subprocess.Popen(
            arguments,
            env={**os.environ, "LD_PRELOAD": repair},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[*streams.qemu_fds(), *fds],
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
