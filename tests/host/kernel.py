"""The kernel of an emulated host: Debian's own, unpacked into the cache, never installed.

An entry holds vmlinux (for the PVH entry, which saves the decompression under emulation), vmlinuz,
the whole module tree with its index, and load/: the few modules that must be there before the root
is, decompressed, and in load/needs the order in which each wants what it depends on.
"""
import dataclasses
import glob
import lzma
import os
import re
import shutil
import struct
import subprocess

import cache
import job

ROOM = "host-kernel"
# Changes when the content of an entry does.
LAYOUT = "2"
SIGNATURE_MARK = b"~Module signature appended~\n"
# Those that a series has built in are left out.
EARLY_MODULES = [
    "virtio_pci",
    "virtio_console",
    "9p",
    "9pnet_virtio",
    "overlay",
    "kvm-amd",
    "kvm-intel",
]


@dataclasses.dataclass
class Kernel:
    release: str
    directory: str

    def path(self, name):
        return os.path.join(self.directory, name)

    def early_modules(self, wanted):
        """The paths of the modules that WANTED need, in load order."""
        with open(self.path("load/needs"), encoding="ascii") as file:
            needs = dict(line.strip().split(": ") for line in file)
        paths = []
        for module in wanted:
            for name in needs.get(module, "").split():
                if self.path("load/" + name) not in paths:
                    paths.append(self.path("load/" + name))
        return paths


def _run(arguments, sentence, **options):
    done = subprocess.run(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options
    )
    if done.returncode != 0:
        detail = done.stderr.decode(errors="replace").strip().splitlines()
        raise job.Failure(f"{sentence}: {detail[-1] if detail else done.returncode}")
    return done.stdout


def _package_of(series):
    """The versioned package that Debian's meta package of SERIES stands for today."""
    meta = "linux-image-amd64" if series == "6.1" else f"linux-image-{series}-amd64"
    shown = _run(
        ["apt-cache", "show", "--no-all-versions", meta], f"apt knows no {meta}; run apt-get update"
    )
    match = re.search(r"^Depends: (linux-image-([0-9][^ ,]*-amd64))", shown.decode(), re.MULTILINE)
    if not match:
        raise job.Failure(f"package {meta} names no kernel package")
    return match.group(1), match.group(2)


def _vmlinux_of(vmlinuz):
    """The ELF file inside a bzImage (Linux: Documentation/arch/x86/boot.rst, payload_offset)."""
    (offset, length) = struct.unpack_from("<II", vmlinuz, 0x248)
    start = (vmlinuz[0x1F1] + 1) * 512 + offset
    payload = vmlinuz[start : start + length]
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        # The kernel appends the unpacked size, which zstd takes for a broken second frame.
        done = subprocess.run(
            ["zstd", "-dcq"],
            input=payload,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        image = done.stdout
    else:
        image = lzma.LZMADecompressor().decompress(payload)
    if not image.startswith(b"\x7fELF"):
        raise job.Failure("the kernel package holds a vmlinuz that cannot be unpacked")
    return image


def read_module(path):
    """The module without its signature, whose check is slow under emulation."""
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".xz"):
        data = lzma.decompress(data)
    if data.endswith(SIGNATURE_MARK):
        # struct module_signature: the length of the signature is its last field, big-endian.
        end = len(data) - len(SIGNATURE_MARK) - 12
        (signature_bytes,) = struct.unpack_from(">I", data, end + 8)
        data = data[: end - signature_bytes]
    return data


def _write_early_modules(tree, directory):
    os.mkdir(directory)
    depends = {}
    with open(os.path.join(tree, "modules.dep"), encoding="ascii") as file:
        for line in file:
            path, _, rest = line.partition(":")
            depends[path] = list(reversed(rest.split()))
    by_name = {os.path.basename(path).split(".")[0]: path for path in depends}
    with open(os.path.join(directory, "needs"), "w", encoding="ascii") as needs:
        for module in filter(by_name.get, EARLY_MODULES):
            path = by_name[module]
            names = []
            for each in depends[path] + [path]:
                names.append(os.path.basename(each).split(".")[0] + ".ko")
                target = os.path.join(directory, names[-1])
                if not os.path.exists(target):
                    with open(target, "wb") as file:
                        file.write(read_module(os.path.join(tree, each)))
            needs.write(f"{module}: {' '.join(names)}\n")


def _make(package, release, directory):
    job.say(f"fetching {package} (about 100 MB, once)")
    _run(["apt-get", "download", "-q", package], f"cannot download {package}", cwd=directory)
    archive = glob.glob(os.path.join(directory, "*.deb"))[0]
    unpacked = os.path.join(directory, "unpacked")
    _run(["dpkg", "-x", archive, unpacked], f"cannot unpack {package}")
    _run(["depmod", "-b", unpacked, release], "cannot index the modules")
    vmlinuz = os.path.join(unpacked, "boot", "vmlinuz-" + release)
    with open(vmlinuz, "rb") as file:
        image = _vmlinux_of(file.read())
    with open(os.path.join(directory, "vmlinux"), "wb") as file:
        file.write(image)
    os.rename(vmlinuz, os.path.join(directory, "vmlinuz"))
    os.rename(os.path.join(unpacked, "lib", "modules", release), os.path.join(directory, "modules"))
    _write_early_modules(os.path.join(directory, "modules"), os.path.join(directory, "load"))
    shutil.rmtree(unpacked)
    os.remove(archive)


def get(series):
    """The kernel of SERIES: a cached one, otherwise today's from Debian."""
    ending = "_" + LAYOUT
    cached = [
        name
        for name in cache.entries(ROOM)
        if name.startswith(series + ".") and name.endswith(ending)
    ]
    if cached:
        release = cached[-1].removesuffix(ending)
        return Kernel(release, os.path.join(cache.root(), ROOM, cached[-1]))
    package, release = _package_of(series)
    path = cache.entry(ROOM, release + ending, lambda directory: _make(package, release, directory))
    return Kernel(release, path)
