"""Layers that are hostile, and layers that only look it: names, links, numbers, compression."""
import lzma
import os
import stat
import zlib

from cases import accepted, refused
from layout import *


# Names and links


@refused("IMG-002", "leads upwards")
def names_that_lead_upwards():
    return [Layout(tar(entry(name, b"x"))) for name in
            (b"../escape", b"a/../../escape", b"a/b/../../../escape", b"/../escape", b"a/..")]


def check_link_into_canary(tree):
    assert b"canary/f" in tree and b"d" in tree, sorted(tree)


@accepted("IMG-006", check_link_into_canary, aci=("not a directory", None))
def link_to_a_host_directory():
    return Layout(tar(symlink(b"d", b"/canary"), entry(b"d/f", b"x")))


@accepted("IMG-008", lambda tree: tree[b"etc/f"], aci=("not a directory", None))
def chain_of_links_to_the_root():
    return Layout(tar(symlink(b"a", b"b"), symlink(b"b", b"../../c"), symlink(b"c", b"/../.."),
                      entry(b"a/etc/f", b"x")))


@refused("IMG-008", "symbolic links", aci=("not a directory", None))
def loop_of_links():
    return Layout(tar(symlink(b"a", b"b"), symlink(b"b", b"a"), entry(b"a/f", b"x")))


@refused("IMG-010", "root of an image|must be a directory")
def root_that_is_a_link():
    return [Layout(tar(symlink(name, b"/canary"))) for name in (b".", b"./", b"/.", b"/")]


@refused("IMG-012", "leads upwards")
def hardlink_out_of_the_tree():
    return Layout(tar(hardlink(b"h", b"../../canary/secret")))


def check_hardlink_to_symlink(tree):
    assert stat.S_ISREG(tree[b"h"].mode) and tree[b"h"].data() == b"x"
    assert stat.S_ISLNK(tree[b"s"].mode)


@accepted("IMG-014", check_hardlink_to_symlink, aci=("twice", None))
def hardlink_to_a_link_then_a_file():
    return Layout(tar(symlink(b"s", b"/canary/secret"), hardlink(b"h", b"s"), entry(b"h", b"x")))


@refused("IMG-016", "does not exist|no file that")
def hardlink_to_nothing():
    return [Layout(tar(hardlink(b"h", b"f"))), Layout(tar(hardlink(b"h", b"f"), entry(b"f", b"x")))]


@refused("IMG-016", "is a directory|no file that")
def hardlink_to_a_directory():
    return Layout(tar(directory(b"d"), hardlink(b"h", b"d")))


@accepted("IMG-016", lambda tree: tree[b"h"].nlink == 2 and tree[b"h"].data() == b"x" or 1 / 0)
def hardlink_into_a_lower_layer():
    return Layout(tar(entry(b"f", b"x")), tar(hardlink(b"h", b"f")))


@refused("CVE-2016-5418", "has data")
def hardlink_with_data():
    return Layout(tar(entry(b"f", b"x"), hardlink(b"h", b"f", size=5) + pad(b"12345")))


def check_last_wins(tree):
    assert tree[b"a"].data() == b"2" and stat.S_ISLNK(tree[b"b"].mode)
    assert stat.S_ISDIR(tree[b"c"].mode) and b"c/f" in tree


@accepted("IMG-018", check_last_wins, aci=("twice", None))
def one_name_many_types():
    return Layout(tar(entry(b"b", b"1"), directory(b"b"), symlink(b"b", b"/canary"),
                      symlink(b"a", b"/canary/secret"), entry(b"a", b"1"), entry(b"a", b"2"),
                      entry(b"c", b"x"), directory(b"c"), entry(b"c/f", b"x")))


@accepted("IMG-022", lambda tree: b"d" in tree and b"canary/secret" not in tree or 1 / 0)
def whiteout_through_a_link():
    return Layout(tar(directory(b"canary"), entry(b"canary/secret"), symlink(b"d", b"/canary")),
                  tar(entry(b"d/.wh.secret")))


@accepted("IMG-024", lambda tree: sorted(tree) == [b"", b"f"] or 1 / 0,
          aci=("no whiteouts", None))
def bookkeeping_of_aufs():
    return Layout(tar(directory(b".wh..wh.plnk"), entry(b".wh..wh.plnk/1.2", b"x"),
                      entry(b".wh..wh.aufs"), entry(b"f", b"x")))


