#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A unified kernel image of the gate: kernel, initramfs and command line behind systemd's EFI stub.
#
#   build.sh KERNEL INITRD "COMMAND LINE" OUT.efi
#
# STUB=FILE: another stub. Needs Debian's systemd-boot-efi and binutils.
set -eu

[ $# = 4 ] || { sed -n '3,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
kernel=$1 initrd=$2 line=$3 out=$4
stub=${STUB:-/usr/lib/systemd/boot/efi/linuxx64.efi.stub}
for file in "$stub" "$kernel" "$initrd"; do
	[ -r "$file" ] || { echo "build.sh: cannot read $file" >&2; exit 2; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s' "$line" >"$work/cmdline"	# no newline: what is measured is what the kernel gets
printf 'ID=holdfast\nNAME=holdfast\n' >"$work/osrel"

# The sections follow the stub's own, each on a page of its own: firmware loads them where they say.
end=0
for pair in $(objdump -h "$stub" | awk '$1 ~ /^[0-9]+$/ { print $4 ":" $3 }'); do
	last=$((0x${pair%:*} + 0x${pair#*:}))
	[ "$last" -le "$end" ] || end=$last
done
set --
for section in "osrel $work/osrel" "cmdline $work/cmdline" "linux $kernel" "initrd $initrd"; do
	name=.${section%% *} file=${section#* }
	at=$(((end + 4095) / 4096 * 4096))
	end=$((at + $(stat -L -c %s "$file")))
	set -- "$@" --add-section "$name=$file" --change-section-vma "$name=$at"
done
objcopy "$@" "$stub" "$out"
# objcopy writes the time into the header, and a checksum over it that no firmware looks at: the same
# inputs shall give the same file
pe=$(od -A n -t u4 -j 60 -N 4 "$out")
for at in 8 88; do
	printf '\0\0\0\0' | dd of="$out" bs=1 seek=$((pe + at)) conv=notrunc status=none
done
