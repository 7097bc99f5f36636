#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# dracut sources this before udev starts.
modprobe -q tpm_crb 2>/dev/null
modprobe -q tpm_tis 2>/dev/null
/usr/lib/holdfast/initramfs-step dracut
