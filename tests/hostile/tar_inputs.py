"""Archives for the comparison with GNU tar and Python's tarfile: grown entry by entry, then damaged."""
import io
import os
import re
import subprocess
import tarfile

from layout import *

NAMES = [b"a", b"dir/b", b"./c", b"d/", b"e//f", b"n" * 100, b"p/" * 30 + b"q", b"caf\xc3\xa9", b"\xff",
         b"with space", b"star*", b"x.y", b"/absolute", b"..", b"a/../b", b"tab\there"]
TYPES = [b"0", b"0", b"0", b"0", b"5", b"2", b"1", b"3", b"4", b"6", b"7", b"\0", b"S", b"D", b"V", b"Z"]
MAGICS = [b"ustar\x0000", b"ustar\x0000", b"ustar  \0", b"\0" * 8, b"ustar\0\0\0", b"ustar 00", b"USTAR\x0000"]
NUMBERS = [b"0000644\0", b"644", b" 644 \0", b"0000755 ", b"", b"8", b"-1", b"644x", base256(420, 8),
           b"\xff" * 8, b"7777777\0", b"77777777"]
# What is no time is dropped by rule, and not refused; so there are none here.
TIMES = [b"1", b"1.5", b"-1", b"-1.25", b"0", b"12345678901", b"5."]
SIZES = [b"0", b"1", b"5", b"512", b"600", b"0005", b"-1", b" 5", b"5 ", b"1e1", b"99999999"]
KEYS = [b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime", b"atime", b"comment", b"uname",
        b"SCHILY.xattr.user.a", b"GNU.sparse.name", b"GNU.sparse.major", b"hdrcharset", b"x"]
TYPE_LETTERS = {"-": "1", "h": "2", "l": "3", "c": "4", "b": "5", "d": "6", "p": "7", "C": "1"}


def number(chance, good, width):
    if chance.random() < 0.95:
        return good
    value = chance.choice(NUMBERS)
    return value[:width]


def value_of(chance, key):
    if key in (b"path", b"linkpath", b"GNU.sparse.name"):
        return chance.choice(NAMES + [b"", b"long/" * 40 + b"x"])
    if key == b"mtime" or key == b"atime":
        return chance.choice(TIMES)
    if key in (b"size", b"uid", b"gid"):
        return chance.choice(SIZES[:5] if chance.random() < 0.8 else SIZES)
    return chance.choice([b"", b"1", b"text", b"BINARY"])


def extension(chance):
    kind = chance.randrange(10)
    if kind < 6:
        records = [(key, value_of(chance, key)) for key in
                   chance.sample(KEYS[:8] if chance.random() < 0.9 else KEYS, chance.randrange(1, 3))]
        return pax(records)
    if kind < 8:
        return long_name(chance.choice(NAMES + [b"long/" * 40 + b"x"]),
                         b"L" if chance.random() < 0.7 else b"K")
    if kind == 8:
        return pax([(b"comment", b"c")], b"g")
    return pax([(chance.choice(KEYS), b"1")], b"g" if chance.random() < 0.5 else b"x")


def sparse_file(chance):
    pieces, at = [], 0
    for _ in range(chance.randrange(1, 5)):
        at += chance.choice([0, 100, 512, 1000])
        length = chance.choice([0, 1, 512, 700])
        pieces.append((at, length))
        at += length
    data = b"".join(bytes([65 + i]) * n for i, (_, n) in enumerate(pieces))
    real = at + chance.choice([0, 0, 512, -1, 5000])
    real = max(real, 0)
    if chance.random() < 0.5:
        table = b"".join(octal(o, 12) + octal(n, 12) for o, n in pieces).ljust(96, b"\0")
        tail = b"\0" * 41 + table + b"\0" + octal(real, 12) + b"\0" * 17
        return header(chance.choice(NAMES[:3]), b"S", len(data), magic=b"ustar  \0", tail=tail) + pad(data)
    numbers = b"%d\n" % len(pieces) + b"".join(b"%d\n%d\n" % piece for piece in pieces)
    body = pad(numbers) + data
    return pax([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", b"sparse"),
                (b"GNU.sparse.realsize", b"%d" % real)]) + entry(b"GNUSparseFile.0/sparse", body)


