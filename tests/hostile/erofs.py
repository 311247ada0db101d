"""A small reader of EROFS images, written from the format's description alone and not from our
writer: what it finds in an image is compared with what should be there.

Only what the writer may use is understood; anything else is an error.
"""
import mmap
import os
import stat
import struct

BLOCK = 4096
XATTR_PREFIX = {1: "user.", 2: "system.posix_acl_access", 3: "system.posix_acl_default",
                6: "security."}
FILE_TYPES = {1: stat.S_IFREG, 2: stat.S_IFDIR, 3: stat.S_IFCHR, 4: stat.S_IFBLK, 5: stat.S_IFIFO,
              7: stat.S_IFLNK}


class Node:
    def __init__(self, image, nid):
        self.image, self.nid = image, nid
        at = image.meta + nid * 32
        (layout, xattrs, self.mode, _, self.size, self.where, _, self.uid, self.gid, self.mtime,
         self.mtime_ns, self.nlink) = struct.unpack("<HHHHQIIIIqII", image.read(at, 48))
        assert layout & 1 and layout >> 1 in (0, 2), f"inode format {layout:#x}"
        assert at // BLOCK == (at + 63) // BLOCK, "an inode crosses a block"
        self.inline = layout >> 1 == 2
        self.xattr_len = 12 + 4 * (xattrs - 1) if xattrs else 0
        self.after = at + 64 + self.xattr_len

    def kind(self):
        return stat.S_IFMT(self.mode)

    def rdev(self):
        major, minor = self.where >> 8 & 0xfff, self.where & 0xff | self.where >> 12 & 0xfff00
        return os.makedev(major, minor)

    def data(self):
        if not self.inline:
            return self.image.read(self.where * BLOCK, self.size)
        full = self.size // BLOCK * BLOCK
        tail = self.image.read(self.after, self.size - full)
        assert self.after // BLOCK == (self.after + max(len(tail), 1) - 1) // BLOCK, "tail crosses"
        return self.image.read(self.where * BLOCK, full) + tail

    def xattrs(self):
        found, at = {}, self.after - max(self.xattr_len - 12, 0)
        while at < self.after:
            name_len, index, value_len = struct.unpack("<BBH", self.image.read(at, 4))
            name = XATTR_PREFIX[index] + self.image.read(at + 4, name_len).decode("latin-1")
            assert name not in found
            found[name] = self.image.read(at + 4 + name_len, value_len)
            at += (4 + name_len + value_len + 3) // 4 * 4
        assert at == self.after
        return found

    def names(self):
        """(name, nid, type) of a directory, in order, with the order checked."""
        data, found = self.data(), []
        for start in range(0, len(data), BLOCK):
            block = data[start:start + BLOCK]
            count = struct.unpack_from("<H", block, 8)[0] // 12
            entries = [struct.unpack_from("<QHBB", block, 12 * i) for i in range(count)]
            for i, (nid, offset, kind, _) in enumerate(entries):
                end = entries[i + 1][1] if i + 1 < count else len(block)
                found.append((block[offset:end].rstrip(b"\0"), nid, kind))
        assert [name for name, _, _ in found] == sorted({name for name, _, _ in found})
        return found


class Image:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        magic, _, compat, bits, _, root = struct.unpack_from("<IIIBBH", self.bytes, 1024)
        assert (magic, bits) == (0xe0f5e1e2, 12) and compat == 3
        self.blocks, meta = struct.unpack_from("<II", self.bytes, 1024 + 36)
        assert self.blocks * BLOCK == len(self.bytes)
        assert struct.unpack_from("<I", self.bytes, 1024 + 80)[0] == 0, "incompatible features"
        self.meta = meta * BLOCK
        self.root = Node(self, root)

    def read(self, at, length):
        assert at + length <= len(self.bytes), "outside of the image"
        return self.bytes[at:at + length]

    def tree(self):
        """All nodes by path (bytes; b"" is the root), links and parents checked."""
        nodes, names = {b"": self.root}, {self.root.nid: 1}
        todo = [(b"", self.root, self.root)]
        while todo:
            path, directory, parent = todo.pop()
            dots = {}
            subdirectories = 0
            for name, nid, kind in directory.names():
                if name in (b".", b".."):
                    dots[name] = nid
                    continue
                node = Node(self, nid)
                assert node.kind() == FILE_TYPES[kind]
                child = path + b"/" + name if path else name
                assert child not in nodes and b"/" not in name and 0 < len(name) < 256
                nodes[child] = node
                names[nid] = names.get(nid, 0) + 1
                if kind == 2:
                    assert names[nid] == 1, "a directory has two names"
                    subdirectories += 1
                    todo.append((child, node, directory))
            assert dots == {b".": directory.nid, b"..": parent.nid}
            assert directory.nlink == 2 + subdirectories
        for path, node in nodes.items():
            assert node.kind() == stat.S_IFDIR or node.nlink == names[node.nid], path
        return nodes
