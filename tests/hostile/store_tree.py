"""What a store holds; and an end that leaves nothing behind."""
import hashlib
import os
import signal
import sys

# A file system in memory, so that durability costs the tests nothing.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def tree_of(root):
    """The files of a store and what is in them, but for its lock and what is in the making."""
    base, found = os.path.join(root, "images", "v1"), {}
    for directory, _, names in os.walk(base):
        kind = os.path.relpath(directory, base)
        for name in names:
            if name == "lock" or kind.split("/")[0] == "tmp":
                continue
            with open(os.path.join(directory, name), "rb") as file:
                found[f"{kind}/{name}"] = hashlib.sha256(file.read()).hexdigest()
    return found


def clean_up_when_stopped():
    """So that what has been mounted is unmounted, and what has been made removed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
