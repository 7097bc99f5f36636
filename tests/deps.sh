#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Say which Debian packages are missing (check) and install them (install).
set -eu

packages="build-essential git openssl pkg-config libtss2-dev libtss2-tcti-swtpm0 libtss2-tcti-device0
libssl-dev libpci-dev libcbor-dev libjansson-dev libcmocka-dev libmicrohttpd-dev libgnutls28-dev
libsqlite3-dev libpq-dev libcurl4-openssl-dev postgresql klibc-utils clang libclang-rt-14-dev
qemu-system-x86 qemu-system-data ovmf swtpm swtpm-tools tpm2-tools ipxe-qemu seabios
busybox-static squashfs-tools cpio kmod pciutils iproute2 python3 python3-cbor2 python3-cryptography python3-jsonschema
softhsm2 opensc libengine-pkcs11-openssl mtools dosfstools systemd-boot-efi dpkg-dev debhelper lintian mmdebstrap debian-archive-keyring groff-base strace systemd"

missing=
for package in $packages; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
		missing="$missing $package"
done
if [ -z "$missing" ]; then
	[ "${1-}" = quiet ] || echo "all packages are installed"
	exit 0
fi
echo "missing packages:$missing"
echo "to install them: apt-get install --no-install-recommends$missing"
[ "${1-}" = check ] && exit 1
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "not root and no sudo: install them as root" >&2; exit 1; }
	sudo=sudo
fi
export DEBIAN_FRONTEND=noninteractive
${sudo-} apt-get update -q
# shellcheck disable=SC2086
${sudo-} apt-get install -y -q --no-install-recommends $missing
