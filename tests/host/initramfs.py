"""An initramfs, written as a newc cpio archive.

Linux: Documentation/driver-api/early-userspace/buffer-format.rst.
"""
import glob
import os
import stat

import job
import program

HERE = os.path.dirname(os.path.realpath(__file__))
BUSYBOX = "/bin/busybox"


class Archive:
    def __init__(self, file):
        self._file = file
        self._inode = 0
        self._directories = {""}

    def _member(self, name, mode, data=b"", owner=(0, 0), device=(0, 0)):
        self._inode += 1
        encoded = os.fsencode(name) + b"\0"
        fields = (
            self._inode,
            mode,
            owner[0],
            owner[1],
            1,
            0,
            len(data),
            0,
            0,
            device[0],
            device[1],
            len(encoded),
            0,
        )
        header = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
        self._file.write(header + b"\0" * (-len(header) % 4) + data + b"\0" * (-len(data) % 4))

    def directory(self, name, mode=0o755, owner=(0, 0)):
        name = name.strip("/")
        if name in self._directories:
            return
        self._parents(name)
        self._directories.add(name)
        self._member(name, stat.S_IFDIR | mode, owner=owner)

    def _parents(self, name):
        if "/" in name:
            self.directory(name.rsplit("/", 1)[0])

    def data(self, name, data, mode=0o644, owner=(0, 0)):
        name = name.strip("/")
        self._parents(name)
        self._member(name, stat.S_IFREG | mode, data, owner)

    def link(self, name, target, owner=(0, 0)):
        name = name.strip("/")
        self._parents(name)
        self._member(name, stat.S_IFLNK | 0o777, os.fsencode(target), owner)

    def node(self, name, mode, device):
        name = name.strip("/")
        self._parents(name)
        self._member(name, mode, device=device)

    def copy(self, source, name):
        """A file, link, node or whole directory of this machine, with its owners and modes."""
        status = os.lstat(source)
        mode, owner = stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid)
        if stat.S_ISDIR(status.st_mode):
            self.directory(name, mode, owner)
            for child in sorted(os.listdir(source)):
                self.copy(os.path.join(source, child), name + "/" + child)
        elif stat.S_ISLNK(status.st_mode):
            self.link(name, os.readlink(source), owner)
        elif stat.S_ISREG(status.st_mode):
            with open(source, "rb") as file:
                self.data(name, file.read(), mode, owner)
        else:
            device = (os.major(status.st_rdev), os.minor(status.st_rdev))
            self.node(name, status.st_mode, device)

    def end(self):
        self._member("TRAILER!!!", 0)


def _settings(task, extra):
    """The records that l1/settings.c reads."""
    records = [("host", task.host), ("directory", task.directory), *extra]
    records += [("file", target) for _, target in task.files]
    records += [("variable", f"{name}={value}") for name, value in task.environment.items()]
    records += [("argument", argument) for argument in task.command]
    return b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in records)


def write(file, task, modules, settings):
    """An initramfs into FILE that runs the command of TASK, with MODULES loaded first.

    SETTINGS: pairs of name and value that the host adds for l1/settings.c.
    """
    if not os.path.exists(BUSYBOX):
        raise job.Failure("no /bin/busybox: install busybox-static")
    init = program.static("l1-init", sorted(glob.glob(os.path.join(HERE, "l1", "*.c"))))
    archive = Archive(file)
    archive.node("dev/console", stat.S_IFCHR | 0o600, (5, 1))
    archive.copy(BUSYBOX, "bin/busybox")
    archive.copy(init, "init")
    archive.data("l1/settings", _settings(task, settings))
    for number, module in enumerate(modules):
        with open(module, "rb") as source:
            archive.data(f"l1/modules/{number:02}-{os.path.basename(module)}", source.read())
    for number, (source, _) in enumerate(task.files):
        archive.copy(source, f"files/{number}")
    archive.end()
