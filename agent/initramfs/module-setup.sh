#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# dracut: the holdfast step, before udev.

check() {
	require_binaries /usr/sbin/holdfast || return 1
	return 0
}

depends() {
	echo base
}

installkernel() {
	hostonly='' instmods tpm_crb tpm_tis efivarfs
}

# Public keys and signed manifests: nothing secret goes into the image.
copy_policy() {
	local file

	find /etc/holdfast/anchors /etc/holdfast/manifests.d -type f \( -name '*.pem' \
		-o -name '*.conf' -o -name '*.corim' -o -name '*.payload' \) -print0 2>/dev/null |
		while IFS= read -r -d '' file; do
			if grep -q 'PRIVATE KEY' "$file"; then
				dwarn "holdfast: $file holds a private key: not copied"
				continue
			fi
			inst_simple "$file"
		done
}

install() {
	local file

	inst_multiple /usr/sbin/holdfast mkdir mount umount sleep
	# tpm2-tss opens it by name, so that no dependency shows it.
	inst_libdir_file 'libtss2-tcti-device.so.0'
	inst_simple /usr/lib/holdfast/initramfs-step
	[ ! -e /etc/holdfast/initramfs.conf ] || inst_simple /etc/holdfast/initramfs.conf
	copy_policy
	inst_hook pre-udev 01 "$moddir/pre-udev.sh"
}
