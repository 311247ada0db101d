#!/usr/bin/python3
"""What programs expect of files, tried on a directory that is a 9p mount: one function per case.

usage: client.py CACHE SHARE HOST_SHARE READ_ONLY_SHARE [CASE...]      (CACHE: the mount's cache mode, or "ours" for
mmap with our patches to the client; HOST_SHARE: what is shared, as it is without 9p)

Prints one line per case; ends with status 1 if one failed. Wants root, git and sqlite3's Python module.
"""
import errno
import fcntl
import mmap
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import traceback

GIB = 1 << 30
F_OFD_SETLK = 37
O_TMPFILE = 0o20200000
WITHOUT_SHARED_MAPPINGS = ("none", "readahead")


def write(path, data=b"data"):
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def refuses(code, function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        assert error.errno == code, error
    else:
        raise AssertionError(f"{function.__name__}{arguments} was not refused")


def unlinked_open_file():
    with open("f", "w+b") as file:
        file.write(b"one")
        file.flush()
        os.unlink("f")
        os.fstat(file.fileno())
        file.write(b"two")
        file.seek(0)
        assert file.read() == b"onetwo"
        os.fchmod(file.fileno(), 0o600)
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600
        os.ftruncate(file.fileno(), 2)
        assert os.fstat(file.fileno()).st_size == 2


def rename_over_open_file():
    write("old", b"old")
    write("new", b"new")
    with open("old", "rb") as file:
        os.rename("new", "old")
        assert file.read() == b"old"
    assert read("old") == b"new"
    os.mkdir("d")
    os.mkdir("e")
    write("e/x")
    refuses(errno.ENOTEMPTY, os.rename, "d", "e")
    os.rename("e", "d")
    refuses(errno.EINVAL, os.rename, "d", "d/sub")


def open_files_without_names():
    """What happens to a file that has lost its name, or got another, while it is open."""
    first = os.open("f", os.O_RDWR | os.O_CREAT, 0o644)
    os.write(first, b"before")
    os.unlink("f")
    write("f", b"other")
    assert os.fstat(first).st_nlink == 0 and os.fstat(first).st_size == 6
    os.ftruncate(first, 3)
    assert os.pread(first, 10, 0) == b"bef" and read("f") == b"other"
    os.fchmod(first, 0o640)
    os.fchown(first, 5, 6)
    st = os.fstat(first)
    assert (st.st_mode & 0o777, st.st_uid, st.st_gid) == (0o640, 5, 6)
    os.fsync(first)
    os.close(first)
    directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    os.rename("f", "g", src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)
    os.close(directory)


def durable_replacement():
    """Write, fsync, rename, fsync of the directory: how package managers and databases replace a file."""
    write("status", b"old")
    for i in range(20):
        fd = os.open("status-new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.write(fd, b"%d" % i * 5000)
        os.fdatasync(fd)
        os.fsync(fd)
        os.close(fd)
        if os.path.lexists("status-old"):
            os.unlink("status-old")
        os.link("status", "status-old")
        os.rename("status-new", "status")
        directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(directory)
        os.close(directory)
        assert read("status") == b"%d" % i * 5000
    assert read("status-old") == b"18" * 5000


def append_by_several():
    """O_APPEND from several processes: nothing is lost, no line is torn."""
    if CACHE == "mmap":
        return  # here an unpatched client takes O_APPEND out and chooses the place itself
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            fd = os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            for i in range(50):
                os.write(fd, b"%d:%03d:%s\n" % (number, i, b"x" * (10 + i)))
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    lines = read("log").splitlines()
    assert len(lines) == 200, len(lines)
    for number in range(4):
        mine = [line for line in lines if line.startswith(b"%d:" % number)]
        assert mine == [b"%d:%03d:%s" % (number, i, b"x" * (10 + i)) for i in range(50)]


def running_program():
    """A program that runs cannot be written, and can be replaced."""
    shutil.copy2("/bin/sleep", "program")
    process = subprocess.Popen(["./program", "1000"])
    try:
        refuses(errno.ETXTBSY, open, "program", "r+b")
        shutil.copy2("/bin/true", "new")
        os.rename("new", "program")
        run("./program")
    finally:
        process.kill()
        process.wait()


def names():
    long = "n" * 255
    write(long, b"x")
    assert os.listdir(".") == [long]
    refuses(errno.ENAMETOOLONG, write, long + "n")
    os.rename(long, "\n\t\x01\u00e9\udcff \\")
    assert read("\n\t\x01\u00e9\udcff \\") == b"x"
    deep = "/".join(["d" * 200] * 10)
    os.makedirs(deep)
    write(deep + "/f", b"deep")
    assert read(deep + "/f") == b"deep"


def sticky_directory():
    os.mkdir("tmp")
    os.chmod("tmp", 0o1777)

    def first():
        write("tmp/mine")

    def second():
        write("tmp/other")
        refuses(errno.EPERM, os.unlink, "tmp/mine")
        refuses(errno.EPERM, os.rename, "tmp/mine", "tmp/stolen")
    as_user(1000, first)
    as_user(1001, second)
    assert sorted(os.listdir("tmp")) == ["mine", "other"]


def holes():
    """SEEK_HOLE may know of no hole; then all is data, up to the end."""
    with open("f", "wb") as file:
        file.seek(1 << 20)
        file.write(b"x")
    with open("f", "rb") as file:
        assert os.lseek(file.fileno(), 1 << 20, os.SEEK_DATA) == 1 << 20
        hole = os.lseek(file.fileno(), 0, os.SEEK_HOLE)
        assert hole in (0, (1 << 20) + 1), hole
    os.truncate("f", 3 << 20)
    assert read("f") == bytes(1 << 20) + b"x" + bytes((2 << 20) - 1)


def huge_directory():
    """100,000 entries, made on the other side; some removed while they are read, some made."""
    os.mkdir("d")
    host = os.path.join(HOST_SHARE, os.path.basename(os.getcwd()), "d")
    there = os.open(host, os.O_RDONLY | os.O_DIRECTORY)
    for i in range(100_000):
        os.mknod(str(i), stat.S_IFREG | 0o644, dir_fd=there)
    os.close(there)
    os.chdir("d")
    seen = set()
    with os.scandir(".") as entries:
        for entry in entries:
            seen.add(entry.name)
            if len(seen) % 500 == 0:
                os.unlink(entry.name)
    assert len(seen) == 100_000, len(seen)
    left = os.listdir(".")
    assert len(left) == len(set(left)) == 99_800, len(left)
    for i in range(100):
        os.close(os.open(f"new{i}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    assert len(os.listdir(".")) == 99_900


def locks_and_the_host():
    """Locks of this side exclude the other side's, which the share's directory of the host is."""
    write("f", bytes(100))
    host = os.path.join(HOST_SHARE, os.path.basename(os.getcwd()), "f")
    with open("f", "r+b") as mine, open(host, "r+b") as theirs:
        fcntl.lockf(mine, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 0)
        lock = b"".join(number.to_bytes(size, "little") for number, size in ((1, 2), (0, 6), (5, 8), (1, 8), (0, 8)))
        refuses(errno.EAGAIN, fcntl.fcntl, theirs, F_OFD_SETLK, lock)
        fcntl.lockf(mine, fcntl.LOCK_UN)
        fcntl.fcntl(theirs, F_OFD_SETLK, lock)
        refuses(errno.EAGAIN, fcntl.lockf, mine, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 0)


def packages():
    """dpkg at its work, on a root of its own in the share."""
    if not shutil.which("dpkg-deb"):
        return
    os.makedirs("root/var/lib/dpkg/updates")
    os.makedirs("root/var/lib/dpkg/info")
    write("root/var/lib/dpkg/status", b"")
    for version in ("1", "2"):
        shutil.rmtree("build", ignore_errors=True)
        os.makedirs("build/DEBIAN")
        os.makedirs("build/usr/share/probe")
        for i in range(30):
            write(f"build/usr/share/probe/{i}", b"%d of %s\n" % (i, version.encode()))
        os.link("build/usr/share/probe/0", "build/usr/share/probe/hard")
        os.symlink("0", "build/usr/share/probe/soft")
        write("build/DEBIAN/control", b"Package: probe\nVersion: %s\nArchitecture: all\n"
              b"Maintainer: nobody <nobody@example.org>\nDescription: a probe\n" % version.encode())
        run("dpkg-deb", "--root-owner-group", "-b", "build", "probe.deb")
        run("dpkg", "--root", "root", "--force-not-root", "--force-script-chrootless", "-i", "probe.deb")
        assert read("root/usr/share/probe/hard") == b"0 of %s\n" % version.encode()
    run("dpkg", "--root", "root", "--force-script-chrootless", "-P", "probe")
    assert not os.path.exists("root/usr/share/probe")


def append():
    files = [os.open("f", os.O_WRONLY | os.O_APPEND | os.O_CREAT) for _ in range(2)]
    for i in range(100):
        os.write(files[i % 2], b"%02d" % i)
    assert read("f") == b"".join(b"%02d" % i for i in range(100))


def append_and_places():
    """What has a place keeps it in a file that is open for appending, and the other way round."""
    if CACHE != "ours":
        return  # an unpatched client appends pages that were written through a mapping
    fd = os.open("f", os.O_RDWR | os.O_APPEND | os.O_CREAT)
    os.write(fd, b"." * 8192)
    with mmap.mmap(fd, 8192) as memory:
        memory[4090:4095] = b"place"
        os.write(fd, b"end")
        memory.flush()
    assert read("f") == b"." * 4090 + b"place" + b"." * 4097 + b"end"
    fcntl.fcntl(fd, fcntl.F_SETFL, 0)
    os.pwrite(fd, b"first", 0)
    assert read("f")[:6] == b"first." and os.fstat(fd).st_size == 8195
    os.close(fd)
    fd = os.open("f", os.O_WRONLY)
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)
    with open("f", "ab", buffering=0) as other:
        other.write(b" other")
        os.write(fd, b" last")
    assert os.lseek(fd, 0, os.SEEK_CUR) == 8206
    os.close(fd)
    assert read("f")[-15:] == b".end other last"


def temporary_file():
    try:
        fd = os.open(".", O_TMPFILE | os.O_RDWR, 0o600)
    except OSError as error:
        # Linux's client has no tmpfile operation: programs fall back, as they do on NFS.
        assert error.errno in (errno.EOPNOTSUPP, errno.EISDIR)
        return
    os.write(fd, b"x")


def shared_mapping():
    if CACHE in WITHOUT_SHARED_MAPPINGS:
        return
    write("f", bytes(3 * 4096))
    with open("f", "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[4090:4100] = b"0123456789"
        memory.flush()
        file.seek(4090)
        assert file.read(10) == b"0123456789"
    assert read("f")[4090:4100] == b"0123456789"


def locks():
    write("f", bytes(100))
    with open("f", "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 0)
        child = os.fork()
        if child == 0:
            with open("f", "r+b") as mine:
                refuses(errno.EAGAIN, fcntl.lockf, mine, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 5)
                fcntl.lockf(mine, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 50)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    with open("f", "rb") as file, open("f", "rb") as other:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        refuses(errno.EAGAIN, fcntl.flock, other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(file, fcntl.LOCK_UN)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def attributes():
    write("f")
    os.setxattr("f", "user.a", b"value")
    os.setxattr("f", "user.empty", b"")
    os.setxattr("f", "user.long", b"x" * 3000)
    assert sorted(os.listxattr("f")) == ["user.a", "user.empty", "user.long"]
    assert os.getxattr("f", "user.a") == b"value" and os.getxattr("f", "user.empty") == b""
    assert os.getxattr("f", "user.long") == b"x" * 3000
    refuses(errno.EEXIST, os.setxattr, "f", "user.a", b"y", os.XATTR_CREATE)
    os.removexattr("f", "user.a")
    refuses(errno.ENODATA, os.getxattr, "f", "user.a")
    refuses(errno.ENODATA, os.removexattr, "f", "user.a")


def sparse_and_large():
    with open("f", "wb") as file:
        file.seek(5 * GIB)
        file.write(b"end")
    assert os.stat("f").st_size == 5 * GIB + 3
    assert os.stat("f").st_blocks < 1000
    with open("f", "rb") as file:
        file.seek(5 * GIB - 2)
        assert file.read() == b"\0\0end"
    os.truncate("f", 6 * GIB)
    os.truncate("f", 3)
    assert read("f") == b"\0\0\0"


def large_directory():
    os.mkdir("d")
    for i in range(1000):
        os.close(os.open(f"d/{i}", os.O_CREAT | os.O_WRONLY))
    assert sorted(map(int, os.listdir("d"))) == list(range(1000))
    # Removal while the directory is read, as rm -r does.
    with os.scandir("d") as entries:
        for entry in entries:
            os.unlink(entry.path)
    os.rmdir("d")


def hard_links():
    write("f")
    os.link("f", "g")
    assert os.stat("f").st_ino == os.stat("g").st_ino and os.stat("f").st_nlink == 2
    with open("g", "ab") as file:
        file.write(b"+")
    assert read("f") == b"data+"
    os.unlink("f")
    assert os.stat("g").st_nlink == 1
    os.symlink("g", "s")
    os.link("s", "t", follow_symlinks=False)
    assert os.readlink("t") == "g"


def special_files():
    os.mkfifo("p")
    child = os.fork()
    if child == 0:
        write("p", b"through")
        os._exit(0)
    assert read("p") == b"through" and os.waitpid(child, 0)[1] == 0
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect("s")
    os.chmod("p", 0o620)
    os.rename("p", "q")
    assert stat.S_ISFIFO(os.stat("q").st_mode)
    refuses(errno.EPERM, os.mknod, "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))


def as_user(uid, function):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            function()
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def owners_and_modes():
    os.mkdir("theirs", 0o755)
    os.chown("theirs", 1000, 1000)
    write("secret")
    os.chmod("secret", 0o600)
    os.mkdir("group")
    os.chown("group", 0, 50)
    os.chmod("group", 0o2777)

    def other():
        os.umask(0o027)
        write("theirs/f")
        os.mkdir("theirs/d")
        os.mkdir("group/d")
        write("group/f")
        refuses(errno.EACCES, open, "secret")
        refuses(errno.EACCES, os.unlink, "secret")
        refuses(errno.EPERM, os.chown, "theirs/f", 0, 0)
        os.chmod("theirs/f", 0o400)
        refuses(errno.EACCES, open, "theirs/f", "wb")
    as_user(1000, other)
    st = os.stat("theirs/d")
    assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (1000, 1000, 0o750)
    st = os.stat("group/d")
    assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (1000, 50, 0o2750)
    assert os.stat("group/f").st_gid == 50
    os.chmod("secret", 0o4755)
    with open("secret", "ab") as file:
        file.write(b"root may")
    as_user(1000, lambda: refuses(errno.EACCES, open, "secret", "ab"))
    os.chown("secret", 1000, 1000)
    assert not os.stat("secret").st_mode & stat.S_ISUID
    os.chmod("secret", 0o4777)

    def append_as_other():
        with open("secret", "ab") as file:
            file.write(b"x")
    as_user(1001, append_as_other)
    assert not os.stat("secret").st_mode & stat.S_ISUID


def times():
    write("f")
    os.utime("f", (1000, 2000))  # Linux's client cuts what is set to whole seconds
    st = os.stat("f")
    assert st.st_atime == 1000 and st.st_mtime == 2000
    os.utime("f")
    assert os.stat("f").st_mtime_ns > 10**18
    write("f", b"longer than before")
    assert os.stat("f").st_size == 18


def direct_io():
    buffer = mmap.mmap(-1, 8192)
    buffer.write(b"d" * 8192)
    fd = os.open("f", os.O_RDWR | os.O_CREAT | os.O_DIRECT | os.O_SYNC)
    assert os.writev(fd, [buffer]) == 8192
    os.fsync(fd)
    os.fdatasync(fd)
    os.lseek(fd, 0, 0)
    assert os.readv(fd, [buffer]) == 8192 and buffer[:8] == b"dddddddd"
    os.close(fd)


def random_access():
    """Reads and writes of odd sizes at odd places, against a copy in memory."""
    import random
    chance = random.Random(1)
    model = bytearray(300_000)
    with open("f", "w+b", buffering=0) as file:
        file.truncate(len(model))
        for _ in range(300):
            at = chance.randrange(len(model))
            size = min(chance.choice([1, 100, 1024, 1025, 4096, 5000, 70_000]), len(model) - at)
            file.seek(at)
            if chance.random() < 0.5:
                data = chance.randbytes(size)
                assert file.write(data) == size
                model[at:at + size] = data
            else:
                assert file.read(size) == model[at:at + size]
    assert read("f") == bytes(model)


def database():
    for mode in ("delete", "wal"):
        if mode == "wal" and CACHE in WITHOUT_SHARED_MAPPINGS:
            continue
        with sqlite3.connect(f"{mode}.db") as connection:
            assert connection.execute(f"pragma journal_mode={mode}").fetchone()[0] == mode
            connection.execute("create table t (i integer primary key, v text)")
        children = []
        for number in range(2):
            child = os.fork()
            if child == 0:
                connection = sqlite3.connect(f"{mode}.db", timeout=60, isolation_level=None)
                for i in range(20):
                    connection.execute("insert into t (v) values (?)", (f"{number}-{i}",))
                os._exit(0)
            children.append(child)
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        with sqlite3.connect(f"{mode}.db") as connection:
            assert connection.execute("select count(*) from t").fetchone()[0] == 40
            assert connection.execute("pragma integrity_check").fetchone()[0] == "ok"


def run(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert result.returncode == 0, result.stdout.decode(errors="replace")[-2000:]


def trees():
    run("cp", "-a", "/etc/alternatives", "copy")
    run("diff", "-r", "--no-dereference", "/etc/alternatives", "copy")
    run("tar", "-cf", "t.tar", "copy")
    os.mkdir("out")
    run("tar", "-xpf", "t.tar", "-C", "out", "--same-owner")
    run("diff", "-r", "--no-dereference", "copy", "out/copy")
    run("rm", "-r", "copy", "out")


def git():
    if not shutil.which("git"):
        return
    run("sh", "-ec", "git init -q r; cd r; git config user.email a@b; git config user.name a; "
        "for i in 1 2 3; do echo $i >f$i; git add .; git commit -qm $i; done; git gc -q; "
        "git fsck --strict; git checkout -q HEAD~1; test ! -e f3; git status --porcelain")


def read_only():
    os.chdir(READ_ONLY)
    name = next(entry.name for entry in os.scandir() if entry.is_file())
    for function, arguments in (
            (open, (name, "ab")), (os.chmod, (name, 0o777)), (os.unlink, (name,)),
            (os.mkdir, ("new",)), (os.rename, (name, "new")), (os.symlink, ("x", "new")),
            (os.truncate, (name, 0)), (os.utime, (name,)), (os.link, (name, "new")),
            (os.setxattr, (name, "user.x", b"x")), (os.mkfifo, ("new",))):
        refuses(errno.EROFS, function, *arguments)
    with open(name, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.read()


CASES = [unlinked_open_file, open_files_without_names, rename_over_open_file, durable_replacement, append,
         append_by_several, append_and_places, running_program, names, sticky_directory, holes, locks_and_the_host, packages,
         temporary_file, shared_mapping, locks,
         attributes, sparse_and_large, large_directory, huge_directory, hard_links, special_files,
         owners_and_modes, times, direct_io, random_access, database, trees, git, read_only]


def main():
    failed = 0
    share = os.path.abspath(sys.argv[2])
    wanted = sys.argv[5:]
    os.umask(0o022)
    for case in CASES:
        if wanted and case.__name__ not in wanted:
            continue
        place = os.path.join(share, case.__name__)
        os.mkdir(place)
        os.chdir(place)
        try:
            case()
            print(f"ok {CACHE} {case.__name__}", flush=True)
        except BaseException:
            failed += 1
            print(f"not ok {CACHE} {case.__name__} - see below", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"    {line}", flush=True)
    return 1 if failed else 0


CACHE = sys.argv[1]
HOST_SHARE = os.path.abspath(sys.argv[3])
READ_ONLY = os.path.abspath(sys.argv[4])
sys.exit(main())
