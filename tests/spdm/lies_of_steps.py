# SPDX-License-Identifier: GPL-3.0-or-later
"""It answers something else than it should, late, or not at all."""
import os
import time

import wire
from device import Close, RESPONSE_TOO_LARGE
from lie import GO_ON, AtStep, Lie, lie


@lie("silent")
class Silent(AtStep):
    def at(self, responder, request, raw):
        return None


@lie("silent-after")
class SilentAfter(Lie):
    """Answers so many requests, then none."""

    def before(self, responder, request, raw):
        return GO_ON if sum(responder.seen.values()) <= int(self.arg) else None


@lie("close")
class Closes(AtStep):
    """Once, or MORE is 'always'."""
    done = False

    def at(self, responder, request, raw):
        if self.done and self.more != "always":
            return GO_ON
        self.done = True
        raise Close


@lie("drip")
class Drip(Lie):
    """One byte at a time, ARG seconds between two of them."""


@lie("slow")
class Slow(AtStep):
    """MORE: seconds until it answers."""

    def at(self, responder, request, raw):
        time.sleep(float(self.more))
        return GO_ON


class Counted(AtStep):
    """MORE: how often; 'forever'."""

    def __init__(self, arg):
        super().__init__(arg)
        first, _, self.extra = self.more.partition(":")
        self.left = 1 << 60 if first == "forever" else int(first or 1)

    def at(self, responder, request, raw):
        if self.left <= 0:
            return GO_ON
        self.left -= 1
        return self.answer(responder, raw)


@lie("error")
class SaysError(AtStep):
    """MORE: CODE[:TIMES] in hex."""

    def __init__(self, arg):
        super().__init__(arg)
        code, _, times = self.more.partition(":")
        self.error, self.left = int(code, 16), int(times) if times else 1 << 60

    def at(self, responder, request, raw):
        self.left -= 1
        return responder.error(self.error) if self.left >= 0 else GO_ON


@lie("busy")
class Busy(Counted):
    def answer(self, responder, raw):
        return responder.error(wire.BUSY)


@lie("resynch")
class Resynch(Counted):
    def answer(self, responder, raw):
        return responder.error(wire.RESYNCH)


@lie("not-ready")
class NotReady(Counted):
    """MORE: TIMES[:EXPONENT[:FACTOR]]; waits 2 to the EXPONENT us, at most FACTOR times that."""

    def answer(self, responder, raw):
        words = [int(word) for word in self.extra.split(":") if word]
        return responder.not_ready(raw, *words)


@lie("never-ready")
class NeverReady(NotReady):
    """Says to RESPOND_IF_READY too that it is not ready."""

    def before(self, responder, request, raw):
        if request["code"] == wire.RESPOND_IF_READY:
            return responder.not_ready(responder.pending.get(request["token"], raw), 0, 1)
        return super().before(responder, request, raw)


@lie("not-ready-short")
class NotReadyShort(AtStep):
    """ResponseNotReady without the data that say how long, and for which request."""

    def at(self, responder, request, raw):
        return responder.error(wire.NOT_READY)


@lie("not-ready-other")
class NotReadyOther(AtStep):
    """ResponseNotReady that speaks of another request."""

    def at(self, responder, request, raw):
        return responder.error(wire.NOT_READY, 0, bytes([0, wire.GET_VERSION, 1, 1]))


@lie("large-without-chunks")
class LargeWithoutChunks(AtStep):
    """LargeResponse, though nobody offered CHUNK_CAP."""

    def at(self, responder, request, raw):
        return responder.error(wire.LARGE_RESPONSE, 0, b"\1")


@lie("too-large")
class TooLarge(AtStep):
    def at(self, responder, request, raw):
        return responder.error(RESPONSE_TOO_LARGE)


@lie("refuse-all")
class RefuseAll(Lie):
    """Answers measurements one by one only."""

    def before(self, responder, request, raw):
        if request["code"] == wire.GET_MEASUREMENTS and request["index"] == 0xff:
            return responder.error(wire.INVALID_REQUEST)
        return GO_ON


@lie("refuse-one")
class RefuseOne(Lie):
    """Answers measurements all at once only."""

    def before(self, responder, request, raw):
        if request["code"] == wire.GET_MEASUREMENTS and request["index"] not in (0, 0xff):
            return responder.error(wire.INVALID_REQUEST)
        return GO_ON


@lie("replace")
class Replace(AtStep):
    """MORE: the answer, in hex."""

    def at(self, responder, request, raw):
        return bytes.fromhex(self.more)


@lie("garbage")
class Garbage(AtStep):
    """MORE: how many random bytes."""

    def change(self, responder, data):
        return os.urandom(int(self.more or len(data)))


@lie("ones")
class Ones(AtStep):
    """All bits set behind the header, in the same length."""

    def change(self, responder, data):
        return data[:4] + b"\xff" * (len(data) - 4)


@lie("zeros")
class Zeros(AtStep):
    def change(self, responder, data):
        return data[:4] + bytes(len(data) - 4)


@lie("empty")
class Empty(AtStep):
    def change(self, responder, data):
        return b""


@lie("cut")
class Cut(AtStep):
    """MORE: how many bytes stay; negative: how many go."""

    def change(self, responder, data):
        return data[:int(self.more)]


@lie("extra")
class Extra(AtStep):
    """MORE: so many bytes too many, ff each."""

    def change(self, responder, data):
        return data + b"\xff" * int(self.more)


@lie("flip")
class Flip(AtStep):
    """MORE: a byte's place; its lowest bit is wrong. Negative: from the end."""

    def change(self, responder, data):
        at = int(self.more) % len(data)
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


@lie("header-version")
class HeaderVersion(AtStep):
    """MORE: the version in the answer's header, in hex."""

    def change(self, responder, data):
        return bytes([int(self.more, 16)]) + data[1:]


@lie("code")
class Code(AtStep):
    """MORE: the answer's code, in hex."""

    def change(self, responder, data):
        return data[:1] + bytes([int(self.more, 16)]) + data[2:]


@lie("set")
class Set(AtStep):
    """STEP:FIELD:VALUE: one field of the answer is another number, signed as it is."""

    def __init__(self, arg):
        super().__init__(arg)
        self.field, _, self.value = self.more.partition(":")

    def alter(self, responder, request, m):
        if request["code"] == self.code and m["code"] == self.code - 0x80:
            m[self.field] = int(self.value, 0)
