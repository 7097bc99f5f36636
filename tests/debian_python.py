# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's packages are for Debian's python3, which need not be the first in PATH."""
import importlib.util
import os
import sys

DEBIAN = "/usr/bin/python3"


def need(*modules):
    """Goes on with a python3 that has these modules; what is missing even there, if anything."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing and os.path.realpath(sys.executable) != os.path.realpath(DEBIAN) and os.path.exists(DEBIAN):
        os.execv(DEBIAN, [DEBIAN, *sys.argv])
    return missing