def one_entry(chance):
    if chance.random() < 0.05:
        return sparse_file(chance)
    kind = chance.choice(TYPES[:11] if chance.random() < 0.97 else TYPES)
    name = chance.choice(NAMES[:12] if chance.random() < 0.9 else NAMES)
    data = b""
    if kind in (b"0", b"7", b"\0") or chance.random() < 0.03:
        data = bytes([chance.randrange(65, 91)]) * chance.choice([0, 1, 5, 511, 512, 513, 1500])
    magic = chance.choice(MAGICS[:3] if chance.random() < 0.9 else MAGICS)
    fields = {"magic": magic, "mode": number(chance, chance.choice([0o644, 0o755, 0o4755, 0o100644]), 8),
              "uid": number(chance, chance.choice([0, 5, 1000]), 8),
              "gid": number(chance, chance.choice([0, 7]), 8),
              "mtime": chance.choice([0, 1, 1700000000]),
              "size": number(chance, len(data), 12)}
    if kind in (b"1", b"2"):
        fields["link"] = chance.choice(NAMES)
    if kind in (b"3", b"4"):
        fields["major"], fields["minor"] = chance.choice([(1, 3), (8, 0), (4095, 255)])
    if magic[:6] == b"ustar\0" and chance.random() < 0.1:
        fields["prefix"] = chance.choice([b"prefix", b"p/q", b"/r", b"s/"])
    return header(name, kind, **fields) + pad(data)


def make(chance):
    parts = []
    for _ in range(chance.randrange(1, 5)):
        while chance.random() < 0.25:
            parts.append(extension(chance))
        parts.append(one_entry(chance))
    ending = chance.random()
    data = b"".join(parts) + (END if ending < 0.9 else b"" if ending < 0.95 else b"\0" * 512)
    if chance.random() < 0.25:
        data = damage(chance, data)
    return data


def damage(chance, data):
    """Changes a byte of a header and makes its checksum right again, or cuts."""
    if chance.random() < 0.1:
        return data[:chance.randrange(len(data))]
    block = chance.randrange(len(data) // 512) * 512
    at = block + (chance.randrange(512) if chance.random() < 0.5 else chance.choice(
        [100, 108, 116, 124, 130, 135, 136, 156, 157, 257, 263, 329, 345, 482]))
    data = bytearray(data)
    data[at] = chance.choice([0, 32, 48, 49, 55, 56, 65, 128, 255, chance.randrange(256)])
    if not block + 148 <= at < block + 156:
        data[block + 148:block + 156] = b" " * 8
        data[block + 148:block + 156] = b"%06o\0 " % sum(data[block:block + 512])
    return bytes(data)


# What the others see, as lists of (type, name, link, mode, uid, gid, size or device, seconds, data)


def unescape(text):
    text = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), text)
    for letter, byte in ((b"n", b"\n"), (b"t", b"\t"), (b"a", b"\a"), (b"b", b"\b"), (b"f", b"\f"),
                         (b"r", b"\r"), (b"v", b"\v"), (b" ", b" "), (b"\\", b"\\")):
        text = text.replace(b"\\" + letter, byte)
    return text


def mode_of(text):
    """rwsr-xr-x as a number."""
    mode = 0
    for i, letter in enumerate(text):
        bit = 1 << 8 - i
        if letter in "rwxst":
            mode |= bit
        if letter in "sStT":
            mode |= {2: 0o4000, 5: 0o2000, 8: 0o1000}[i]
    return mode


def gnu_tar(data):
    """The list, or why there is none."""
    result = subprocess.run(
        ["tar", "-tvf", "-", "--numeric-owner", "--full-time", "--utc", "--quoting-style=escape",
         "--absolute-names", "--blocking-factor=1"],
        input=data, capture_output=True, env={"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"})
    warnings = [line for line in result.stderr.splitlines() if b"A lone zero block" not in line]
    if result.returncode or warnings:
        return " / ".join(line.decode("latin-1") for line in warnings) or "failed"
    entries = []
    for line in result.stdout.splitlines():
        match = re.fullmatch(rb"(.)(.{9}) (\d+)/(\d+) +(\S+) (\S+) (\S+) (.*)", line)
        if not match:
            return f"a line that this test does not read: {line!r}"
        kind = match[1].decode()
        name, link = match[8].lstrip(b" "), b""
        for mark, kinds in ((b" -> ", "l"), (b" link to ", "h")):
            if kind in kinds:
                name, _, link = name.partition(mark)
        date, clock = match[6].decode(), match[7].decode()
        entries.append((TYPE_LETTERS.get(kind, kind), unescape(name), unescape(link),
                        mode_of(match[2].decode()), int(match[3]), int(match[4]),
                        match[5].decode(), f"{date} {clock}"))
    return entries


