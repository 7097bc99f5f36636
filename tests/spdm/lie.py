# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lie is: where it takes hold of a responder, and the list of all by name."""
import wire

STEPS = {"version": wire.GET_VERSION, "capabilities": wire.GET_CAPABILITIES,
         "algorithms": wire.NEGOTIATE, "digests": wire.GET_DIGESTS,
         "certificate": wire.GET_CERTIFICATE, "challenge": wire.CHALLENGE,
         "measurements": wire.GET_MEASUREMENTS}
ALL = {}  # name -> class
GO_ON = NotImplemented


class Lie:
    """arg: what stands behind the '=', or ''."""

    def __init__(self, arg=""):
        self.arg = arg

    def before(self, responder, request, raw):
        """GO_ON, or what is answered instead (None: nothing)."""
        return GO_ON

    def alter(self, responder, request, m):
        """Bends a message before it is encoded and signed."""

    def sealed(self, responder, request, m, before, data):
        """Bends m["signature"]; before + data is what was signed."""

    def spoil(self, responder, request, data):
        """Bends the bytes, signature included."""
        return data

    def carry(self, payload):
        """Bends the DOE object, or the message with its MCTP type."""
        return payload

    def frame(self, frame):
        """Bends what goes through the socket: command, transport, size, payload."""
        return frame


def lie(name):
    def register(thing):
        ALL[name] = thing
        return thing
    return register


def altering(name, code):
    """A function (responder, request, m, arg) as a lie about messages of this code."""
    def register(function):
        class Altering(Lie):
            def alter(self, responder, request, m):
                if m["code"] == code:
                    function(responder, request, m, self.arg)
        ALL[name] = Altering
        return function
    return register


def sealing(name, code):
    """A function (responder, request, m, before, data), as a lie in a signature."""
    def register(function):
        class Sealing(Lie):
            def sealed(self, responder, request, m, before, data):
                if m["code"] == code:
                    m["signature"] = function(responder, request, m, before, data)
        ALL[name] = Sealing
        return function
    return register


class AtStep(Lie):
    """ARG is STEP[:MORE]."""

    def __init__(self, arg):
        step, _, self.more = arg.partition(":")
        self.code = STEPS[step]
        super().__init__(arg)

    def before(self, responder, request, raw):
        return self.at(responder, request, raw) if request["code"] == self.code else GO_ON

    def at(self, responder, request, raw):
        return GO_ON

    def spoil(self, responder, request, data):
        return self.change(responder, data) if request["code"] == self.code else data

    def change(self, responder, data):
        return data
