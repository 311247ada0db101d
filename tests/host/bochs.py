"""Host vtx: an L1 Linux with /dev/kvm by emulated Intel VT-x with EPT, under Bochs.

Bochs has no virtio: the machine boots from a CD image made for the run, its root is memory with
busybox and the --file entries, and output and status come back as lines on the second serial port
(l1/streams.c), which Bochs writes to a file. The first serial port is the host's console.
"""
import os
import shutil
import subprocess
import tempfile
import threading

import initramfs
import job
import kernel
import relay

BIOS = "/usr/share/bochs/BIOS-bochs-latest"
VGA_BIOS = "/usr/share/vgabios/vgabios.bin"
MODULES = ["kvm-intel"]
POLL_S = 0.1

GRUB_CFG = """\
set timeout=0
menuentry host {
	linux /boot/vmlinuz console=ttyS0,115200 panic=-1 quiet nokaslr no_timer_check cryptomgr.notests
	initrd /boot/initrd
}
"""

BOCHSRC = """\
cpu: model=broadwell_ult, count=1, ips=200000000, reset_on_triple_fault=0
megs: %(memory_mib)d
romimage: file=%(bios)s
vgaromimage: file=%(vga_bios)s
ata0-master: type=cdrom, path="%(image)s", status=inserted
boot: cdrom
clock: sync=none
display_library: term
com1: enabled=1, mode=file, dev="%(console)s"
com2: enabled=1, mode=file, dev="%(frames)s"
log: "%(log)s"
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
"""


class Frames:
    """Reads the second serial port's file as it grows; see l1/streams.c for its lines."""

    def __init__(self, path):
        self._path = path
        self._file = None
        self._rest = b""
        self.status = None

    def take(self):
        if self._file is None:
            if not os.path.exists(self._path):
                return
            self._file = open(self._path, "rb")
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            self._take_line(line)

    def _take_line(self, line):
        try:
            data = bytes.fromhex(line[1:].decode("ascii"))
        except ValueError:
            raise job.Failure("the host's serial line is broken") from None
        if line[:1] in (b"O", b"E"):
            relay.write_all(1 if line[:1] == b"O" else 2, data)
        elif line[:1] == b"S":
            self.status = int(data.split()[1])


def _make_image(directory, host_kernel):
    """A CD image of DIRECTORY/cd, whose boot/initrd is there already."""
    tree = os.path.join(directory, "cd")
    image = os.path.join(directory, "cd.iso")
    with open(os.path.join(tree, "boot", "grub", "grub.cfg"), "w", encoding="ascii") as file:
        file.write(GRUB_CFG)
    shutil.copyfile(host_kernel.path("vmlinuz"), os.path.join(tree, "boot", "vmlinuz"))
    done = subprocess.run(
        [
            "grub-mkrescue",
            "-d",
            "/usr/lib/grub/i386-pc",
            "--install-modules=normal linux iso9660 biosdisk",
            "--fonts=",
            "--locales=",
            "--themes=",
            "-o",
            image,
            tree,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        detail = done.stdout.decode(errors="replace").strip().splitlines()
        raise job.Failure(
            "cannot make the CD image: " + (detail[-1] if detail else "grub-mkrescue failed")
        )
    return image


def _write_config(directory, task, image):
    paths = {name: os.path.join(directory, name) for name in ("console", "frames", "log")}
    with open(os.path.join(directory, "bochsrc"), "w", encoding="utf-8") as file:
        file.write(
            BOCHSRC
            % {
                "memory_mib": task.memory_mib,
                "bios": BIOS,
                "vga_bios": VGA_BIOS,
                "image": image,
                **paths,
            }
        )
    with open(os.path.join(directory, "debugger"), "w", encoding="ascii") as file:
        file.write("c\n")
    return paths


def _start(directory):
    """Starts Bochs.

    Debian's has its debugger built in, and its screen needs a terminal: it gets one that nobody
    reads.
    """
    ours, theirs = os.openpty()
    try:
        process = subprocess.Popen(
            ["bochs", "-q", "-f", "bochsrc", "-rc", "debugger"],
            cwd=directory,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={"TERM": "vt100", "PATH": job.PATH},
            preexec_fn=relay.die_with_parent,
        )
    except FileNotFoundError as error:
        os.close(ours)
        raise job.Failure("no bochs: install bochs and bochs-term") from error
    finally:
        os.close(theirs)
    threading.Thread(target=_drain, args=(ours,), daemon=True).start()
    return process


def _drain(fd):
    try:
        while os.read(fd, 65536):
            pass
    except OSError:
        pass
    os.close(fd)


def _explain_end(paths):
    for path in (paths["console"], paths["log"]):
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = [line.strip() for line in file if line.strip()]
            if lines:
                return ": " + " | ".join(lines[-6:])
    return ""


def _supervise(task, directory, paths):
    frames = Frames(paths["frames"])
    process = _start(directory)
    try:
        while frames.status is None:
            ended = relay.wait_for(process, min(POLL_S, task.remaining_s()))
            frames.take()
            if ended and frames.status is None:
                raise job.Failure("the host ended before the command did" + _explain_end(paths))
            if task.remaining_s() == 0:
                raise task.timed_out()
        return frames.status
    finally:
        # The status is the last thing to come; the host's power-off is not waited for.
        if process.poll() is None:
            process.kill()
            process.wait()
        if task.verbose and os.path.exists(paths["console"]):
            with open(paths["console"], "rb") as file:
                relay.write_all(2, file.read())


def run(task):
    for path in (BIOS, VGA_BIOS, "/usr/bin/grub-mkrescue"):
        if not os.path.exists(path):
            raise job.Failure(f"no {path}: install the packages of tests/host/packages.txt")
    host_kernel = kernel.get(task.kernel)
    with tempfile.TemporaryDirectory(prefix="nacelle-host-") as directory:
        boot = os.path.join(directory, "cd", "boot")
        os.makedirs(os.path.join(boot, "grub"))
        settings = [("root", "tmpfs"), ("streams", "serial"), ("release", host_kernel.release)]
        with open(os.path.join(boot, "initrd"), "wb") as initrd:
            initramfs.write(initrd, task, host_kernel.early_modules(MODULES), settings)
        image = _make_image(directory, host_kernel)
        return _supervise(task, directory, _write_config(directory, task, image))
