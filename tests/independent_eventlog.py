#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a TCG crypto-agile event log without a line of ours and without tpm2-tools.

    independent_eventlog.py FILE        what it replays to, and how many events of each kind
Written from the TCG PC Client Platform Firmware Profile, 10 (TCG_PCR_EVENT2), alone: any byte
that it cannot account for is an error.
"""
import collections
import hashlib
import struct
import sys

NO_ACTION, EVENT_TAG = 3, 6
HASHES = {0x0004: "sha1", 0x000b: "sha256", 0x000c: "sha384", 0x000d: "sha512"}

Event = collections.namedtuple("Event", "pcr kind digests data")


class Malformed(Exception):
    pass


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise Malformed(f"ends at {len(self.data)} inside what begins at {self.at}")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")


def spec_id(log):
    """The first event, in the old form; the sizes of the digests that follow."""
    pcr, kind, digest = log.number(4), log.number(4), log.take(20)
    body = Cursor(log.take(log.number(4)))
    if (pcr, kind, digest) != (0, NO_ACTION, bytes(20)) or body.take(16) != b"Spec ID Event03\0":
        raise Malformed("no Spec ID event")
    body.take(8)  # class, version, errata, size of a UINTN
    sizes = {body.number(2): body.number(2) for _ in range(body.number(4))}
    body.take(body.number(1))
    if body.at != len(body.data) or not sizes:
        raise Malformed("bytes behind the Spec ID event")
    for number, size in sizes.items():
        if hashlib.new(HASHES[number]).digest_size != size:
            raise Malformed(f"{HASHES[number]} of {size} bytes")
    return sizes


def events(data):
    log = Cursor(data)
    sizes = spec_id(log)
    found = []
    while log.at < len(data):
        pcr, kind, count = log.number(4), log.number(4), log.number(4)
        digests = {}
        for _ in range(count):
            number = log.number(2)
            if number not in sizes or number in digests:
                raise Malformed(f"digest of algorithm {number:#x}")
            digests[number] = log.take(sizes[number])
        if set(digests) != set(sizes):
            raise Malformed(f"event {len(found)} lacks a bank")
        found.append(Event(pcr, kind, digests, log.take(log.number(4))))
    return sizes, found


def replay(data):
    """{(bank, pcr): value}; a digest that is not that of its data is an error for tagged events."""
    sizes, found = events(data)
    values = {}
    for event in found:
        for number in sizes:
            name = HASHES[number]
            if event.kind == EVENT_TAG and hashlib.new(name, event.data).digest() != event.digests[number]:
                raise Malformed(f"{name} of an event is not that of its data")
            if event.kind != NO_ACTION:
                old = values.get((name, event.pcr), bytes(sizes[number]))
                values[name, event.pcr] = hashlib.new(name, old + event.digests[number]).digest()
    return values, found


def tagged(event):
    """Tag and payload of an EV_EVENT_TAG event."""
    tag, size = struct.unpack_from("<II", event.data)
    if len(event.data) != 8 + size:
        raise Malformed("a tagged event of another length")
    return tag, event.data[8:]


def main():
    with open(sys.argv[1], "rb") as file:
        values, found = replay(file.read())
    for kind, count in sorted(collections.Counter(e.kind for e in found).items()):
        print(f"{count} events of type {kind:#x}")
    for (bank, pcr), value in sorted(values.items()):
        print(f"{bank}:{pcr} {value.hex()}")


if __name__ == "__main__":
    main()
