"""Small C programs of the tests, compiled once into the cache."""
import glob
import hashlib
import os
import subprocess

import cache
import job

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-O2", "-static", "-pthread"]


def _key(sources):
    """Of everything that the program is made of: the sources and the headers beside them."""
    digest = hashlib.sha256(repr(FLAGS).encode())
    headers = {
        header for source in sources for header in glob.glob(os.path.dirname(source) + "/*.h")
    }
    for path in [*sources, *sorted(headers)]:
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:16]


def static(name, sources):
    """The path of the static program NAME made of SOURCES; any host can run it."""

    def compile_into(directory):
        done = subprocess.run(
            ["cc", *FLAGS, "-o", os.path.join(directory, name), *sources],
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode != 0:
            raise job.Failure(
                f"cannot compile {name}: {done.stderr.decode(errors='replace').strip()}"
            )

    return os.path.join(cache.entry("host-programs", f"{name}-{_key(sources)}", compile_into), name)
