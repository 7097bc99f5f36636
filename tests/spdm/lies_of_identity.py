# SPDX-License-Identifier: GPL-3.0-or-later
"""What is agreed on, and who the device says to be."""
import os

import crypto
import wire
from lie import ALL, GO_ON, Lie, altering, lie


# ---- versions, capabilities, algorithms ----

def listed(m, versions):
    m.update(count=len(versions), entries=b"".join(v.to_bytes(2, "little") for v in versions))


@altering("versions-many", wire.VERSION)
def versions_many(responder, request, m, arg):
    listed(m, [0x1200] * int(arg or 255))


@altering("versions-none", wire.VERSION)
def versions_none(responder, request, m, arg):
    listed(m, [])


@altering("versions-unknown", wire.VERSION)
def versions_unknown(responder, request, m, arg):
    listed(m, [0x0900, 0x2000, 0x1f00])


@altering("versions-more", wire.VERSION)
def versions_more(responder, request, m, arg):
    """Versions that it does not speak, beside those that it speaks."""
    listed(m, [0x0900] + [v << 8 for v in responder.device.versions] + [0x1f00, 0x2a00])


@altering("versions-count", wire.VERSION)
def versions_count(responder, request, m, arg):
    m["count"] = int(arg or 200)


@altering("algorithm-other", wire.ALGORITHMS)
def algorithm_other(responder, request, m, arg):
    m["asym"] = 1 << 9 if arg == "sm2" else 1 << 31


@altering("algorithm-two", wire.ALGORITHMS)
def algorithm_two(responder, request, m, arg):
    m["asym"] |= 0x10 if m["asym"] != 0x10 else 0x80


@altering("algorithm-none", wire.ALGORITHMS)
def algorithm_none(responder, request, m, arg):
    m["asym"] = 0


@altering("algorithm-swapped", wire.ALGORITHMS)
def algorithm_swapped(responder, request, m, arg):
    """Names an algorithm that was offered, and signs with another."""
    m["asym"] = crypto.ALGORITHMS[arg][0]


@altering("hash-other", wire.ALGORITHMS)
def hash_other(responder, request, m, arg):
    m["hash"] = 1 << 31


@altering("hash-two", wire.ALGORITHMS)
def hash_two(responder, request, m, arg):
    m["hash"] = 3


@altering("hash-none", wire.ALGORITHMS)
def hash_none(responder, request, m, arg):
    m["hash"] = 0


@altering("measurement-hash-two", wire.ALGORITHMS)
def measurement_hash_two(responder, request, m, arg):
    m["measurement_hash"] = 6


@altering("measurement-hash-other", wire.ALGORITHMS)
def measurement_hash_other(responder, request, m, arg):
    m["measurement_hash"] = 1 << 30


@altering("measurement-hash-none", wire.ALGORITHMS)
def measurement_hash_none(responder, request, m, arg):
    m["measurement_hash"] = 0


@altering("spec-two", wire.ALGORITHMS)
def spec_two(responder, request, m, arg):
    m["spec"] = 3


@altering("algorithms-length", wire.ALGORITHMS)
def algorithms_length(responder, request, m, arg):
    m["length"] = int(arg or 0xffff)


@altering("algorithms-tables", wire.ALGORITHMS)
def algorithms_tables(responder, request, m, arg):
    """Tables that nobody asked for."""
    m["tables"] = 2
    m.update(table0_type=2, table0_counts=0x20, table0=b"\1\0", table1_type=3, table1_counts=0x20,
             table1=b"\1\0", length=m["length"] + 8)


@altering("extended-algorithm", wire.ALGORITHMS)
def extended_algorithm(responder, request, m, arg):
    m.update(extended_asym_count=1, extended=b"\0\0\1\0", length=m["length"] + 4)


# ---- certificates ----

@altering("slots-none", wire.DIGESTS)
def slots_none(responder, request, m, arg):
    m.update(slots=0, digests=b"")


@altering("slots-many", wire.DIGESTS)
def slots_many(responder, request, m, arg):
    """All eight, though there is something in few."""
    m.update(slots=0xff, digests=(m["digests"] * 8)[:8 * responder.terms.hash_size])