@accepted("whiteout", lambda tree: tree[b"d"].data() == b"x" or 1 / 0)
def whiteouts_below_what_is_no_directory_now():
    return Layout(tar(directory(b"d"), entry(b"d/f", b"1")),
                  tar(entry(b"d", b"x"), entry(b"d/.wh.f", b""), entry(b"d/.wh..wh..opq", b"")))


@refused("whiteout", "whiteout", aci=None)
def whiteouts_of_nothing():
    return [Layout(tar(entry(name))) for name in
            (b".wh.", b"a/.wh..", b"a/.wh...", b".wh.a/b")]


@accepted("IMG-026", lambda tree: stat.S_ISLNK(tree[b"d"].mode) or 1 / 0,
          aci=("twice", None))
def directory_that_becomes_a_link():
    return Layout(tar(directory(b"d", mode=0o777, mtime=7), symlink(b"d", b"/canary")))


@refused("IMG-028", "longer than")
def names_too_long():
    name = b"/".join([b"a" * 200] * 21)
    return [Layout(tar(long_name(name), entry(b"x"))),
            Layout(tar(pax([(b"path", name)]), entry(b"x"))),
            Layout(tar(long_name(b"b" * 256), entry(b"x"))),
            Layout(tar(long_name(b"c" * 4097, b"K"), symlink(b"x", b"x")))]


@refused("depth", "deep")
def names_too_deep():
    return Layout(tar(pax([(b"path", b"a/" * 300 + b"f")]), entry(b"x")))


ODD_NAMES = [b"new\nline", b"\x1b[31mred", b"\xff\xfe", "\u202etxt".encode(), b"..\\..\\x", b"...",
             b" ", b"-rf", b"a" * 255]


@accepted("IMG-030", lambda tree: sorted(tree) == sorted([b""] + ODD_NAMES) or 1 / 0)
def odd_names():
    return Layout(tar(*(long_name(name) + entry(b"x", b"x") for name in ODD_NAMES)))


@refused("IMG-030", "leads upwards")
def odd_name_in_an_error():
    return Layout(tar(entry(b"a\n\x1b[31m/../..", b"x")))


@accepted("IMG-034", lambda tree: stat.S_ISFIFO(tree[b"etc/passwd"].mode) or 1 / 0)
def fifo_as_passwd():
    return Layout(tar(header(b"etc/passwd", b"6")))


@refused("type", "no layer may have")
def types_no_layer_has():
    return [Layout(tar(header(b"x", kind))) for kind in (b"M", b"V", b"N", b"D", b"9", b"Z")]


@refused("type", "directory's name")
def file_named_like_a_directory():
    return Layout(tar(entry(b"x/", b"data")))


# Numbers


@refused("IMG-036", "out of range")
def owners_out_of_range():
    return [Layout(tar(entry(b"f", uid=base256(2**31, 8)))),
            Layout(tar(entry(b"f", gid=base256(2**32, 8)))),
            Layout(tar(entry(b"f", uid=b"\xff" * 8))),
            Layout(tar(entry(b"f", size=0, gid=base256(2**54, 8))))]


@refused("IMG-036", "bad uid")
def owners_out_of_range_in_pax():
    return [Layout(tar(pax([(b"uid", value)]), entry(b"f")))
            for value in (b"2147483648", b"-1", b"99999999999999999999999999", b"0x10", b"1 ")]


def check_xattrs(tree):
    assert tree[b"f"].xattrs() == {"user.keep": b"a\0b", "security.capability": b"c" * 20,
                                   "system.posix_acl_access": b"d"}, tree[b"f"].xattrs()
    assert tree[b"g"].xattrs() == {} and tree[b"h"].xattrs() == {"user." + "n" * 250: b""}


@accepted("IMG-038", check_xattrs)
def xattrs_that_steer_the_host():
    key = b"SCHILY.xattr."
    drop = [b"trusted.overlay.opaque", b"security.selinux", b"userx.foo", b"user", b"user.", b"",
            b"security.capability.x", b"system.posix_acl_accessx", b"trusted.overlay.redirect"]
    keep = [(key + b"user.keep", b"a\0b"), (key + b"security.capability", b"c" * 20),
            (key + b"system.posix_acl_access", b"d")]
    dropped = [(key + name, b"y") for name in drop if name not in (b"user.",)]
    return Layout(tar(pax(keep + dropped), entry(b"f", b"x"), pax(dropped), entry(b"g", b"x"),
                      pax([(key + b"user." + b"n" * 250, b"")]), entry(b"h")))


