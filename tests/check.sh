#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Install what is missing, then build and run every test (tests/check.py lists them).
set -eu
cd "$(dirname "$0")/.."
tests/deps.sh quiet || tests/deps.sh install
exec python3 tests/check.py "$@"
