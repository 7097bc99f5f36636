#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller that believes everything, and says what it is told to say: for the agent's tests.

    scripted_controller.py make DIR         its CA, certificate and ticket key
    scripted_controller.py serve DIR        prints "port N"; every request goes to DIR/log.jsonl

DIR/script.json, read again for each request: what it says otherwise than an honest one would.
    challenge, ticket   members that replace its own (bytes as hexadecimal; null: left out)
    release             "tenant" (default), "service", "nothing"
    images              [[name, digest...]...]
    secret              text for the tenant
    refuse              {request: cause}: a signed refusal
    lies                names of the table LIES
    enrol               true: the key is not known until it was enrolled
    silent              [request...]: no answer at all
    status, delay       {request: HTTP status}, {request: seconds}
Written from docs/wire.md, sharing no line with the agent.
"""
import ctypes
import datetime
import http.server
import ipaddress
import json
import os
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import debian_python

debian_python.need("cbor2", "cryptography")
import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

CHALLENGE, RESULT = "application/vnd.holdfast.challenge+cbor", "application/eat+cwt"
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
DONE, REFUSED, CHALLENGED, MUST_ENROL, CREDENTIAL, TICKET = range(6)


def sha256(data):
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def dumps(value):
    return cbor2.dumps(value, canonical=True)


# ---- keys ----

def save_key(path, key):
    with open(path, "wb") as file:
        file.write(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def certificate(name, key, issuer, issuer_key, days=(-400, 4000), ca=False):
    now = datetime.datetime.utcnow()
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now + datetime.timedelta(days=days[0]))
               .not_valid_after(now + datetime.timedelta(days=days[1]))
               .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
    if not ca:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def make(folder, days=(-400, 4000)):
    """ca.pem and ticket.pem are for the image's anchors."""
    os.makedirs(folder, exist_ok=True)
    ca_key, key, ticket, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
    ca = certificate("controllers", ca_key, None, ca_key, ca=True)
    own = certificate("controller", key, ca.subject, ca_key, days)
    for name, data in (("ca.pem", ca.public_bytes(PEM)), ("server.pem", own.public_bytes(PEM)),
                       ("ticket.pem", ticket.public_key().public_bytes(PEM, SPKI))):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
    save_key(os.path.join(folder, "ca.key"), ca_key)
    save_key(os.path.join(folder, "server.key"), key)
    save_key(os.path.join(folder, "ticket.key"), ticket)
    save_key(os.path.join(folder, "other.key"), other)


def load_key(path):
    with open(path, "rb") as file:
        return serialization.load_pem_private_key(file.read(), None)


