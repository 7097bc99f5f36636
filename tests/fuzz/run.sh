#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Run every fuzz target: tests/fuzz/run.sh BUILD-DIR SECONDS, as many side by side as there
# are processors (FUZZ_JOBS). New inputs that reach new code are kept in BUILD-DIR/corpus; a
# crash leaves its input there and is a failure. Prints what each target covered, one
# "ok"/"not ok" line a target.
set -u
build=$1 seconds=$2 jobs=${FUZZ_JOBS:-$(nproc)} status=0 found=0

run_one() {
	local name=$1 target="$build/tests/fuzz/$1" corpus="$build/corpus/$1" log="$build/$1.log"
	local seeds=() runs cover

	if [ ! -x "$target" ]; then
		echo "not ok $name was not built"
		return 1
	fi
	mkdir -p "$corpus"
	[ -d "tests/fuzz/seeds/$name" ] && seeds=("tests/fuzz/seeds/$name")
	if ! "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
		-print_final_stats=1 -artifact_prefix="$corpus-crash-" "$corpus" "${seeds[@]}" \
		>"$log" 2>&1; then
		printf '%s\n' "$(tail -n 30 "$log")" "not ok $name"
		return 1
	fi
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	cover=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
	echo "ok $name (${runs:-0} runs, ${cover:-cov: 0} edges)"
}

running=0
for source in tests/fuzz/fuzz_*.c; do
	[ -e "$source" ] || continue
	found=1
	if [ $running -ge "$jobs" ]; then
		wait -n || status=1
		running=$((running - 1))
	fi
	run_one "$(basename "$source" .c)" &
	running=$((running + 1))
done
while [ $running -gt 0 ]; do
	wait -n || status=1
	running=$((running - 1))
done
[ $found = 1 ] || { echo "not ok no fuzz targets"; status=1; }
exit $status
