"""Small C programs of the tests, compiled once into the cache."""
import glob
import hashlib
import os
import subprocess

import cache
import job

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-O2"]
STATIC = [*FLAGS, "-static", "-pthread"]
PRELOADED = [*FLAGS, "-shared", "-fPIC"]


def _key(flags, sources):
    """Of everything that the program is made of: the sources and the headers beside them."""
    digest = hashlib.sha256(repr(flags).encode())
    headers = {
        header for source in sources for header in glob.glob(os.path.dirname(source) + "/*.h")
    }
    for path in [*sources, *sorted(headers)]:
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:16]


def static(name, sources):
    """The path of the static program NAME made of SOURCES; any host can run it."""
    return _compiled(name, STATIC, sources)


def preloaded(name, sources):
    """The path of the shared object NAME made of SOURCES, for LD_PRELOAD on this machine."""
    return _compiled(name, PRELOADED, sources)


def _compiled(name, flags, sources):
    def compile_into(directory):
        done = subprocess.run(
            ["cc", *flags, "-o", os.path.join(directory, name), *sources],
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode != 0:
            raise job.Failure(
                f"cannot compile {name}: {done.stderr.decode(errors='replace').strip()}"
            )

    key = f"{name}-{_key(flags, sources)}"
    return os.path.join(cache.entry("host-programs", key, compile_into), name)
