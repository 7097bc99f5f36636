# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands between a program and a software TPM on its UNIX socket, and sees each command.

before(code, number) is called with the TPM2 command code and its place in the run before
the command goes on: a test changes the host there, at a moment it can name; a benchmark
waits there.
"""
import os
import socket
import threading
import time

PCR_EXTEND, QUOTE = 0x182, 0x158


class Relay:
    def __init__(self, upstream, path, before):
        self.upstream, self.path, self.before = upstream, path, before
        self.commands, self.seconds, self.error = 0, 0.0, None
        os.symlink(upstream + ".ctrl", path + ".ctrl")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def tcti(self):
        return f"swtpm:path={self.path}"

    def serve(self):
        try:
            while True:
                client, _ = self.listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.upstream)
                with client, server:
                    self.relay(client, server)
        except OSError as error:
            self.error = error

    def relay(self, client, server):
        while command := client.recv(65536):
            start = time.monotonic()
            self.commands += 1
            self.before(int.from_bytes(command[6:10], "big"), self.commands)
            server.sendall(command)
            client.sendall(server.recv(65536))
            self.seconds += time.monotonic() - start
