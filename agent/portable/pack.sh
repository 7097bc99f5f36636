#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# pack.sh PROGRAM STARTER VERSION OUT.tar.gz: the portable tar. It holds the program, its loader,
# every library that it loads, also those that tpm2-tss opens at run time, and where each came
# from. SOURCE_DATE_EPOCH is the time of every file: same inputs, same bytes.
set -eu
export LC_ALL=C
umask 022

program=$1 starter=$2 version=$3 out=$4
name=holdfast-$version-x86_64
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
lib=$work/$name/lib
mkdir -p "$lib" "$work/$name/licences"

# What tctildr looks for by name; the program's own dependencies do not show it.
multiarch=$(dirname "$(ldd "$program" | awk '$1 == "libtss2-esys.so.0" { print $3 }')")
opened="$multiarch/libtss2-tcti-device.so.0 $multiarch/libtss2-tcti-swtpm.so.0"
loader=$(ldd "$program" | awk '$1 ~ /ld-linux-x86-64/ { print $1 }')
# shellcheck disable=SC2086
libraries=$(ldd "$program" $opened | awk '$2 == "=>" { print $3 }' | sort -u)

for file in $loader $libraries $opened; do
	cp -L "$file" "$lib/$(basename "$file")"
done
# The loader would also load what the host's /etc/ld.so.preload names. Nothing else can tell it
# not to, so its copy looks for a file that is nowhere.
loader_copy=$lib/$(basename "$loader")
[ "$(grep -ao '/etc/ld\.so\.preload' "$loader_copy" | wc -l)" = 1 ] || {
	echo "pack.sh: $loader: /etc/ld.so.preload is not in it exactly once" >&2
	exit 1
}
sed -i 's|/etc/ld\.so\.preload|/-/no/host.preload|' "$loader_copy"
chmod 755 "$loader_copy"

install -m 755 "$program" "$lib/holdfast"
install -m 755 "$starter" "$work/$name/holdfast"
strip "$lib/holdfast" "$work/$name/holdfast"
echo "# empty, so that none of the host is read" >"$lib/openssl.cnf"

# Licences and origin of what is not ours.
for file in $loader $libraries $opened; do
	path=$(readlink -f "$file")
	dpkg-query -S "$path" 2>/dev/null || dpkg-query -S "${path#/usr}"
done | sed 's/: .*//' | sort -u >"$work/packages"
while read -r package; do
	bare=${package%%:*}
	cp -L "/usr/share/doc/$bare/copyright" "$work/$name/licences/$bare"
	dpkg-query -W -f '${binary:Package} ${Version} (source ${source:Package})\n' "$package"
done <"$work/packages" >"$work/$name/PACKAGES"
cp LICENSE "$work/$name/licences/holdfast"
cp agent/portable/README "$work/$name/README"

epoch=${SOURCE_DATE_EPOCH:?seconds since 1970}
mkdir -p "$(dirname "$out")"
tar -C "$work" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner \
	--mode=u+rwX,go+rX,go-w --mtime="@$epoch" -cf "$work/tar" "$name"
gzip -9n <"$work/tar" >"$out.new"
mv "$out.new" "$out"