@refused("IMG-038", "extended attribute")
def xattrs_too_large():
    key = b"SCHILY.xattr.user."
    return [Layout(tar(pax([(key + b"a", b"x" * 65536)]), entry(b"f"))),
            Layout(tar(pax([(key + b"%d" % i, b"x" * 1000) for i in range(70)]), entry(b"f"))),
            Layout(tar(pax([(key + b"n" * 256, b"x")]), entry(b"f"))),
            Layout(tar(pax([(key + b"a", b"1"), (key + b"a", b"2")]), entry(b"f")))]


def check_times(tree):
    assert [tree[b"%d" % i].mtime for i in range(6)] == [1, 1, 1, -2, 5, -7], \
        [tree[b"%d" % i].mtime for i in range(6)]
    assert tree[b"3"].mtime_ns == 500000000 and tree[b"4"].mtime_ns == 123456789


@accepted("IMG-040", check_times)
def odd_times():
    times = [b"nan", b"99999999999999999999", b"", b"-1.5", b"5.123456789" + b"9" * 10000]
    parts = [pax([(b"mtime", value)]) + entry(b"%d" % i) for i, value in enumerate(times)]
    return Layout(tar(*parts, entry(b"5", mtime=b"\xff" * 11 + b"\xf9")))


@refused("IMG-042", "not a number")
def sizes_that_are_no_numbers():
    return [Layout(tar(entry(b"f", size=value))) for value in
            (b"7777777 7777", b" " * 12, b"", b"\xff" * 12, b"12x", b"8")]


@refused("IMG-044", "more than one extension")
def two_sources_for_one_name():
    return [Layout(tar(pax([(b"size", b"512")]), long_name(b"n"), entry(b"f", b"x"))),
            Layout(tar(long_name(b"n"), pax([(b"path", b"m")]), entry(b"f", b"x"))),
            Layout(tar(long_name(b"n"), long_name(b"m"), entry(b"f", b"x"))),
            Layout(tar(pax([(b"path", b"n")]), pax([(b"path", b"m")]), entry(b"f", b"x")))]


@refused("IMG-044", "twice")
def one_key_twice():
    return [Layout(tar(pax([(key, b"1"), (key, b"2")]), entry(b"f", b"x"))) for key in
            (b"path", b"size", b"uid", b"linkpath")]


def check_pax_size(tree):
    assert tree[b"f"].data() == b"y" * 700 and tree[b"g"].data() == b"z"


@accepted("CVE-2025-62518", check_pax_size)
def pax_size_moves_the_stream():
    """The header says 0: a reader that believes it takes the data for headers."""
    inner = entry(b"evil", b"evil")
    assert len(inner) == 1024
    return Layout(tar(pax([(b"size", b"700")]), header(b"f", size=0) + pad(b"y" * 700),
                      entry(b"g", b"z")))


@refused("IMG-046", "larger than|truncated")
def extensions_that_claim_gigabytes():
    return [Layout(tar(long_name(b"n", size=2**32), entry(b"f"))),
            Layout(tar(pax([(b"path", b"n")], size=2**32), entry(b"f"))),
            Layout(tar(long_name(b"n", size=2**20), entry(b"f")))]


@refused("IMG-046", "malformed")
def records_that_lie():
    return [Layout(tar(pax(data), entry(b"f"))) for data in
            (b"99 path=x\n", b"9 path=xy\n", b"0 path=x\n", b"path=x\n", b"10 path x\n", b"6 =xxx\n",
             b"-1 path=x\n", b"999999999999 path=x\n", b"10 path=xy", b"11 pa\0th=x\n",
             b"5\n12 path=ab\n")]


@refused("IMG-046", "NUL")
def names_with_a_nul():
    return [Layout(tar(pax([(b"path", b"a\0b")]), entry(b"f"))),
            Layout(tar(long_name(b"a\0b"), entry(b"f")))]


@refused("IMG-048", "global")
def global_headers_that_name():
    return [Layout(tar(pax([(key, b"1")], b"g"), entry(b"f"))) for key in
            (b"path", b"size", b"linkpath", b"uid", b"SCHILY.xattr.user.a", b"GNU.sparse.major")]


@accepted("IMG-048", lambda tree: tree[b"f"])
def global_comment():
    return Layout(tar(pax([(b"comment", b"0123456789abcdef")], b"g"), entry(b"f", b"x")))


