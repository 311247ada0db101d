"""Makes chosen system calls of a child fail, with a seccomp filter of our own that it inherits."""
import ctypes
import errno
import struct

OPENAT, FSYNC, RENAMEAT, FORK, CLONE, LINKAT, PWRITE, FALLOCATE, PIPE2 = \
    257, 74, 264, 57, 56, 265, 18, 285, 293
O_TMPFILE = 0o20200000

ALLOW, ERRNO = 0x7fff0000, 0x00050000
LOAD, JEQ, JSET, RETURN = 0x20, 0x15, 0x45, 0x06


def failing(number, code, argument=None, mask=0):
    """A preexec_fn: the call fails with errno code; with an argument, only if it has a bit of mask."""
    program = [(LOAD, 0, 0, 0)]
    if argument is None:
        program += [(JEQ, 0, 1, number)]
    else:
        program += [(JEQ, 0, 3, number), (LOAD, 0, 0, 16 + 8 * argument), (JSET, 0, 1, mask)]
    program += [(RETURN, 0, 0, ERRNO | code), (RETURN, 0, 0, ALLOW)]
    code_bytes = b"".join(struct.pack("<HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code_bytes)
    filter_program = struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)

    def apply():
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter_program, 0, 0):
            raise OSError(ctypes.get_errno(), "cannot install a filter")
    apply.keep = buffer
    return apply


__all__ = [name for name in dir() if name.isupper()] + ["failing", "errno"]
