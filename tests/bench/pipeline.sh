#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The pipeline people write today: for each device lspci, sha256sum and tpm2_pcrextend,
# then tpm2_quote. usage: pipeline.sh TREE TCTI
set -eu
tree=$1
export TPM2TOOLS_TCTI=$2 TSS2_LOG=all+NONE
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tpm2_createprimary -Q -C e -g sha256 -G ecc256:ecdsa-sha256:null -c "$work/ak.ctx" \
	-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'
tpm2_flushcontext -t
for device in "$tree"/bus/pci/devices/*; do
	digest=$({ lspci -O "sysfs.path=$tree/bus/pci" -xxxx -s "${device##*/}"
		[ ! -e "$device/rom" ] || cat "$device/rom"; } | sha256sum | cut -d ' ' -f 1)
	tpm2_pcrextend "12:sha256=$digest"
done
tpm2_flushcontext -t
tpm2_quote -Q -c "$work/ak.ctx" -l sha256:12 -q 00 -m "$work/quote" -s "$work/sig"