@refused("IMG-050", "truncated")
def truncated_archives():
    whole = entry(b"f", b"x" * 1000)
    return [Layout(whole[:n]) for n in (100, 511, 513, 1500, 1513, 1535)]


@refused("IMG-052", "truncated")
def archive_of_odd_length():
    return Layout(entry(b"f", b"x") + b"\0" * 100)


@accepted("IMG-052", lambda tree: tree[b"f"])
def archive_without_an_end():
    return Layout(entry(b"f", b"x"))


@accepted("IMG-052", lambda tree: tree[b"f"])
def archive_without_padding():
    """As umoci insert writes it: it ends with the last byte of data."""
    return Layout(entry(b"f", b"xyz")[:515])


@accepted("IMG-052", lambda tree: sorted(tree) == [b""] or 1 / 0)
def empty_archives():
    return Layout(b"", END, b"\0" * 512)


@refused("IMG-052", "after its end")
def bytes_after_the_end():
    return [Layout(tar(entry(b"f", b"x")) + entry(b"g", b"x")),
            Layout(entry(b"f", b"x") + b"\0" * 512 + entry(b"g", b"x")),
            Layout(tar(entry(b"f", b"x")) + b"\0" * 5000 + b"!")]


@refused("IMG-052", "after an extension header")
def extension_at_the_end():
    return Layout(tar(entry(b"f"), pax([(b"path", b"n")])))


@refused("IMG-054", "larger than|truncated|out of range|not a number|bad")
def sizes_of_exabytes():
    sparse = b"\0" * 41 + b"\0" * 96 + b"\0" + base256(2**62, 12) + b"\0" * 17
    return [Layout(tar(header(b"f", size=base256(2**62, 12)))),
            Layout(tar(header(b"f", size=base256(2**63 - 1, 12)))),
            Layout(tar(pax([(b"size", b"9223372036854775807")]), header(b"f"))),
            Layout(tar(header(b"f", b"S", magic=b"ustar  \0", tail=sparse)))]


@refused("checksum", "not a tar archive")
def wrong_checksum():
    return [Layout(tar(entry(b"f", b"x", checksum=1))), Layout(b"x" * 1024), Layout(b"PK" * 512)]


def old_sparse(pieces, real, extended=b"\0"):
    table = b"".join(octal(o, 12) + octal(n, 12) for o, n in pieces).ljust(96, b"\0")
    return b"\0" * 41 + table + extended + octal(real, 12) + b"\0" * 17


def check_sparse(tree):
    expected = b"\0" * 1000 + b"a" * 512 + b"\0" * (100000 - 1512) + b"b" * 512
    assert tree[b"old"].data() == expected and tree[b"new"].data() == expected
    assert tree[b"after"].data() == b"x"


@accepted("sparse", check_sparse)
def sparse_files():
    pieces = [(1000, 512), (100000, 512)]
    data = b"a" * 512 + b"b" * 512
    numbers = b"2\n" + b"".join(b"%d\n%d\n" % piece for piece in pieces)
    extension = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"),
                 (b"GNU.sparse.name", b"new"), (b"GNU.sparse.realsize", b"100512")]
    return Layout(tar(
        header(b"old", b"S", 1024, magic=b"ustar  \0", tail=old_sparse(pieces, 100512)) + data,
        pax(extension), entry(b"GNUSparseFile.0/new", pad(numbers) + data), entry(b"after", b"x")))


@refused("sparse", "sparse")
def sparse_maps_that_lie():
    def old(pieces, real, size=512, extended=b"\0", more=b""):
        return Layout(tar(header(b"f", b"S", size, magic=b"ustar  \0",
                                 tail=old_sparse(pieces, real, extended)) + more + b"d" * 512))

    def new(numbers, real=b"512"):
        return Layout(tar(pax([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"),
                               (b"GNU.sparse.name", b"f"), (b"GNU.sparse.realsize", real)]),
                          entry(b"f", pad(numbers) + b"d" * 512)))
    return [old([(0, 512), (256, 0)], 512), old([(512, 512)], 512), old([(0, 100)], 512),
            old([(0, 512)], 512, extended=b"\1", more=b"\xff" * 512),
            new(b"1\n0\n"), new(b"1\n0\n600\n"), new(b"99999999\n"), new(b"x\n"),
            new(b"1\n0\n1000\n"), new(b"\n"), new(b"9" * 600),
            Layout(tar(pax([(b"GNU.sparse.map", b"0,1")]), entry(b"f", b"x"))),
            Layout(tar(pax([(b"GNU.sparse.major", b"1")]), entry(b"f", pad(b"0\n"))))]


