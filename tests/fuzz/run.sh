#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Run every fuzz target: tests/fuzz/run.sh BUILD-DIR SECONDS. New inputs that reach new
# code are kept in BUILD-DIR/corpus; a crash leaves its input there and is a failure.
# Prints what each target covered, one "ok"/"not ok" line a target.
set -u
build=$1 seconds=$2 status=0 found=0
for source in tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c) target="$build/tests/fuzz/$name"
	[ -e "$source" ] || continue
	found=1
	if [ ! -x "$target" ]; then
		echo "not ok $name was not built"; status=1; continue
	fi
	corpus="$build/corpus/$name" log="$build/$name.log"
	mkdir -p "$corpus"
	seeds=()
	[ -d "tests/fuzz/seeds/$name" ] && seeds=("tests/fuzz/seeds/$name")
	if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
		-print_final_stats=1 -artifact_prefix="$corpus-crash-" "$corpus" "${seeds[@]}" \
		>"$log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		cover=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
		echo "ok $name (${runs:-0} runs, ${cover:-cov: 0} edges)"
	else
		tail -n 30 "$log"
		echo "not ok $name"; status=1
	fi
done
[ $found = 1 ] || { echo "not ok no fuzz targets"; status=1; }
exit $status
