#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time a command with all that it starts: whole.py FD COMMAND [ARG...]

Writes "wall cpu peak code" to the descriptor FD: seconds, seconds, KiB of the command's own
process, its exit code. What a killed worker of it had started is adopted and collected here,
so that its time counts too.
"""
import ctypes
import os
import sys
import time

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def main():
    answer, argv = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit("prctl: no subreaper")
    os.set_inheritable(answer, False)
    start = time.monotonic()
    command = os.posix_spawn(argv[0], argv, os.environ)
    cpu, peak, code, wall = 0.0, 0, 1, 0.0
    while True:
        try:
            pid, status, usage = os.wait3(0)
        except ChildProcessError:
            break
        cpu += usage.ru_utime + usage.ru_stime
        if pid == command:
            wall, peak, code = time.monotonic() - start, usage.ru_maxrss, os.waitstatus_to_exitcode(status)
    os.write(answer, f"{wall} {cpu} {peak} {code}\n".encode())


main()
