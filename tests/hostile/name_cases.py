"""More of what a layer may try with names, links and entries, in other places and other orders."""
import stat

from cases import accepted, refused
from layout import *


@refused("IMG-002", "leads upwards|no name|does not lie below|not below")
def names_that_lead_upwards_in_every_field():
    up = b"/".join([b".."] * 9) + b"/escape"
    return [Layout(tar(*parts)) for parts in (
        [entry(b"./../x", b"x")], [entry(b"a//..//x", b"x")], [directory(b"../")], [entry(b"..")],
        [directory(b"a/.././..")], [symlink(b"../s", b"x")], [header(b"a/../../fifo", b"6")],
        [header(b"../null", b"3", major=1, minor=3)], [entry(b"x", b"x", prefix=b"a/../..")],
        [long_name(up), entry(b"x", b"x")], [pax([(b"path", up)]), entry(b"x", b"x")],
        [pax([(b"path", b"a/..")]), entry(b"x", b"x")], [entry(b"ok"), entry(b"../x", b"x")],
        [directory(b"d"), hardlink(b"d/../../h", b"ok")])]


@refused("IMG-002", "leads upwards", aci=None)
def whiteouts_that_lead_upwards():
    return [Layout(tar(entry(b"f")), tar(entry(name))) for name in
            (b"../.wh.x", b"a/../../.wh.x", b"../.wh..wh..opq")]


def check_absolute(tree):
    assert tree[b"canary/secret"].data() == b"x" and tree[b"etc/shadow"].data() == b"y"


@accepted("IMG-001", check_absolute)
def absolute_names():
    return Layout(tar(entry(b"/canary/secret", b"x"), entry(b"///etc//./shadow", b"y")))


@accepted("IMG-006", lambda tree: tree[b"canary/f"].data() == b"x" or 1 / 0,
          aci=("not a directory", None))
def relative_link_to_a_host_directory():
    return [Layout(tar(symlink(b"d", target), entry(b"d/f", b"x"))) for target in
            (b"../../../../../../canary", b"/../canary", b"canary", b"./canary/.", b"//canary//")]


@refused("IMG-006", "leads through|not a directory|symbolic links|file")
def link_to_a_file_used_as_a_directory():
    return Layout(tar(entry(b"f", b"x"), symlink(b"d", b"f"), entry(b"d/g/h", b"y"),
                      symlink(b"loop", b"loop/x"), entry(b"loop/y", b"z")))


@accepted("IMG-008", lambda tree: tree[b"proc/self/root/f"].data() == b"x" or 1 / 0,
          aci=("not a directory", None))
def link_to_proc():
    return Layout(tar(symlink(b"d", b"/proc/self/root"), entry(b"d/f", b"x")))


@refused("IMG-008", "symbolic links|not a directory")
def forty_one_links():
    links = [symlink(b"l%d" % i, b"l%d" % (i + 1)) for i in range(60)]
    return Layout(tar(*links, directory(b"l60"), entry(b"l0/f", b"x")))


@refused("IMG-008", "symbolic links|longer than|deep|not a directory")
def links_that_double():
    """Each link leads through the one before it twice: 2^30 steps for who counts no steps."""
    links = [symlink(b"d0", b".")] + [symlink(b"d%d" % i, b"d%d/d%d" % (i - 1, i - 1))
                                      for i in range(1, 30)]
    return Layout(tar(*links, entry(b"d29/f", b"x")))


@refused("IMG-012", "leads upwards|does not exist|no file that")
def hardlinks_to_the_host():
    return [Layout(tar(*parts)) for parts in (
        [hardlink(b"h", b"/canary/secret")], [hardlink(b"h", b"../canary/secret")],
        [symlink(b"d", b"/canary"), hardlink(b"h", b"d/secret")],
        [symlink(b"d", b"/../../canary"), hardlink(b"h", b"d/secret")],
        [long_name(b"../" * 40 + b"canary/secret", b"K"), hardlink(b"h", b"x")],
        [hardlink(b"h", b"h")])]


