#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Puts the newer QEMU of Debian's backports, unpacked, into DIR, with the libraries that it
# needs newer than they are here. Nothing is installed, and apt's own lists and sources stay
# as they are: it works on a configuration of its own beside DIR. DIR/run starts it.
# A .deb already lying in DIR/../qemu-deb is used and not fetched again.
set -eu

dir=${1:-build/lab/qemu10}
[ -e "$dir/.complete" ] && exit 0
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
deb_dir=$(dirname "$dir")/qemu-deb
own=$(dirname "$dir")/qemu-apt

have_deb() {
	set -- "$deb_dir"/qemu-system-x86_*.deb
	[ -e "$1" ]
}

private_apt() {
	apt-get -q -o Dir::Etc::SourceList="$own/sources.list" -o Dir::Etc::SourceParts=- \
		-o Dir::State="$own/state" -o Dir::State::status=/var/lib/dpkg/status \
		-o Dir::Cache="$own/cache" -o Dir::Cache::archives="$deb_dir" \
		-o APT::Sandbox::User=root -o Debug::NoLocking=1 "$@"
}

if ! have_deb; then
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	[ "$codename" = bookworm ] || { echo "no backports known for ${codename:-this system}" >&2; exit 1; }
	# the host that this machine's apt uses already, and Debian's key
	site=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 2>/dev/null |
		sed -n "s/^$codename //p" | head -n 1)
	[ -n "$site" ] || { echo "apt knows no source of $codename here: apt-get update" >&2; exit 1; }
	mkdir -p "$own/state/lists/partial" "$own/cache" "$deb_dir/partial"
	for suite in "$codename" "$codename-backports"; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $suite main"
	done >"$own/sources.list"
	private_apt update
	private_apt install --download-only --yes --no-install-recommends \
		-t "$codename-backports" qemu-system-x86
	have_deb || { echo "apt fetched no qemu-system-x86" >&2; exit 1; }
fi
rm -rf "$dir"
mkdir -p "$dir"
for deb in "$deb_dir"/*.deb; do
	dpkg -x "$deb" "$dir"
done
# found from where it lies: the folder may be copied
cat >"$dir/run" <<'END'
#!/bin/sh
dir=$(dirname "$(readlink -f "$0")")
libraries=$(find "$dir/lib" "$dir/usr/lib" -name '*.so.*' -printf '%h\n' 2>/dev/null | sort -u | tr '\n' ':')
LD_LIBRARY_PATH=$libraries QEMU_MODULE_DIR=$dir/usr/lib/x86_64-linux-gnu/qemu \
	exec "$dir/usr/bin/qemu-system-x86_64" -L "$dir/usr/share/qemu" -L "$dir/usr/share/seabios" "$@"
END
chmod 755 "$dir/run"
"$dir/run" -version
touch "$dir/.complete"
