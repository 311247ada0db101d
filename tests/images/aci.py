#!/usr/bin/env python3
"""Makes App Container Images for the cases of aci.sh, sound ones and others.

    tests/images/aci.py FILE SPECIFICATION

The specification is a JSON object on the command line:
  manifest    members that change the manifest's (null removes one), or a string that is written as it is
  entries     [TYPE, NAME, CONTENT or TARGET, MODE] each; TYPE is file, dir, link, hard, fifo; default: a small rootfs
  order       "last": the manifest comes after the entries; "none": it does not come
  manifests   [TYPE, CONTENT or TARGET] each, instead of one manifest
  compression gzip, xz, bz2, zstd or none (default)
Prints the image id.
"""
import bz2
import gzip
import hashlib
import io
import json
import lzma
import sys
import tarfile

TYPES = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE,
         "hard": tarfile.LNKTYPE, "fifo": tarfile.FIFOTYPE}
ENTRIES = [["dir", "rootfs"], ["file", "rootfs/etc/who", "example\n"]]


def add(tar, kind, name, content="", mode=None):
    info = tarfile.TarInfo(name)
    info.type = TYPES[kind]
    info.mtime = 1500000000
    info.mode = mode or (0o755 if kind == "dir" else 0o644)
    if kind in ("link", "hard"):
        info.linkname = content
    data = content.encode() if kind == "file" else b""
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def manifest(changes):
    if isinstance(changes, str):
        return changes
    members = {"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.com/app",
               "labels": [{"name": "os", "value": "linux"}, {"name": "arch", "value": "amd64"}],
               "app": {"exec": ["/bin/sh"], "user": "0", "group": "0"}}
    members.update(changes)
    return json.dumps({key: value for key, value in members.items() if value is not None})


def archive(specification):
    out = io.BytesIO()
    manifests = specification.get("manifests",
                                  [["file", manifest(specification.get("manifest", {}))]])
    order = specification.get("order", "first")
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for kind, content in manifests if order == "first" else []:
            add(tar, kind, "manifest", content)
        for entry in specification.get("entries", ENTRIES):
            add(tar, *entry)
        for kind, content in manifests if order == "last" else []:
            add(tar, kind, "manifest", content)
    return out.getvalue()


def compress(data, how):
    return {"none": bytes, "gzip": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress,
            "zstd": lambda data: b"\x28\xb5\x2f\xfd" + data}[how](data)  # no more than its beginning


def main():
    specification = json.loads(sys.argv[2])
    data = archive(specification)
    with open(sys.argv[1], "wb") as file:
        file.write(compress(data, specification.get("compression", "none")))
    print("sha512-" + hashlib.sha512(data).hexdigest())


main()