def check_one_wins(tree):
    assert tree[b"f"].data() == b"second" and tree[b"g"].data() == b"1" and tree[b"g"].nlink == 1


@accepted("IMG-020", check_one_wins, aci=("twice|more than once|duplicate|already", None))
def one_file_twice():
    return Layout(tar(entry(b"f", b"first"), entry(b"f", b"second"),
                      entry(b"g", b"1"), hardlink(b"g", b"g")))


def check_whiteouts(tree):
    assert sorted(tree) == [b"", b"b", b"c", b"c/new"], sorted(tree)


@accepted("IMG-022", check_whiteouts, aci=None)
def whiteouts_in_any_order():
    """A layer hides what is below it, wherever its markers stand; with data and as directories too."""
    return Layout(tar(entry(b"a", b"1"), entry(b"b", b"1"), directory(b"c"), entry(b"c/old", b"1")),
                  tar(entry(b"b", b"2"), entry(b".wh.b"), entry(b".wh.a", b"data"),
                      entry(b"c/new", b"2"), entry(b"c/.wh..wh..opq"), entry(b".wh.nothing")))


@accepted("IMG-022", lambda tree: sorted(tree) == [b"", b"new"] or 1 / 0, aci=None)
def opaque_root():
    return Layout(tar(entry(b"a", b"1"), directory(b"d"), entry(b"d/f", b"1")),
                  tar(entry(b"new", b"2"), entry(b".wh..wh..opq")))


@refused("IMG-028", "longer than|deep|no name")
def more_names_too_long():
    return [Layout(tar(*parts)) for parts in (
        [pax([(b"path", b"a" * 4096)]), entry(b"x")],
        [pax([(b"path", b"d/" + b"b" * 256 + b"/c")]), entry(b"x")],
        [pax([(b"linkpath", b"c" * 5000)]), symlink(b"x", b"y")],
        [pax([(b"linkpath", b"c" * 5000)]), hardlink(b"x", b"y")],
        [long_name(b"d/" * 3000 + b"e"), entry(b"x")],
        [symlink(b"s", b"")])]


@accepted("IMG-028", lambda tree: len(tree) > 10, aci=None)
def names_of_the_greatest_length():
    path = b"/".join([b"n" * 255] * 15 + [b"m" * 255])
    return Layout(tar(pax([(b"path", path)]), entry(b"x", b"x"),
                      pax([(b"linkpath", b"t" * 4095)]), symlink(b"s", b"y")))


@refused("IMG-030", "leads upwards")
def names_that_steer_a_terminal():
    return [Layout(tar(entry(name + b"/../..", b"x"))) for name in
            ("\x9b1m".encode("latin-1"), "\u009b2J".encode(), "\u202egpj.exe".encode(), b"\xff\xfe",
             b"\x1b]0;title\x07", b"%s%n%1$s", b"\xe2\x80", b"a" * 80)]


@accepted("IMG-032", lambda tree: sorted(tree) == [b"", b"..\\..\\x", b"\\", b"c:\\x"] or 1 / 0)
def names_with_backslashes():
    return Layout(tar(entry(b"..\\..\\x", b"x"), entry(b"\\", b"x"), entry(b"c:\\x", b"x")))


def check_etc(tree):
    assert stat.S_ISLNK(tree[b"etc/passwd"].mode) and stat.S_ISDIR(tree[b"etc/group"].mode)
    assert tree[b"etc/shadow"].size == 2**25 and stat.S_ISFIFO(tree[b"etc/resolv.conf"].mode)


@accepted("IMG-094", check_etc)
def files_that_hosts_read():
    return Layout(tar(symlink(b"etc/passwd", b"/canary/secret"), directory(b"etc/group"),
                      entry(b"etc/shadow", b"x" * 2**25), header(b"etc/resolv.conf", b"6"),
                      symlink(b"etc/hostname", b"/dev/zero")))


