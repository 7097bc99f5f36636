# SPDX-License-Identifier: GPL-3.0-or-later
"""A device that changes its mind: puts other bytes behind the expansion ROM BAR of a
device of a running QEMU.

QEMU keeps an option ROM in a piece of memory of its own, from which the guest reads it.
So the ROM that firmware ran, and the ROM that the gate reads later, can differ, as those
of a device that a former tenant reprogrammed to do so would. To be done while the machine
is stopped."""
import re

GUEST_RAM = 64 << 20  # mappings from this size on are the guest's RAM, not a ROM
MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw")


class NotFound(Exception):
    pass


def child(pid):
    """The process that pid, a `timeout`, runs."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = file.read().split()
    if len(children) != 1:
        raise NotFound(f"process {pid} has {len(children)} children, not QEMU alone")
    return int(children[0])


def places(pid, memory, old):
    """Every address at which the process has these bytes, guest RAM left out."""
    found = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        for line in maps:
            match = MAPPING.match(line)
            if not match:
                continue
            begin, end = (int(text, 16) for text in match.groups())
            if len(old) > end - begin or end - begin >= GUEST_RAM:
                continue
            memory.seek(begin)
            try:
                data = memory.read(end - begin)
            except OSError:
                continue
            at = data.find(old)
            while at >= 0:
                found.append(begin + at)
                at = data.find(old, at + 1)
    return found


def swap(pid, old, new):
    """The one ROM that holds old holds new from now on."""
    if len(old) != len(new):
        raise ValueError(f"{len(old)} bytes are to become {len(new)}")
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        found = places(pid, memory, old)
        if len(found) != 1:
            raise NotFound(f"QEMU holds these {len(old)} bytes {len(found)} times, not once")
        memory.seek(found[0])
        if memory.write(new) != len(new):
            raise NotFound("QEMU's memory could not be written")
        memory.seek(found[0])
        if memory.read(len(new)) != new:
            raise NotFound("QEMU's memory does not hold what was written")