def sign(key, content_type, payload):
    protected = dumps({1: -7, 3: content_type, 4: sha256(key.public_key().public_bytes(DER, SPKI))})
    signature = key.sign(dumps(["Signature1", protected, b"", payload]), ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(signature)
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big")]))


# ---- what it says ----

def replaced(own, changes):
    """Bytes are written as "hex:..." in the script."""
    for name, value in (changes or {}).items():
        own[name] = bytes.fromhex(value[4:]) if isinstance(value, str) and value.startswith("hex:") else value
    return own


class State:
    def __init__(self, folder):
        self.folder = folder
        self.key, self.other = (load_key(os.path.join(folder, f"{n}.key")) for n in ("ticket", "other"))
        self.nonce, self.reclaim, self.secret, self.id = os.urandom(32), os.urandom(16), os.urandom(32), os.urandom(16)
        self.boot_key, self.enrolled, self.first = b"", False, {}

    def script(self):
        try:
            with open(os.path.join(self.folder, "script.json"), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {}

    def log(self, **entry):
        with open(os.path.join(self.folder, "log.jsonl"), "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def statement(self, script, what, content_type, payload):
        lies = script.get("lies", [])
        if f"{what}-wrong-type" in lies:
            content_type = RESULT if content_type == CHALLENGE else CHALLENGE
        message = sign(self.other if f"{what}-other-key" in lies else self.key, content_type, payload)
        if f"{what}-flipped" in lies:
            message = message[:-70] + bytes([message[-70] ^ 1]) + message[-69:]
        return message

    # ---- result ----

    def result(self, script, fields):
        own = {
            1: fields.get("host"), 2: fields.get("reclaim"), 3: fields.get("ak_name"), 4: fields.get("boot_key"),
            5: fields.get("quote"), 6: fields.get("agent_image"), 8: fields.get("generation"),
            9: fields.get("mode"), 10: fields["release"], 11: fields.get("images"), 12: fields.get("seconds"),
            13: fields.get("cause"), 14: fields.get("place"), 15: fields.get("detail"), 16: fields["kind"],
        }
        claims = {6: fields["time"], 10: fields.get("nonce"), 265: "tag:github.com,2023:veraison/ear",
                  266: {"host": {1000: fields["status"], -70000: {k: v for k, v in own.items() if v is not None}}},
                  1004: {0: "holdfast", 1: "scripted 1"}}
        return self.statement(script, "ticket", RESULT, dumps({k: v for k, v in claims.items() if v is not None}))

    def refusal(self, script, cause, **more):
        fields = {"time": int(time.time()), "status": 96, "release": "nothing", "kind": "gate", "cause": cause,
                  "host": "host-1", **more}
        return {1: 1, 2: REFUSED, 3: self.result(script, replaced(fields, script.get("refusal")))}

    # ---- requests ----

    def challenge(self, script, body, boot_key):
        request = cbor2.loads(body)
        self.boot_key = boot_key
        if script.get("enrol") and not self.enrolled:
            return {1: 1, 2: MUST_ENROL}
        own = replaced({"nonce": self.nonce, "time": int(time.time()), "reclaim": self.reclaim, "host": "host-1",
                        "ak_name": b"\x00\x0b" + sha256(request[2]), "boot_key": boot_key, "seconds": 600},
                       script.get("challenge"))
        names = ("nonce", "time", "reclaim", "host", "ak_name", "boot_key", "seconds")
        payload = dumps({n + 1: own[name] for n, name in enumerate(names) if own[name] is not None})
        return {1: 1, 2: CHALLENGED, 3: self.statement(script, "challenge", CHALLENGE, payload)}

    def enrol(self, script, body, _):
        """The wrapping is tpm2-tools', which need no TPM for it."""
        request = cbor2.loads(body)
        path = os.path.join(self.folder, "credential")
        with open(f"{path}.ek", "wb") as file:
            file.write(len(request[3][0][0]).to_bytes(2, "big") + request[3][0][0])
        with open(f"{path}.secret", "wb") as file:
            file.write(self.secret)
        name = "000b" + (sha256(b"another") if "credential-other-name" in script.get("lies", []) else
                         sha256(request[2])).hex()
        subprocess.run(["tpm2_makecredential", "-T", "none", "-u", f"{path}.ek", "-s", f"{path}.secret", "-n", name,
                        "-o", f"{path}.out"], check=True, capture_output=True)
        with open(f"{path}.out", "rb") as file:
            blob = file.read()[8:]
        half = 2 + int.from_bytes(blob[:2], "big")
        return {1: 1, 2: CREDENTIAL, 4: self.id, 5: 0, 6: blob[:half], 7: blob[half:]}

    def activate(self, script, body, _):
        request = cbor2.loads(body)
        self.enrolled = request[3] == self.id and request[4] == self.secret
        return {1: 1, 2: DONE} if self.enrolled else self.refusal(script, "credential-refused")

    def evidence(self, script, body, boot_key):
        members = {k: v[1] for k, v in cbor2.loads(body).items() if isinstance(v, list)}
        for name in ("quote.attest", "ak.pub", "boot-key.der"):
            with open(os.path.join(self.folder, f"got-{name}"), "wb") as file:
                file.write(members[name])
        release = script.get("release", "tenant")
        common = {"ak_name": b"\x00\x0b" + sha256(members["ak.pub"]), "boot_key": boot_key,
                  "quote": sha256(members["quote.attest"]), "nonce": members["nonce.bin"], "reclaim": self.reclaim}
        if release == "nothing":
            return self.refusal(script, script.get("cause", "firmware-unknown"), **common)
        fields = {"time": int(time.time()), "status": 2 if release == "tenant" else 96, "kind": "gate",
                  "host": "host-1", "agent_image": "gate-1", "generation": 7, "mode": "enforce", "release": release,
                  "images": [[i[0], *map(bytes.fromhex, i[1:])] for i in script.get("images", [])], "seconds": 300,
                  "cause": None if release == "tenant" else "firmware-old", **common}
        fields = replaced(fields, script.get("ticket"))
        if "ticket-yesterdays" in script.get("lies", []):	# signed well, for another boot: all of it
            path = os.path.join(self.folder, "yesterday")
            if os.path.exists(path):
                with open(path, "rb") as file:
                    return {1: 1, 2: TICKET, 3: file.read()}
        message = self.result(script, fields)
        with open(os.path.join(self.folder, "yesterday"), "wb") as file:
            file.write(message)
        reply = {1: 1, 2: TICKET, 3: message}
        if script.get("secret"):
            reply[8] = script["secret"].encode()
        return reply

    def receipt(self, script, body, _):
        cbor2.loads(body)
        return {1: 1, 2: DONE}

    def held(self, script, body, _):
        members = {k: v[1] for k, v in cbor2.loads(body).items() if isinstance(v, list)}
        for name, data in members.items():
            path = os.path.join(self.folder, "held")
            os.makedirs(path, exist_ok=True)
            with open(os.path.join(path, name), "wb") as file:
                file.write(data)
        return {1: 1, 2: DONE}


def answer(state, script, what, body, boot_key):
    if what in script.get("refuse", {}):
        return dumps(state.refusal(script, script["refuse"][what]))
    reply = dumps(getattr(state, what)(script, body, boot_key))
    lies = script.get("lies", [])
    if f"{what}-cut" in lies:
        return reply[:-9]
    if f"{what}-tail" in lies:
        return reply + b"\0"
    if f"{what}-other-kind" in lies:
        return dumps({1: 1, 2: DONE})
    return reply


# ---- HTTPS ----

WHATS = ("challenge", "enrol", "activate", "evidence", "receipt", "held")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def boot_key(self):
        der = self.connection.getpeercert(binary_form=True)
        return sha256(x509.load_der_x509_certificate(der).public_key().public_bytes(DER, SPKI)) if der else b""

    def do_POST(self):
        state, what = self.server.state, self.path.rsplit("/", 1)[-1]
        script = state.script()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        state.log(what=what, bytes=len(body), type=self.headers["Content-Type"], key=self.boot_key().hex())
        if what in script.get("silent", []):
            self.close_connection = True
            self.connection.close()
            return
        if what not in WHATS:
            self.send_error(404)
            return
        time.sleep(script.get("delay", {}).get(what, 0))
        status = script.get("status", {}).get(what, 200)
        reply = answer(state, script, what, body, self.boot_key())
        if f"{what}-half" in script.get("lies", []):	# the connection ends in the middle of it
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\nContent-Length: %d\r\n\r\n" %
                             len(reply) + reply[:len(reply) // 2])
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/cbor")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
def any_certificate(_store, _arg):
    return 1


def context(folder):
    """Asks for the client's certificate and takes any: Python's own switch for that is missing."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))
    made.verify_mode = ssl.CERT_OPTIONAL
    library = ctypes.CDLL("libssl.so.3")
    pointer = ctypes.c_void_p.from_address(id(made) + object.__basicsize__)
    library.SSL_CTX_set_cert_verify_callback.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    library.SSL_CTX_set_cert_verify_callback(pointer, any_certificate, None)
    return made


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.state, self.tls = State(folder), context(folder)

    def finish_request(self, request, client_address):
        try:
            wrapped = self.tls.wrap_socket(request, server_side=True)
        except (ssl.SSLError, OSError) as error:
            self.state.log(what="handshake", error=str(error))
            return
        try:
            self.RequestHandlerClass(wrapped, client_address, self)
        except (ssl.SSLError, OSError) as error:
            self.state.log(what="connection", error=str(error))
        finally:
            try:
                wrapped.unwrap()
            except (ssl.SSLError, OSError, ValueError):
                pass
            wrapped.close()


def serve(folder):
    server = Server(folder)
    print(f"port {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    {"make": make, "serve": serve}[sys.argv[1]](sys.argv[2])