def check_devices(tree):
    assert stat.S_ISCHR(tree[b"dev/mem"].mode) and stat.S_ISBLK(tree[b"dev/sda"].mode)
    assert tree[b"su"].mode & 0o7777 == 0o6755 and tree[b"d"].mode & 0o7777 == 0o7777


@accepted("IMG-033", check_devices)
def devices_and_odd_modes():
    return Layout(tar(header(b"dev/mem", b"3", major=1, minor=1),
                      header(b"dev/sda", b"4", major=8, minor=0), entry(b"su", b"x", mode=0o6755),
                      directory(b"d", mode=0o7777)))


@refused("IMG-033", "device number|not a number|out of range|has data")
def devices_that_no_kernel_has():
    return [Layout(tar(header(b"x", b"3", major=4096, minor=0))),
            Layout(tar(header(b"x", b"4", major=1, minor=2**20))),
            Layout(tar(header(b"x", b"3", major=b"zzz", minor=0))),
            Layout(tar(header(b"x", b"6", size=512) + pad(b"data"))),
            Layout(tar(header(b"x", b"5", size=512) + pad(b"data")))]


@refused("IMG-042", "not a number|out of range|larger than|truncated")
def more_sizes_that_are_no_numbers():
    return [Layout(tar(header(b"f", size=value) + pad(b"x"))) for value in
            (b"-1", b"+1", b"0x10", b"1 1", b"\t1", b"1\n", b"\x80" + b"\0" * 3 + b"\xff" * 8,
             b"\xc0" + b"\0" * 11, b"\xff" * 11 + b"\0", b"77777777777", b"8888")]


@refused("IMG-050", "truncated|not a tar archive")
def archives_cut_everywhere():
    whole = pax([(b"path", b"name")]) + entry(b"f", b"x" * 700)
    return [Layout(whole[:n]) for n in range(1, len(whole), 97)]


@refused("IMG-030", "no name|NUL|directory.s name")
def empty_names():
    return [Layout(tar(entry(b"", b"x"))), Layout(tar(long_name(b""), entry(b"", b"x")))]


@refused("readers", "has no devices|has no prefixes|an empty|not a number|sparse|bad")
def what_other_readers_read_otherwise():
    """Found by comparison with GNU tar and tarfile."""
    v7 = {"magic": b"\0" * 8}
    old_map = b"\0" * 41 + octal(0, 12) + octal(1, 12) + b"\0" * 73 + octal(1, 12) + b"\0" * 17
    return [Layout(tar(*parts)) for parts in (
        [header(b"null", b"3", major=1, minor=3, **v7)],
        [header(b"f", size=0, prefix=b"p", **v7)],
        [pax([(b"path", b"")]), entry(b"f", b"x")], [pax([(b"size", b"")]), entry(b"f", b"x")],
        [pax([(b"linkpath", b"")]), symlink(b"s", b"x")],
        [pax([(b"uid", b"1")]), entry(b"f", b"x", uid=b"644x")],
        [pax([(b"size", b"1")]), header(b"f", size=b"x") + pad(b"x")],
        [pax([(b"GNU.sparse.name", b"n")]), entry(b"f", b"x")],
        [pax([(b"GNU.sparse.name", b"")]), entry(b"f", b"x")],
        [pax([(b"GNU.sparse.major", b"0")]), entry(b"f", b"x")],
        [pax([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", b"n"),
              (b"GNU.sparse.realsize", b"0")]), directory(b"d")],
        [pax([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.name", b"n"),
              (b"GNU.sparse.realsize", b"1")]), entry(b"f", pad(b"1\n0\n1\n") + b"x")],
        [pax([(b"uid", b"1")]), header(b"f", b"S", 1, magic=b"ustar  \0", tail=old_map) + pad(b"x")],
        [header(b"f", b"S", 1, tail=old_map) + pad(b"x")])]


@refused("IMG-058", "more than 2000000 entries", only="oci")
def a_storm_of_empty_files():
    image = Layout(tar(entry(b"f")))
    image.blobs = [gzip(header(b"f") * 1000) * 2001]
    return image
