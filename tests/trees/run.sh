#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The tree tests: the shipped programs on captured trees, with a software TPM.
# tests/trees/run.sh [NAME...]   UPDATE=1: write the golden files   KEEP=1: keep the work
set -eu
cd "$(dirname "$0")/../.."
exec python3 tests/trees/run.py "$@"