@altering("slots-claimed", wire.DIGESTS)
def slots_claimed(responder, request, m, arg):
    """More slots in the mask than digests behind it."""
    m["slots"] |= 0x0e


@altering("digest-wrong", wire.DIGESTS)
def digest_wrong(responder, request, m, arg):
    m["digests"] = bytes([m["digests"][0] ^ 1]) + m["digests"][1:]


@lie("chain-changed")
class ChainChanged(Lie):
    """Another chain, as well made, once DIGESTS was said."""

    def before(self, responder, request, raw):
        d = responder.device
        if request["code"] == wire.GET_CERTIFICATE and not hasattr(self, "done"):
            self.done = True
            for slot, chain in d.slots.items():
                extra = chain.issue(chain.leaf_key, chain.key("intermediate"),
                                    f"{chain.name} device", chain.certificates[-2].subject
                                    .rfc4514_string().partition("=")[2], ca=False,
                                    fresh=True)
                chain.certificates[-1] = extra
                d.blobs[slot] = chain.blob(d.hash_name)
        return GO_ON


def blob_lie(name):
    """The chain itself is wrong; DIGESTS and CHALLENGE_AUTH agree with it."""
    def register(function):
        class OfBlob(Lie):
            def before(self, responder, request, raw):
                d = responder.device
                if not hasattr(self, "done"):
                    self.done = True
                    d.blobs = {s: function(b, crypto.hash_size(d.hash_name), self.arg)
                               for s, b in d.blobs.items()}
                return GO_ON
        ALL[name] = OfBlob
        return function
    return register


@blob_lie("root-hash-wrong")
def root_hash_wrong(blob, size, arg):
    return blob[:4] + bytes([blob[4] ^ 1]) + blob[5:]


@blob_lie("chain-length")
def chain_length(blob, size, arg):
    return int(arg).to_bytes(4, "little") + blob[4:]


@blob_lie("chain-longer")
def chain_longer(blob, size, arg):
    """Bytes behind the last certificate, counted in the length."""
    return (len(blob) + 5).to_bytes(4, "little") + blob[4:] + b"\0junk"


@blob_lie("chain-cut")
def chain_cut(blob, size, arg):
    """Ends inside the leaf."""
    return (len(blob) - 20).to_bytes(4, "little") + blob[4:-20]


@blob_lie("chain-empty")
def chain_empty(blob, size, arg):
    return (4 + size).to_bytes(4, "little") + blob[4:4 + size]


@blob_lie("chain-garbage")
def chain_garbage(blob, size, arg):
    return blob[:4 + size] + os.urandom(len(blob) - 4 - size)


@blob_lie("chain-tiny")
def chain_tiny(blob, size, arg):
    return b"\4\0\0\0"


@altering("certificate-other-slot", wire.CERTIFICATE)
def certificate_other_slot(responder, request, m, arg):
    m["slot"] ^= 1


@altering("certificate-endless", wire.CERTIFICATE)
def certificate_endless(responder, request, m, arg):
    m["remainder"] = max(m["remainder"], 100)


@altering("certificate-remainder", wire.CERTIFICATE)
def certificate_remainder(responder, request, m, arg):
    m["remainder"] = int(arg or 0xffff)


@altering("certificate-nothing", wire.CERTIFICATE)
def certificate_nothing(responder, request, m, arg):
    """No byte at all, and always as many left."""
    m.update(portion=0, remainder=1000, data=b"")


@altering("certificate-early", wire.CERTIFICATE)
def certificate_early(responder, request, m, arg):
    """Says that the first portion is all."""
    m["remainder"] = 0


@altering("certificate-portion", wire.CERTIFICATE)
def certificate_portion(responder, request, m, arg):
    m["portion"] = int(arg or 0xffff)


@altering("certificate-more", wire.CERTIFICATE)
def certificate_more(responder, request, m, arg):
    """More than was asked for."""
    m["portion"] = request["length"] + 8
    m["data"] = (m["data"] + bytes(request["length"] + 8))[:m["portion"]]


@altering("certificate-huge-large", wire.CERTIFICATE)
def certificate_huge_large(responder, request, m, arg):
    if "large_portion" in m:
        m["large_remainder"] = 0xffffffff
