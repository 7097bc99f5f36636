# SPDX-License-Identifier: GPL-3.0-or-later
"""A real holdfastd on loopback, with everything it needs, for tests and benchmarks."""
import hashlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import threading
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scripted import Authority

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODE = os.environ.get("MODE", "release")
PROGRAM = os.path.join(ROOT, "build", MODE, "holdfastd")
ROLES = ("relying-party", "viewer", "operator", "admin")
PATIENCE = 30  # seconds for a start or an end


class Failed(Exception):
    pass


def private_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)


class Setup:
    """What several controllers of one fleet share: CA, ticket key, tokens, anchors, manifests."""

    def __init__(self, folder, anchors, manifests, addresses=None):
        self.folder, self.anchors, self.manifests = folder, anchors, manifests
        self.authority = Authority(os.path.join(folder, "pki"))
        self.ca = self.authority.ca
        self.certificate, self.key = self.authority.issue("server", "holdfastd", addresses)
        self.ticket_key = ec.generate_private_key(ec.SECP256R1())
        self.ticket = self.authority.write("ticket.key", private_pem(self.ticket_key))
        self.ticket_anchor = self.authority.write("ticket.pem", public_pem(self.ticket_key))
        self.tokens = {role: f"{role}-{os.urandom(16).hex()}" for role in ROLES}
        lines = [f"{role} {role} token:{hashlib.sha256(text.encode()).hexdigest()}"
                 for role, text in self.tokens.items()]
        self.tokens_file = self.authority.write("tokens", ("\n".join(lines) + "\n").encode())
        self.secret = self.authority.write("secret.key", os.urandom(32))

    def token_file(self, role):
        return self.authority.write(f"{role}.token", self.tokens[role].encode())

    def arguments(self, store):
        return ["--store", store, "--certificate", self.certificate, "--key", self.key,
                "--ticket-key", self.ticket, "--anchors", self.anchors, "--manifests", self.manifests,
                "--tokens", self.tokens_file, "--secret-key", self.secret]


class Controller:
    """One process. As a context: it ends with it, and has to end well."""

    def __init__(self, setup, store=None, *more, listen="127.0.0.1:0", program=PROGRAM):
        self.setup, self.program, self.listen = setup, program, listen
        self.store = store or os.path.join(setup.folder, "store.sqlite")
        self.more, self.process, self.events = [str(word) for word in more], None, []
        self.arrived = threading.Condition()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        code = self.stop()
        if kind is None and code != 0:
            raise Failed(f"holdfastd ended with {code}\n{self.words()}")

    def start(self):
        self.events = []
        self.process = subprocess.Popen(
            [self.program, *self.setup.arguments(self.store), "--listen", self.listen, *self.more],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self.reader.start()
        self.port = int(self.wait_for("listening")["port"])
        return self

    def _read(self, process):
        for line in process.stderr:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "text", "text": line.rstrip()}
            with self.arrived:
                self.events.append(event)
                self.arrived.notify_all()
        with self.arrived:
            self.events.append({"event": "end"})
            self.arrived.notify_all()

    def words(self):
        return "\n".join(json.dumps(event) for event in self.events[-30:])

    def wait_for(self, name, **fields):
        """The first event of that name with these fields, from the start on."""
        deadline = time.monotonic() + PATIENCE
        with self.arrived:
            seen = 0
            while True:
                for event in self.events[seen:]:
                    if event["event"] == name and all(event.get(k) == v for k, v in fields.items()):
                        return event
                    if event["event"] == "end":
                        raise Failed(f"holdfastd ended before {name}\n{self.words()}")
                seen = len(self.events)
                if not self.arrived.wait(max(0, deadline - time.monotonic())):
                    raise Failed(f"no event {name} within {PATIENCE} s\n{self.words()}")

    def stop(self):
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = "no end after SIGTERM"
        self.reader.join(PATIENCE)
        self.process = None
        return code

    def kill(self):
        """As a power failure would."""
        self.process.kill()
        self.process.wait()
        self.reader.join(PATIENCE)
        self.process = None

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def tls(self, certificate=None, key=None):
        context = ssl.create_default_context(cafile=self.setup.ca)
        if certificate:
            context.load_cert_chain(certificate, key)
        return context

    def ask(self, method, path, body=None, role="admin", media="application/json", headers=None, tls=None):
        """(status, headers, bytes) of one request."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=tls or self.tls(), timeout=60)
        try:
            more = dict(headers or {})
            if role:
                more["Authorization"] = f"Bearer {self.setup.tokens[role]}"
            if body is not None:
                more["Content-Type"] = media
            connection.request(method, path, body=body, headers=more)
            reply = connection.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read()
        finally:
            connection.close()

    def api(self, method, path, content=None, role="admin", status=200):
        """JSON there and back."""
        body = None if content is None else json.dumps(content).encode()
        got, _, data = self.ask(method, path, body, role)
        if got != status:
            raise Failed(f"{method} {path}: {got}, wanted {status}\n{data[:1000]!r}\n{self.words()}")
        return json.loads(data) if data else None
