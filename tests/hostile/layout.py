"""Writes tar archives, compressed streams and OCI image layouts byte by byte, so that any of them can
be wrong in exactly one place."""
import hashlib
import json
import lzma
import os
import struct
import zlib

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
GZIP = LAYER + "+gzip"
ZSTD = LAYER + "+zstd"
XZ = LAYER + "+xz"

# What every name of an archive begins with; an appc image has its files below rootfs/.
prefixes = {"name": b""}


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def octal(value, width):
    if isinstance(value, bytes):
        return value.ljust(width, b"\0")
    return b"%0*o\0" % (width - 1, value)


def base256(value, width):
    return bytes([(value >> 8 * i & 0xff) | (0x80 if i == width - 1 else 0)
                  for i in reversed(range(width))])


def header(name, kind=b"0", size=0, mode=0o644, uid=0, gid=0, mtime=1, link=b"", major=0, minor=0,
           magic=b"ustar\x0000", prefix=b"", checksum=None, tail=None):
    if kind not in b"xgLK":
        prefix, name = (prefixes["name"] + prefix, name) if prefix else (b"", prefixes["name"] + name)
        link = prefixes["name"] + link if kind == b"1" else link
    block = b"".join([
        name.ljust(100, b"\0"), octal(mode, 8), octal(uid, 8), octal(gid, 8), octal(size, 12),
        octal(mtime, 12), b" " * 8, kind, link.ljust(100, b"\0"), magic, b"\0" * 64,
        octal(major, 8), octal(minor, 8), tail or prefix.ljust(155, b"\0") + b"\0" * 12])
    assert len(block) == 512
    total = sum(block) if checksum is None else checksum
    return block[:148] + b"%06o\0 " % total + block[156:]


def pad(data):
    return data + b"\0" * (-len(data) % 512)


def entry(name, data=b"", **fields):
    """A file, unless fields say otherwise."""
    fields.setdefault("size", len(data))
    return header(name, **fields) + pad(data)


def directory(name, **fields):
    fields.setdefault("mode", 0o755)
    return header(name, b"5", **fields)


def symlink(name, target, **fields):
    return header(name, b"2", link=target, mode=0o777, **fields)


def hardlink(name, target, **fields):
    return header(name, b"1", link=target, **fields)


def record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    length = len(body)
    while len(b"%d" % length) + len(body) != length:
        length = len(b"%d" % length) + len(body)
    return b"%d" % length + body


def pax(records, kind=b"x", size=None):
    if isinstance(records, list):
        named = (b"path", b"GNU.sparse.name") if kind == b"x" else ()
        records = b"".join(record(k, prefixes["name"] + v if k in named and v else v)
                           for k, v in records)
    data = records
    return header(b"pax", kind, len(data) if size is None else size) + pad(data)


def long_name(name, kind=b"L", size=None):
    data = (prefixes["name"] if kind == b"L" else b"") + name + b"\0"
    return header(b"././@LongLink", kind, len(data) if size is None else size,
                  magic=b"ustar  \0") + pad(data)


END = b"\0" * 1024


def tar(*parts):
    return b"".join(parts) + END


def gzip(data, level=6):
    engine = zlib.compressobj(level, zlib.DEFLATED, -15)
    body = engine.compress(data) + engine.flush()
    return (b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + body +
            struct.pack("<II", zlib.crc32(data), len(data) & 0xffffffff))


def zstd(data, window_log=17):
    """One frame of blocks as they are (RFC 8878, 3.1.1), or of one repeated byte."""
    blocks = [data[i:i + 2**17] for i in range(0, len(data), 2**17)] or [b""]
    out = b"\x28\xb5\x2f\xfd\0" + bytes([(window_log - 10) << 3])
    for number, block in enumerate(blocks):
        repeated = len(block) > 1 and block == block[:1] * len(block)
        head = (number == len(blocks) - 1) | repeated << 1 | len(block) << 3
        out += head.to_bytes(3, "little") + (block[:1] if repeated else block)
    return out


def xz(data):
    return lzma.compress(data, preset=0)


def choose(given, made):
    return json.dumps(made).encode() if given is None else given


class Layout:
    """An image in the making: change its attributes, then write() it."""

    def __init__(self, *tars, compress=True):
        self.tars = list(tars)
        self.blobs = [gzip(t) if compress else t for t in tars]
        self.layer_type = GZIP if compress else LAYER
        self.config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/true"]},
                       "rootfs": {"type": "layers", "diff_ids": [sha256(t) for t in tars]}}
        self.ref = self.named = "v1"
        self.edit_config = lambda config: None
        self.edit_manifest = lambda manifest: None
        self.edit_index = lambda index: None
        self.config_bytes = self.manifest_bytes = self.index_bytes = None
        self.marker = b'{"imageLayoutVersion":"1.0.0"}'
        self.after = lambda path: None
        self.made = {key: list(value) if isinstance(value, list) else value
                     for key, value in vars(self).items()}

    def is_plain(self):
        """Whether the tar archives alone make it what it is."""
        return all(getattr(self, key) == value for key, value in self.made.items())

    def put(self, path, data):
        name = sha256(data)
        blobs = os.path.join(path, "blobs", "sha256")
        os.makedirs(blobs, exist_ok=True)
        with open(os.path.join(blobs, name[7:]), "wb") as file:
            file.write(data)
        return name

    def describe(self, path, data, media_type):
        return {"mediaType": media_type, "digest": self.put(path, data), "size": len(data)}

    def write(self, path):
        """Returns the reference that names what was written at path."""
        os.makedirs(path)
        self.edit_config(self.config)
        config = choose(self.config_bytes, self.config)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                    "config": self.describe(path, config, CONFIG),
                    "layers": [self.describe(path, b, self.layer_type) for b in self.blobs]}
        self.edit_manifest(manifest)
        manifest = choose(self.manifest_bytes, manifest)
        descriptor = self.describe(path, manifest, MANIFEST)
        if self.ref:
            descriptor["annotations"] = {"org.opencontainers.image.ref.name": self.ref}
        index = {"schemaVersion": 2, "manifests": [descriptor]}
        self.edit_index(index)
        index = choose(self.index_bytes, index)
        for name, data in (("index.json", index), ("oci-layout", self.marker)):
            with open(os.path.join(path, name), "wb") as file:
                file.write(data)
        self.after(path)
        return f"oci:{path}:{self.named}"
