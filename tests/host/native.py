"""Host kvm: this machine itself; the command runs here, with the surroundings asked for."""
import os
import shutil
import signal
import subprocess

import job
import relay


def _place_files(task, placed):
    for source, target in task.files:
        if os.path.lexists(target):
            raise job.Failure(f"--file: {target} exists here, and host kvm would overwrite it")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        placed.append(target)
        if os.path.isdir(source):
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copy2(source, target, follow_symlinks=False)


def _remove_files(placed):
    for target in placed:
        if os.path.isdir(target) and not os.path.islink(target):
            shutil.rmtree(target, ignore_errors=True)
        elif os.path.lexists(target):
            os.remove(target)


def run(task):
    for share in task.shares:
        if os.path.realpath(share.source) != os.path.realpath(share.target):
            raise job.Failure(
                f"--share: on host kvm {share.source} cannot be at {share.target} too"
            )
    placed = []
    try:
        _place_files(task, placed)
        return _run_command(task)
    finally:
        _remove_files(placed)


def _run_command(task):
    try:
        process = subprocess.Popen(
            task.command, env=task.environment, process_group=0, preexec_fn=relay.die_with_parent
        )
    except FileNotFoundError:
        job.say(f"{task.command[0]}: not found")
        return 127
    except OSError as error:
        job.say(f"{task.command[0]}: {error.strerror}")
        return 126
    try:
        if not relay.wait_for(process, task.remaining_s()):
            raise task.timed_out()
        return process.returncode if process.returncode >= 0 else 128 - process.returncode
    finally:
        # What the command left in its process group ends with it, as it does in the other hosts.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
