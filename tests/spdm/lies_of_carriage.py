# SPDX-License-Identifier: GPL-3.0-or-later
"""How messages are carried: pieces, DOE objects, frames."""
import wire
from lie import ALL, GO_ON, Lie, altering, lie


# ---- pieces of large answers ----

@altering("chunk-handle", wire.CHUNK_RESPONSE)
def chunk_handle(responder, request, m, arg):
    m["handle"] ^= 1


@altering("chunk-number", wire.CHUNK_RESPONSE)
def chunk_number(responder, request, m, arg):
    if m["number"]:
        m["number"] += 1


@altering("chunk-size", wire.CHUNK_RESPONSE)
def chunk_size(responder, request, m, arg):
    m["size"] = int(arg or 0x7fffffff)


@altering("chunk-total", wire.CHUNK_RESPONSE)
def chunk_total(responder, request, m, arg):
    m["large_size"] = int(arg or 0xffffffff)


@altering("chunk-empty", wire.CHUNK_RESPONSE)
def chunk_empty(responder, request, m, arg):
    m.update(size=0, data=b"", attributes=0)


@altering("chunk-never-last", wire.CHUNK_RESPONSE)
def chunk_never_last(responder, request, m, arg):
    m["attributes"] = 0


@altering("chunk-early-last", wire.CHUNK_RESPONSE)
def chunk_early_last(responder, request, m, arg):
    m["attributes"] = 1


@lie("chunk-silent")
class ChunkSilent(Lie):
    def before(self, responder, request, raw):
        return None if request["code"] == wire.CHUNK_GET else GO_ON


# ---- around the messages ----

def carrying(name, hook="carry"):
    def register(function):
        class Carrying(Lie):
            answers = 0

            def bend(self, data):
                self.answers += 1
                return data if self.answers < 3 else function(data, self.arg)  # in the middle
        setattr(Carrying, hook, Carrying.bend)
        ALL[name] = Carrying
        return function
    return register


@carrying("doe-length")
def doe_length(payload, arg):
    """ARG: dwords that the object says to have."""
    return payload[:4] + int(arg or 0x3ffff).to_bytes(4, "little") + payload[8:]


@carrying("doe-type")
def doe_type(payload, arg):
    return payload[:2] + bytes([int(arg or wire.DOE_SECURED)]) + payload[3:]


@carrying("doe-vendor")
def doe_vendor(payload, arg):
    return b"\x98\x1e" + payload[2:]


@carrying("doe-padding")
def doe_padding(payload, arg):
    """Not zeros behind the message; a dword more than needed with ARG 'more'."""
    if arg == "more":
        return payload[:4] + (len(payload) // 4 + 1).to_bytes(4, "little") + payload[8:] + bytes(4)
    stripped = payload.rstrip(b"\0")
    return payload if len(payload) - len(stripped) > 3 else \
        stripped + b"\xff" * (len(payload) - len(stripped))


@carrying("mctp-type")
def mctp_type(payload, arg):
    return bytes([int(arg or 6)]) + payload[1:]


@carrying("frame-size", "frame")
def frame_size(frame, arg):
    return frame[:8] + int(arg or 0xffffffff).to_bytes(4, "big") + frame[12:]


@carrying("frame-command", "frame")
def frame_command(frame, arg):
    return int(arg or 0x1234).to_bytes(4, "big") + frame[4:]


@carrying("frame-transport", "frame")
def frame_transport(frame, arg):
    return frame[:4] + int(arg or 9).to_bytes(4, "big") + frame[8:]


@carrying("frame-twice", "frame")
def frame_twice(frame, arg):
    """Answers the next question before it was asked."""
    return frame + frame


@carrying("frame-half", "frame")
def frame_half(frame, arg):
    """Ends inside the frame; whoever waits for the rest waits for ever."""
    return frame[:len(frame) // 2]
