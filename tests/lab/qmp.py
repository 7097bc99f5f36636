# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU's control socket: commands out, events in."""
import json


class Qmp:
    """Fed with bytes as they arrive; the machine's loop does the reading."""

    def __init__(self, connection):
        self.connection = connection
        self.buffer = b""
        self.events = []
        self.answers = []

    def feed(self, data):
        self.buffer += data
        while b"\n" in self.buffer:
            line, self.buffer = self.buffer.split(b"\n", 1)
            if not line.strip():
                continue
            message = json.loads(line)
            if "QMP" in message:
                self.send("qmp_capabilities")
            elif "event" in message:
                self.events.append(message["event"])
            else:
                self.answers.append(message)

    def send(self, command, identity=None, **arguments):
        message = {"execute": command}
        if identity is not None:
            message["id"] = identity
        if arguments:
            message["arguments"] = arguments
        self.connection.sendall(json.dumps(message).encode() + b"\n")
