# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP relay that cuts a connection once much has gone one way and the answer begins."""
import socket
import threading


class Cutter:
    """Relays to port. Where a client has sent more than `bytes_`, the next byte that comes back is
    swallowed, cut() is called, and both ends are closed. That happens `times` times."""

    def __init__(self, port, bytes_, cut=None, times=1):
        self.port, self.bytes, self.cut, self.times, self.cuts = port, bytes_, cut, times, 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listening = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.listening}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return
            sent = [0]
            threading.Thread(target=self._up, args=(client, server, sent), daemon=True).start()
            threading.Thread(target=self._down, args=(client, server, sent), daemon=True).start()

    @staticmethod
    def _end(*sockets):
        for each in sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _up(self, client, server, sent):
        try:
            while data := client.recv(65536):
                sent[0] += len(data)
                server.sendall(data)
        except OSError:
            pass
        self._end(client, server)

    def _down(self, client, server, sent):
        try:
            while data := server.recv(65536):
                with self.lock:
                    due = sent[0] > self.bytes and self.cuts < self.times
                    self.cuts += due
                if due:
                    if self.cut:
                        self.cut()
                    break
                client.sendall(data)
        except OSError:
            pass
        self._end(client, server)
