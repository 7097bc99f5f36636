#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""older_kernel.py LAST PROGRAM [ARGUMENT...]: run it where every system call of x86-64 with a
number above LAST does not exist (ENOSYS), as on a kernel that is older than the call."""
import ctypes
import errno
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_GREATER, RETURN = 0x20, 0x25, 0x06
ALLOW, ERRNO = 0x7fff0000, 0x00050000


class Program(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def main():
    last = int(sys.argv[1])
    code = b"".join(struct.pack("<HBBI", *row) for row in (
        (LOAD, 0, 0, 0), (JUMP_GREATER, 0, 1, last), (RETURN, 0, 0, ERRNO | errno.ENOSYS), (RETURN, 0, 0, ALLOW)))
    text = ctypes.create_string_buffer(code)
    program = Program(len(code) // 8, ctypes.cast(text, ctypes.c_void_p))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")
    os.execvp(sys.argv[2], sys.argv[2:])


main()