@refused("memory", "need more memory than 6 MiB and 256 bytes an entry")
def names_links_and_attributes_that_fill_the_memory():
    links = [long_name(b"t" * 4000, b"K") + symlink(b"l%d" % i, b"t") for i in range(3000)]
    xattrs = [pax([(b"SCHILY.xattr.user.a", b"%d" % i + b"x" * 60000)]) + entry(b"f%d" % i, b"")
              for i in range(200)]
    return [Layout(tar(*parts)) for parts in (links, xattrs)]


@accepted("memory", lambda tree: len(tree) == 2002 or 1 / 0)
def names_as_long_as_they_may_be():
    return Layout(tar(directory(b"d"), *(long_name(b"d/" + b"%05d" % i + b"n" * 250) + entry(b"n", b"")
                                         for i in range(2000))))


# Compression


@refused("IMG-056", "not a tar archive|truncated|but it is gzip|diff_id")
def gzip_in_gzip():
    return Layout(gzip(tar(entry(b"f", b"x"))))


@refused("IMG-058", "empty members")
def a_storm_of_empty_members():
    layout = Layout(tar(entry(b"f", b"x")))
    layout.blobs = [gzip(b"") * 200000 + layout.blobs[0]]
    return layout


@accepted("gzip", lambda tree: tree[b"f"].data() == b"x" * 100000 or 1 / 0)
def many_members_and_zeros():
    data = tar(entry(b"f", b"x" * 100000))
    layout = Layout(data)
    layout.blobs = [b"".join(gzip(data[i:i + 1000]) for i in range(0, len(data), 1000)) + b"\0" * 99]
    return layout


def packed(blob, layer_type, data):
    layout = Layout(data)
    layout.blobs = [blob]
    layout.layer_type = layer_type
    return layout


@accepted("zstd", lambda tree: tree[b"f"].data() == b"x" * 300000 or 1 / 0)
def frames_of_zstd():
    data = tar(entry(b"f", b"x" * 300000))
    skippable = b"\x50\x2a\x4d\x18\3\0\0\0abc"
    blob = skippable.join(zstd(data[i:i + 100000]) for i in range(0, len(data), 100000))
    return packed(blob + skippable, ZSTD, data)


@accepted("xz", lambda tree: tree[b"f"].data() == b"x" * 300000 or 1 / 0)
def streams_of_xz():
    data = tar(entry(b"f", b"x" * 300000))
    blob = b"\0\0\0\0".join(lzma.compress(data[i:i + 100000]) for i in range(0, len(data), 100000))
    return packed(blob + b"\0" * 8, XZ, data)


@refused("IMG-060", "(zstd|xz) data is damaged")
def damaged_zstd_and_xz():
    data = tar(entry(b"f", b"x" * 1000))
    layouts = []
    for good, layer_type in ((zstd(data), ZSTD), (lzma.compress(data), XZ)):
        for blob in (good[:-1], good[:20], good[:3], b"", good + b"x", good + b"\0", good + good[:5],
                     good[:6] + b"\xff" * 5 + good[11:]):
            layouts.append(packed(blob, layer_type, data))
    return layouts


@refused("memory", "the limit")
def zstd_and_xz_that_need_much_memory():
    data = tar(entry(b"f", b"x"))
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": 2**26}]
    return [packed(zstd(data, window_log=27), ZSTD, data),
            packed(zstd(data, window_log=41), ZSTD, data),
            packed(lzma.compress(data, filters=filters), XZ, data)]


@refused("bomb", "bomb")
def zstd_and_xz_bombs():
    data = tar(entry(b"f", b"x"))
    head, zeros = header(b"f", size=2**27), b"\0" * 2**20
    return [packed(pack(head) + pack(zeros) * 128 + pack(END), layer_type, data)
            for pack, layer_type in ((zstd, ZSTD), (lzma.compress, XZ))]


@refused("dictionary", "dictionary")
def zstd_with_a_dictionary():
    return packed(b"\x28\xb5\x2f\xfd\x21\7\1\1\0\0x", ZSTD, tar())


@refused("IMG-060", "gzip data is damaged")
def damaged_gzip():
    good = gzip(tar(entry(b"f", b"x" * 1000)))
    layouts = []
    for blob in (good[:-1], good[:-9], good[:20], good[:-8] + b"\0" * 8, good[:-4] + b"\1\0\0\0", b"",
                 good + b"x", good + b"\0" + good, good + b"\x1f"):
        layout = Layout(tar(entry(b"f", b"x" * 1000)))
        layout.blobs = [blob]
        layouts.append(layout)
    return layouts