def python_tar(data):
    types = {tarfile.REGTYPE: "1", tarfile.AREGTYPE: "1", tarfile.CONTTYPE: "1", tarfile.LNKTYPE: "2",
             tarfile.SYMTYPE: "3", tarfile.CHRTYPE: "4", tarfile.BLKTYPE: "5", tarfile.DIRTYPE: "6",
             tarfile.FIFOTYPE: "7", tarfile.GNUTYPE_SPARSE: "1"}
    entries = []
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", encoding="utf-8",
                          errors="surrogateescape", errorlevel=2) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() else None
                device = member.type in (tarfile.CHRTYPE, tarfile.BLKTYPE)
                entries.append((types.get(member.type, "?"), os.fsencode(member.name),
                                os.fsencode(member.linkname), member.mode & 0o7777, member.uid,
                                member.gid,
                                f"{member.devmajor},{member.devminor}" if device else str(member.size),
                                member.mtime, file.read(70000) if file else b""))
            # tarfile takes a damaged header for the end; a strict reader does not.
            if data[archive.offset:].strip(b"\0"):
                return "bytes after the end"
    except (tarfile.TarError, ValueError, OSError, EOFError, UnicodeError, IndexError,
            OverflowError) as error:
        return f"{type(error).__name__}: {error}"
    return entries


def clean(name):
    """Without what all readers drop in the end (slashes at the end and at the start, and doubled),
    and without the spaces before it, which cannot be told from those of GNU tar's columns."""
    parts = name.lstrip(b" /").split(b"/")
    return b"/".join(part for part in parts if part not in (b"", b".")).lstrip(b" /")


def compare_gnu(ours, theirs):
    if len(ours) != len(theirs):
        return f"{len(ours)} entries, GNU tar has {len(theirs)}"
    for mine, other in zip(ours, theirs):
        size = f"{mine['device']}" if mine["type"] in "45" else str(mine["size"])
        pairs = [("type", mine["type"], other[0]), ("name", clean(mine["name"]), clean(other[1])),
                 ("link", mine["link"], other[2]), ("mode", mine["mode"], other[3]),
                 ("uid", mine["uid"], other[4]), ("gid", mine["gid"], other[5])]
        if mine["type"] in "145":
            pairs.append(("size", size, other[6]))
        for field, a, b in pairs:
            if a != b:
                return f"{field} of {mine['name']!r}: {a!r}, GNU tar has {b!r}"
    return None


def seconds_of(time, ours):
    """As a whole number; ours is 0 by rule for what is no time, or none that a disk can hold."""
    return ours if ours == 0 else int(time // 1)


def compare_python(ours, theirs):
    if len(ours) != len(theirs):
        return f"{len(ours)} entries, tarfile has {len(theirs)}"
    for mine, other in zip(ours, theirs):
        pairs = [("type", mine["type"], other[0]), ("name", clean(mine["name"]), clean(other[1])),
                 ("mode", mine["mode"], other[3]), ("uid", mine["uid"], other[4]),
                 ("gid", mine["gid"], other[5])]
        if mine["type"] in "23":
            pairs.append(("link", mine["link"].rstrip(b"/"), other[2].rstrip(b"/")))
        if mine["type"] in "45":
            pairs.append(("device", mine["device"], other[6]))
        if mine["type"] == "1":
            pairs += [("size", str(mine["size"]), other[6]),
                      ("seconds", mine["seconds"], seconds_of(other[7], mine["seconds"]))]
            if mine["data"] is not None:
                pairs.append(("data", mine["data"], other[8]))
        for field, a, b in pairs:
            if a != b:
                return f"{field} of {mine['name']!r}: {a!r}, tarfile has {b!r}"
    return None


def ours_of(lines):
    entries = []
    for kind, name, link, mode, uid, gid, size, seconds, _, major, minor, data in lines:
        entries.append({"type": kind, "name": bytes.fromhex(name.strip("-")),
                        "link": bytes.fromhex(link.strip("-")), "mode": int(mode, 8),
                        "uid": int(uid), "gid": int(gid), "size": int(size),
                        "seconds": int(seconds), "device": f"{major},{minor}",
                        "data": None if data == "?" else bytes.fromhex(data.strip("-"))})
    return entries


def compare(data, reason, lines):
    if reason is not None:
        return None
    ours = ours_of(lines)
    gnu, python = gnu_tar(data), python_tar(data)
    if any(data[at + 257:at + 265] == b"ustar  \0" and data[at + 345]
           for at in range(0, len(data) - 511, 512)):
        python = "takes a time in GNU's header for a part of the name"
    if isinstance(gnu, str) and isinstance(python, str):
        if "time_t" in gnu:
            return None  # what is no time is dropped by rule
        return f"accepted, but GNU tar says {gnu!r} and tarfile {python!r}"
    why = None
    if not isinstance(gnu, str):
        why = compare_gnu(ours, gnu)
    if not why and not isinstance(python, str):
        why = compare_python(ours, python)
    return why
