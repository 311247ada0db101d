"""The cache outside the checkout: directories that appear complete or not at all.

An entry is a directory named by a key that holds everything it depends on. It is made under a
lock, in a temporary directory beside it, and appears by one rename: a killed run leaves nothing
that looks finished.
"""
import contextlib
import fcntl
import os
import shutil
import tempfile


def root():
    configured = os.environ.get("NACELLE_CACHE_DIR")
    if configured:
        return os.path.abspath(configured)
    if os.geteuid() == 0:
        return "/var/cache/nacelle"
    return os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "nacelle"
    )


@contextlib.contextmanager
def _locked(path):
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def entry(room, key, make):
    """The path of entry KEY in ROOM; if it is not there, make(DIRECTORY) fills it first."""
    directory = os.path.join(root(), room)
    path = os.path.join(directory, key)
    if os.path.isdir(path):
        return path
    os.makedirs(directory, exist_ok=True)
    with _locked(os.path.join(directory, f".{key}.lock")):
        if os.path.isdir(path):
            return path
        temporary = tempfile.mkdtemp(prefix=f".{key}.", dir=directory)
        try:
            make(temporary)
            os.chmod(temporary, 0o755)
            os.rename(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return path


def entries(room):
    directory = os.path.join(root(), room)
    if not os.path.isdir(directory):
        return []
    return sorted(name for name in os.listdir(directory) if not name.startswith("."))
