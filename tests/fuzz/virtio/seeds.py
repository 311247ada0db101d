#!/usr/bin/env python3
"""Writes scripts (tests/driver/script.c) of well-behaved drivers, for a fuzz run to begin from.

usage: seeds.py DIRECTORY    (makes DIRECTORY/mmio, .../rng, .../balloon, .../console, .../blk)
"""
import os
import struct
import sys

START, WRITE, READ, ACCESS, CHAIN, KICK, COLLECT, DESC, AVAIL, AVAIL_IDX, PATCH, SAVE = range(12)


def start(device=0, ring=0):
    """Withholds features: from bit 8 on, and from bit 28 on (indirect, event index)."""
    return bytes([START, device, ring])


def chain(queue, bufs, indirect=False):
    out = bytes([CHAIN, queue, (len(bufs) - 1) << 1 | indirect])
    for buf in bufs:
        if isinstance(buf, int):
            out += struct.pack("<H", buf | 0x8000)
        else:
            out += struct.pack("<HB", len(buf), min(len(buf), 255)) + buf[:255]
    return out


def kick(queue=0):
    return bytes([KICK, queue])


def write(register, value):
    return struct.pack("<BBI", WRITE, register // 4, value)


def access(offset, length, data=None):
    more = (offset >> 8) | (length - 1) << 4 | (8 if data is not None else 0)
    return bytes([ACCESS, offset & 255, more]) + (data or b"").ljust(8, b"\0")


def desc(queue, index, where, addr, length, flags, following):
    return struct.pack("<BBHBIIHH", DESC, queue, index, where, addr, length, flags, following)


def avail(queue, head):
    return struct.pack("<BBH", AVAIL, queue, head)


def request(kind, sector, *bufs, pieces=False):
    header = struct.pack("<IIQ", kind, 0, sector)
    head = [header[:3], header[3:]] if pieces else [header]
    return chain(0, [*head, *bufs, 1], indirect=kind % 2 == 0)


def disk_range(sector, count, flags):
    return struct.pack("<QII", sector, count, flags)


def blk(seed):
    return [
        bytes([seed]) + start() + body + kick() + bytes([COLLECT])
        for body in (
            request(0, 1, 512) + request(0, 0, 1024, 512, pieces=True) + request(0, 31, 1024),
            request(1, 2, b"x" * 255 + b"y" * 257) + request(1, 1 << 60, b"x" * 512),
            request(4, 0) + request(4, 0, b"x") + request(8, 0, 20) + request(8, 0, 19),
            request(11, 0, disk_range(1, 2, 0)) + request(11, 0, disk_range(1, 2, 1)),
            request(13, 0, disk_range(1, 2, 1) + disk_range(4, 8, 0)),
            request(13, 0, disk_range(1, 200, 0)) + request(13, 0, disk_range(1, 0, 0)),
            request(99, 0, 64) + request(0, 0) + request(1, 0) + request(13, 0, b"x"),
            chain(0, [b"short", 1]) + chain(0, [b"no room for a status"]),
            bytes([0xf0]) + request(0, 20, 4096) + request(0, 15, 4096),
            bytes([0xf2]) + request(0, 1, 512) + request(1, 1, b"x" * 512) + request(4, 0)
            + request(11, 0, disk_range(1, 2, 0)) + request(13, 0, disk_range(1, 2, 0)),
            request(0, 1, 100) + request(0, 1, 512) + bytes([SAVE]),
        )
    ] + [bytes([seed]) + start(0x02) + request(1, 2, b"z" * 512) + kick()
         + start(0x62) + request(1, 2, b"z" * 512) + request(11, 0, disk_range(1, 2, 0)) + kick()]


def rng():
    good = b"".join(chain(0, [64]) + kick() + bytes([COLLECT]) for _ in range(7))
    many = b"".join(chain(0, [1], True) for _ in range(8))
    return [
        b"\0" + start() + good,
        b"\0" + start(0, 2) + good,
        b"\0" + start(0, 1) + good,
        b"\1" + start() + many + kick() + bytes([COLLECT]) + many + kick(),
        b"\0" + start() + chain(0, [b"readable"]) + chain(0, [4096, 4096]) + kick(),
    ]


def balloon():
    ranges = b"".join(
        desc(queue, i, 0, 0x110000 + i * 0x1001, length, 2 | (i < 7), i + 1)
        for queue in (2, 4)
        for i, length in enumerate((4096, 1, 8192, 0, 4095, 12288, 5000, 4096))
    )
    return [
        b"\0" + start() + chain(2, [4096, 4096]) + kick(2) + bytes([COLLECT]),
        b"\1" + start() + ranges + avail(2, 0) + kick(2) + avail(4, 0) + kick(4),
        b"\0" + start(0x20) + chain(2, [4096]) + kick(2) + chain(0, [b"page"]) + kick(0),
        b"\0" + start() + chain(0, [b"page"]) + chain(3, [4096]) + kick(0) + kick(3) + kick(1),
        b"\0" + start() + desc(2, 0, 0, 0x100000, 0x20000, 2, 0) + avail(2, 0) + kick(2),
        b"\0" + start() + desc(2, 0, 0, 0x11f000, 0x2000, 2, 0) + avail(2, 0) + kick(2),
        b"\0" + start() + b"".join(chain(2, [4096], True) for _ in range(32)) + kick(2)
        + bytes([SAVE]) + access(0x100, 4, b"abcd") + access(0x104, 4),
    ]


def console():
    text = b"[    0.000000] Linux\r\n\x1b[31mred\x7f\xff\tend"
    lots = b"".join(chain(1, [b"0123456789abcdef" * 255]) for _ in range(40))
    return [
        bytes([seed]) + start() + body
        for seed in (0, 1)
        for body in (
            chain(1, [text]) + kick(1) + bytes([COLLECT, 0xf1]),
            lots + kick(1) + bytes([0xf1, 0xf1, 0xf1]) + lots + kick(1),
            chain(0, [64]) + kick(0) + chain(1, [text, b"more"], True) + kick(1),
            chain(1, [text]) + kick(1) + bytes([0xf0]) + chain(1, [text]) + kick(1)
            + chain(1, [text]) + kick(1),
        )
    ]


def mmio():
    every = b"".join(bytes([READ, i]) for i in range(72))
    return [
        b"\0" + every + start() + every,
        b"\0" + start() + chain(0, [b"abc"]) + chain(0, [b"de", 7]) + kick() + kick()
        + bytes([SAVE]) + write(0x64, 3) + write(0x70, 0),
        b"\0" + start() + write(0x44, 0) + write(0x30, 1) + write(0x38, 3) + write(0x44, 1),
        b"\0" + write(0x70, 1) + write(0x70, 3) + write(0x24, 1) + write(0x20, 1)
        + write(0x70, 11) + write(0x38, 4) + write(0x80, 0x100000) + write(0x84, 0)
        + write(0x90, 0x101000) + write(0xa0, 0x102000) + write(0x44, 1) + write(0x70, 15)
        + write(0x50, 0) + write(0x70, 0x8f),
        b"\0" + write(0x70, 3) + write(0x70, 11) + write(0x70, 15) + write(0x70, 0x100),
        b"\0" + start() + access(0x100, 8) + access(0x117, 1) + access(0x117, 2)
        + access(0x104, 4, b"abcd") + access(0x118, 4, b"abcd") + access(0x71, 4)
        + access(0x70, 2) + access(0x100, 3) + access(0x7fc, 8, b"x"),
        b"\0" + start() + bytes([SAVE]) + b"".join(
            bytes([0xf0]) + struct.pack("<HB", at, bit)
            for at, bit in ((0, 1), (24, 1), (32, 64), (36, 7), (40, 1), (44, 9), (48, 4), (88, 1),
                            (56, 9), (106, 1), (107, 1))),
        b"\0" + start() + chain(0, [b"x"]) + kick() + bytes([SAVE]) + write(0x70, 0)
        + bytes([0xf1]) + bytes(400),
        b"\0" + start() + desc(0, 0, 1, 0, 16, 4, 0) + avail(0, 0) + bytes([READ, 0x70 // 4]),
    ]


def main():
    sets = {"blk": blk(0) + blk(2) + blk(1), "rng": rng(), "balloon": balloon(), "console": console(), "mmio": mmio()}
    for name, inputs in sets.items():
        folder = os.path.join(sys.argv[1], name)
        os.makedirs(folder, exist_ok=True)
        for number, data in enumerate(inputs):
            with open(os.path.join(folder, f"seed-{number:02}"), "wb") as file:
                file.write(data)


if __name__ == "__main__":
    main()
