#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# From 1,000 captures of an unknown fleet to signed manifests: four odd cards are found, and the
# manifests hold these four hosts and no other. HOSTS=N: another number; KEEP=DIR: keep it all.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD build=$PWD/build/${MODE:-release}
work=${KEEP:-$(mktemp -d)}
[ -n "${KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
cd "$work"
ctl=$build/holdfastctl
[ -x "$build/tests/census/judge" ] ||
	make --no-print-directory -C "$root" "build/${MODE:-release}/tests/census/judge" >/dev/null

say() { printf '\n== %s\n' "$*"; }

say "${HOSTS:-1000} hosts are scanned: holdfast scan --json, one file a host"
python3 "$root/tests/trees/captures.py" --hosts "${HOSTS:-1000}" captures

say "holdfastctl census captures --out drafts --mode enforce"
status=0
"$ctl" census captures --out drafts --mode enforce >report.txt || status=$?
sed '/^MODELS/,$d' report.txt
sed -n '/^COVERAGE/,$p' report.txt
[ "$status" = 3 ] || { echo "the census should have found something: exit $status"; exit 1; }

say "the drafts are checked and signed"
mkdir -p anchors/owner signed
"$ctl" keygen --out owner >/dev/null
cp owner.pem anchors/owner/
"$ctl" manifest check drafts/*.json
"$ctl" manifest sign --key owner.key --signer owner drafts/*.json --out signed

say "the gate's verdict on each of these hosts, by the signed drafts"
"$build/tests/census/judge" signed anchors captures/*.json >verdicts.txt
echo "accepted: $(grep -c ' accepted ' verdicts.txt) hosts; refused:"
grep -v ' accepted ' verdicts.txt | sed 's/^captures\///'

refused=$(grep -v ' accepted ' verdicts.txt | sed 's/^captures\///; s/\.json .*//' | sort)
odd=$(python3 -c 'import json; print("\n".join(sorted(json.load(open("captures.odd.json")))))')
[ "$refused" = "$odd" ] || { printf 'these should have been refused:\n%s\n' "$odd"; exit 1; }
say "these are the hosts that were tampered with, and no other"
