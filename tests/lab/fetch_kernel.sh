#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Puts Debian's kernel, unpacked and with its modules indexed, into DIR. Nothing is
# installed. A .deb already lying in DIR/../deb is used and not fetched again.
set -eu

dir=${1:-build/lab/kernel}
[ -e "$dir/.complete" ] && exit 0
mkdir -p "$dir/../deb"
deb_dir=$(cd "$dir/../deb" && pwd)

have_deb() {
	set -- "$deb_dir"/linux-image-*.deb
	[ -e "$1" ]
}

# linux-image-amd64 only names the real package: its dependency.
kernel_package() {
	apt-cache depends linux-image-amd64 2>/dev/null |
		sed -n 's/^ *|\{0,1\}Depends: \(linux-image-[0-9].*-amd64\)$/\1/p' | head -n 1
}

if ! have_deb; then
	package=$(kernel_package)
	if [ -z "$package" ]; then
		sudo=
		[ "$(id -u)" = 0 ] || sudo=sudo
		$sudo apt-get update -q
		package=$(kernel_package)
	fi
	[ -n "$package" ] || { echo "no kernel package found: check apt's sources" >&2; exit 1; }
	echo "fetching $package"
	# apt drops privileges for a download, which needs a directory that it may write
	(cd "$deb_dir" && apt-get download -q -o APT::Sandbox::User=root "$package")
fi
set -- "$deb_dir"/linux-image-*.deb
rm -rf "$dir"
mkdir -p "$dir"
dpkg -x "$1" "$dir"
version=$(cd "$dir/lib/modules" && echo *)
PATH=$PATH:/usr/sbin:/sbin depmod -b "$dir" "$version"
touch "$dir/.complete"
