# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures and what they are over, measurements."""
import crypto
import wire
from lie import ALL, Lie, altering, lie, sealing


# ---- signatures, and what is around them ----

SIGNED = {"challenge": wire.CHALLENGE_AUTH, "measurements": wire.MEASUREMENTS}


def flipped(data):
    return data[:9] + bytes([data[9] ^ 0x10]) + data[10:]


def context_of(m):
    return crypto.OF_CHALLENGE if m["code"] == wire.CHALLENGE_AUTH else crypto.OF_MEASUREMENTS


for _step, _code in SIGNED.items():
    @sealing(f"{_step}-flipped", _code)
    def _flipped(responder, request, m, before, data):
        return flipped(m["signature"])

    @sealing(f"{_step}-zero", _code)
    def _zero(responder, request, m, before, data):
        return bytes(len(m["signature"]))

    @sealing(f"{_step}-other-key", _code)
    def _other_key(responder, request, m, before, data):
        """By a key that nobody certified."""
        d = responder.device
        chain = next(iter(d.slots.values()))
        return crypto.sign(chain.stranger, d.algorithm, d.hash_name, crypto.to_be_signed(
            responder.terms.version, d.hash_name, context_of(m), before + data))

    @sealing(f"{_step}-other-context", _code)
    def _other_context(responder, request, m, before, data):
        """As if it were the other one of the two messages (before 1.2 there is no context)."""
        context = crypto.OF_MEASUREMENTS if m["code"] == wire.CHALLENGE_AUTH else crypto.OF_CHALLENGE
        return responder.signature(m["slot"] & 15, context, before + data)

    @sealing(f"{_step}-old-style", _code)
    def _old_style(responder, request, m, before, data):
        """As 1.1 signs."""
        d = responder.device
        return crypto.sign(d.slots[m["slot"] & 15].leaf_key, d.algorithm, d.hash_name, before + data)

    @sealing(f"{_step}-partly", _code)
    def _partly(responder, request, m, before, data):
        """Over the answer alone, not over what came before."""
        return responder.signature(m["slot"] & 15, context_of(m), data)

    @sealing(f"{_step}-old-nonce", _code)
    def _old_nonce(responder, request, m, before, data):
        """Over the same request with an older nonce: what a recording would show."""
        return responder.signature(m["slot"] & 15, context_of(m),
                                   before.replace(request["nonce"], bytes(32)) + data)

    @altering(f"{_step}-other-slot", _code)
    def _other_slot(responder, request, m, arg):
        m["slot"] ^= 1

    @altering(f"{_step}-context", _code)
    def _context(responder, request, m, arg):
        """Another requester context (1.3 and later)."""
        m["context"] = bytes(byte ^ 0x55 for byte in m["context"])

    @altering(f"{_step}-opaque-long", _code)
    def _opaque_long(responder, request, m, arg):
        m.update(opaque_length=int(arg or 1025), opaque=bytes(int(arg or 1025)))

    @altering(f"{_step}-opaque-length", _code)
    def _opaque_length(responder, request, m, arg):
        m["opaque_length"] = int(arg or 0xffff)


@altering("challenge-chain-hash", wire.CHALLENGE_AUTH)
def challenge_chain_hash(responder, request, m, arg):
    m["chain_hash"] = flipped(m["chain_hash"])


@altering("challenge-mutual", wire.CHALLENGE_AUTH)
def challenge_mutual(responder, request, m, arg):
    """Wants to authenticate the requester, who never offered that."""
    m["slot"] |= 0x80


@altering("challenge-mask", wire.CHALLENGE_AUTH)
def challenge_mask(responder, request, m, arg):
    """Says that other slots are provisioned than DIGESTS said."""
    m["mask"] = 0xfe


@altering("summary-wrong", wire.CHALLENGE_AUTH)
def summary_wrong(responder, request, m, arg):
    """Other measurements in the challenge than are shown later."""
    if m["summary"]:
        m["summary"] = flipped(m["summary"])


# ---- measurements ----

