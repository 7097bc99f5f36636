# SPDX-License-Identifier: GPL-3.0-or-later
"""A device that answers differently the second time, and one that changes at the end.

The tree is changed while the gate runs, at a TPM command: every part is measured before
the first part is recorded, and the quote comes after the recheck.
"""
import os
import shutil

import firmware
from harness import case, need
from relay import PCR_EXTEND, QUOTE, Relay
from rehearsal import Host

NIC = "0000:01:00.0"


def boot_while(t, code, nth, change, cause):
    """Boot; change(host) when the nth command of this code arrives."""
    host = Host(t)
    seen = []

    def before(command, _):
        if command == code:
            seen.append(command)
            if len(seen) == nth:
                change(host)

    relay = Relay(f"{host.tpm.directory}/sock", t.path("relay"), before)
    firmware.extend(host.tpm, host.events)
    result = host.boot(cause, 3, tcti=relay.tcti, extend=False)
    need(len(seen) >= nth, "the moment to change the host never came")
    host.check_capped()
    return host, result


@case
def recheck_rom_answers_differently(t):
    host, result = boot_while(t, PCR_EXTEND, 3, lambda h: h.tree.flip(NIC, 0x8000),
                              "recheck-different")
    need("option-rom/window" in result.text, result.describe())
    show = host.t.ctl("log", "show", f"{host.evidence}/holdfast.evlog", code=0).text
    need("recheck" in show, f"the recheck is not in the log\n{show}")


@case
def recheck_identity_changes(t):
    boot_while(t, PCR_EXTEND, 3, lambda h: h.tree.put(NIC, "config", reidentified(h)),
               "recheck-different")


@case
def recheck_part_leaves(t):
    boot_while(t, PCR_EXTEND, 3, lambda h: leave(h), "recheck-different")


@case
def last_look_identity_changes(t):
    boot_while(t, QUOTE, 1, lambda h: h.tree.put(NIC, "config", reidentified(h)),
               "last-look-different")


@case
def last_look_part_leaves(t):
    boot_while(t, QUOTE, 1, lambda h: leave(h), "last-look-different")


def device_directory(host):
    return os.path.realpath(f"{host.tree.sys}/bus/pci/devices/{NIC}")


def reidentified(host):
    """The same configuration space with another device id."""
    with open(f"{device_directory(host)}/config", "rb") as file:
        config = bytearray(file.read())
    config[2] ^= 0x01
    return bytes(config)


def leave(host):
    directory = device_directory(host)
    os.unlink(f"{host.tree.sys}/bus/pci/devices/{NIC}")
    shutil.rmtree(directory)
