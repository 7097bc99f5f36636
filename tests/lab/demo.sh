#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs what is missing, builds, and shows the gate at work on a virtual host.
set -eu
cd "$(dirname "$0")/../.."
tests/deps.sh quiet || tests/deps.sh install
make --no-print-directory -j"$(nproc)" all
exec python3 tests/lab/lab.py demo "$@"