@refused("IMG-062", "gzip data is damaged|says that it is gzip, but it is")
def streams_that_are_no_gzip():
    data = tar(entry(b"f", b"x"))
    layouts = []
    for blob in (zlib.compress(data), zlib.compress(data)[2:-4],
                 b"\x28\xb5\x2f\xfd" + b"\0" * 100, b"\xfd7zXZ\0" + b"\0" * 100, b"BZh9" + b"\0" * 99):
        layout = Layout(data)
        layout.blobs = [blob]
        layouts.append(layout)
    return layouts


@refused("IMG-064", "gzip data is damaged|says that it is (plain|gzip|zstd|xz), but it is (gzip|zstd|xz)")
def media_types_that_lie():
    plain = Layout(tar(entry(b"f", b"x")), compress=False)
    plain.layer_type = GZIP
    data = tar(entry(b"f", b"x"))
    blobs = {GZIP: gzip(data), ZSTD: zstd(data), XZ: lzma.compress(data)}
    return [plain] + [packed(blob, said, data) for kind, blob in blobs.items()
                      for said in (LAYER, GZIP, ZSTD, XZ) if said != kind]


@refused("bomb", "bomb")
def gzip_bomb():
    layout = Layout(tar(entry(b"f", b"x")))
    layout.blobs = [gzip(header(b"f", size=2**27)) + gzip(b"\0" * 2**20) * 128 + gzip(END)]
    return layout


# What real tools write


def check_real(tree):
    assert tree[b"a" * 60 + b"/" + b"b" * 90].data() == b"x"
    assert tree[b"usr/lib/libc.so"].data() == b"x" and stat.S_ISLNK(tree[b"lib"].mode)
    assert tree[b"dev/null"].rdev() == os.makedev(1, 3)
    assert len([path for path in tree if path.startswith(b"many/")]) == 3000
    assert tree[b"farm/0"].nlink == 500
    assert stat.S_ISDIR(tree[b"old"].mode) and tree[b"setuid"].mode & 0o7777 == 0o6755


@accepted("IMG-118", check_real, aci=("not a directory", None))
def real_world_oddities():
    times = pax([(b"atime", b"1.5"), (b"ctime", b"2.5"), (b"mtime", b"3.25")])
    many = [entry(b"many/%d" % i, b"x") for i in range(3000)]
    farm = [entry(b"farm/0", b"x")] + [hardlink(b"farm/%d" % i, b"farm/0") for i in range(1, 500)]
    return Layout(tar(
        directory(b"./"), entry(b"b" * 90, b"x", prefix=b"a" * 60), symlink(b"lib", b"usr/lib"),
        times, entry(b"/lib/libc.so", b"x"), header(b"dev/null", b"3", major=1, minor=3), *many,
        *farm, entry(b"setuid", b"x", mode=0o106755),
        header(b"old/", b"\0", magic=b"\0" * 8, mode=b"755 "), entry(b"v7", b"x", magic=b"\0" * 8)))


def check_replaced(tree):
    assert stat.S_ISREG(tree[b"d"].mode) and b"d/x" not in tree
    assert tree[b"f/y/z"].data() == b"2" and b"gone" not in tree and b"opaque/old" not in tree
    assert tree[b"opaque/new"].data() == b"3" and tree[b"opaque/kept/new"].data() == b"4"
    assert b"opaque/kept/old" not in tree and tree[b"back"].data() == b"5"


@accepted("IMG-120", check_replaced)
def layers_that_replace():
    return Layout(
        tar(directory(b"d"), entry(b"d/x", b"1"), entry(b"f", b"1"), entry(b"gone", b"1"),
            directory(b"opaque"), entry(b"opaque/old", b"1"), directory(b"opaque/kept"),
            entry(b"opaque/kept/old", b"1"), entry(b"back", b"1")),
        tar(entry(b"d", b"2"), directory(b"f"), entry(b"f/y/z", b"2"), entry(b".wh.gone"),
            entry(b"opaque/new", b"3"), directory(b"opaque/kept"), entry(b"opaque/kept/new", b"4"),
            entry(b"opaque/.wh..wh..opq"), entry(b"back", b"5"), entry(b".wh.back")))