def record_lie(name):
    """A function (responder, [(index, kind, value)], arg) -> bytes of the record."""
    def register(function):
        class OfRecord(Lie):
            def alter(self, responder, request, m):
                if m["code"] != wire.MEASUREMENTS or not m["record"]:
                    return
                found = [(i, *pair) for i, pair in wire.blocks(m["record"]).items()]
                m["record"] = function(responder, found, self.arg)
                m["record_length"] = len(m["record"])
        ALL[name] = OfRecord
        return function
    return register


def joined(found, **more):
    return b"".join(wire.block(*one, **more) for one in found)


@record_lie("block-twice")
def block_twice(responder, found, arg):
    """One index for two values; the number of blocks stays right."""
    return joined(found[:-1] + [(found[0][0], *found[-1][1:])])


@record_lie("block-zero")
def block_zero(responder, found, arg):
    return joined([(0, *found[0][1:])] + found[1:])


@record_lie("block-ff")
def block_ff(responder, found, arg):
    return joined(found[:-1] + [(0xff, *found[-1][1:])])


@record_lie("block-size")
def block_size(responder, found, arg):
    return wire.block(*found[0], size=int(arg or 0xffff)) + joined(found[1:])


@record_lie("value-size")
def value_size(responder, found, arg):
    return wire.block(*found[0], value_size=int(arg or 0xffff)) + joined(found[1:])


@record_lie("block-spec")
def block_spec(responder, found, arg):
    return wire.block(*found[0], spec=int(arg or 2)) + joined(found[1:])


@record_lie("digest-short")
def digest_short(responder, found, arg):
    """A digest of another length than the algorithm's."""
    index, kind, value = found[0]
    return joined([(index, kind, value[:-1])] + found[1:])


@record_lie("block-order")
def block_order(responder, found, arg):
    """Not sorted, which is no lie."""
    return joined(found[::-1])


@record_lie("blocks-zero")
def blocks_zero(responder, found, arg):
    """All values are zeros, which is no lie (GPUs show that)."""
    return joined([(i, kind, bytes(len(value))) for i, kind, value in found])


@record_lie("record-tail")
def record_tail(responder, found, arg):
    return joined(found) + b"\1\1"


@altering("record-length", wire.MEASUREMENTS)
def record_length(responder, request, m, arg):
    m["record_length"] = int(arg or 0xffffff)


@altering("block-count", wire.MEASUREMENTS)
def block_count(responder, request, m, arg):
    if m["record"]:
        m["blocks"] = int(arg) if arg else m["blocks"] + 1


@altering("total-wrong", wire.MEASUREMENTS)
def total_wrong(responder, request, m, arg):
    """Says that it has another number of measurements than it shows."""
    if request["index"] == 0:
        m["total"] = int(arg or 3)


@altering("index-other", wire.MEASUREMENTS)
def index_other(responder, request, m, arg):
    """Answers about another index than was asked for."""
    d = responder.device
    if request["index"] in d.indexes():
        m["record"] = d.block(next(i for i in d.indexes() if i != request["index"]))
        m["record_length"] = len(m["record"])


@lie("measurement-differs")
class MeasurementDiffers(Lie):
    """Another value each time it is asked."""
    times = 0

    def alter(self, responder, request, m):
        if m["code"] == wire.MEASUREMENTS and m["record"]:
            self.times += 1
            m["record"] = m["record"][:-1] + bytes([self.times & 0xff])


@lie("content-changed")
class ContentChanged(Lie):
    """ARG: 'once' or 'always': 'my measurements changed while this connection was up'."""
    done = False

    def alter(self, responder, request, m):
        if m["code"] != wire.MEASUREMENTS or not request["attributes"] & 1:
            return
        if self.arg == "once" and self.done:
            return
        self.done = True
        m["slot"] = m["slot"] & 0x0f | 0x10


@lie("unsigned-answer")
class UnsignedAnswer(Lie):
    """Leaves the signature out, though it was asked for."""

    def spoil(self, responder, request, data):
        if request["code"] == wire.GET_MEASUREMENTS and request["attributes"] & 1:
            return data[:-responder.terms.signature_size]
        return data
