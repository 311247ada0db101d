"""The command's three streams and its status, between our own descriptors and an emulator's.

One thread for each stream: a slow reader of ours stalls that stream alone, and through the
emulator's queue the command. Nothing is looked at on the way.
"""
import ctypes
import os
import re
import select
import signal
import socket
import threading

CHUNK_BYTES = 65536
PORTS = ("out", "err", "in", "status")


def die_with_parent():
    """In a child, before exec: be killed when the thread that started us ends."""
    # PR_SET_PDEATHSIG is 1.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def wait_for(process, timeout_s):
    """Whether PROCESS ends within TIMEOUT_S."""
    pidfd = os.pidfd_open(process.pid)
    try:
        ready, _, _ = select.select([pidfd], [], [], timeout_s)
    finally:
        os.close(pidfd)
    if ready:
        process.wait()
    return bool(ready)


def write_all(fd, data):
    """Whether all of DATA could be written to FD."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except OSError:
            return False
    return True


class Streams:
    def __init__(self):
        self._ours = {}
        self._theirs = {}
        for name in PORTS:
            self._ours[name], self._theirs[name] = socket.socketpair()
        self._outputs = []
        self._input = None
        self._input_bytes = 0
        self._status = b""

    def qemu_fds(self):
        return [end.fileno() for end in self._theirs.values()]

    def qemu_arguments(self):
        arguments = ["-device", "virtio-serial-pci,max_ports=8"]
        for number, name in enumerate(PORTS, 1):
            arguments += [
                "-chardev",
                f"socket,id={name},fd={self._theirs[name].fileno()}",
                "-device",
                f"virtserialport,chardev={name},nr={number},name={name}",
            ]
        return arguments

    def start(self):
        """After the emulator has started: relay until it ends."""
        for end in self._theirs.values():
            end.close()
        for name, target in (
            ("out", self._copy_to(1)),
            ("err", self._copy_to(2)),
            ("status", self._take_status),
        ):
            thread = threading.Thread(
                target=self._receive, args=(self._ours[name], target), daemon=True
            )
            thread.start()
            self._outputs.append(thread)
        self._input = threading.Thread(target=self._send_input, daemon=True)
        self._input.start()

    def finish(self, timeout_s):
        """After the emulator has ended: the command's status, or None if it never came."""
        for thread in self._outputs:
            thread.join(timeout_s)
        match = re.fullmatch(rb"BEGUN\nSTATUS ([0-9]+)\n", self._status)
        return int(match.group(1)) if match else None

    def untouched(self):
        """After finish(): whether the command never began, and nobody's input is lost."""
        return not self._status and not self._input.is_alive() and self._input_bytes == 0

    @staticmethod
    def _receive(end, target):
        while True:
            try:
                data = end.recv(CHUNK_BYTES)
            except OSError:
                return
            if not data:
                return
            target(data)

    @staticmethod
    def _copy_to(fd):
        alive = True

        def copy(data):
            # A reader of ours that went away must not stall the command: go on, to nowhere.
            nonlocal alive
            alive = alive and write_all(fd, data)

        return copy

    def _take_status(self, data):
        self._status = (self._status + data)[-64:]

    def _send_input(self):
        end = self._ours["in"]
        while True:
            try:
                data = os.read(0, CHUNK_BYTES)
            except OSError:
                data = b""
            try:
                if not data:
                    # Half closed: what is on its way still arrives; a full close might drop it.
                    end.shutdown(socket.SHUT_WR)
                    return
                self._input_bytes += len(data)
                end.sendall(data)
            except OSError:
                return
