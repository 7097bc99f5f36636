# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfastd's outside: start, limits, roles, TLS, end."""
import contextlib
import hashlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import serialization

import harness
import sources
from controller import PROGRAM, Controller, Setup
from scripted import Authority

MAKE = ["holdfastd", "holdfastctl"]


@contextlib.contextmanager
def running(*more):
    """A controller that knows one owner and one image list."""
    with tempfile.TemporaryDirectory(prefix="holdfast-http.") as folder, \
            harness.Context("owner", folder) as context:
        owner = sources.Owner(context)
        anchors, manifests = os.path.join(folder, "anchors"), os.path.join(folder, "manifests")
        os.makedirs(manifests)
        owner.trust(anchors)
        owner.sign(sources.images(), os.path.join(manifests, "images.corim"))
        setup = Setup(folder, anchors, manifests)
        with Controller(setup, None, *more) as controller:
            yield controller


def need(condition, words):
    if not condition:
        raise AssertionError(words)


def paths_and_roles():
    with running() as c:
        for method, path, role, wanted in (
                ("GET", "/", "admin", 404), ("GET", "/v1/hosts/a/b/result", "admin", 404),
                ("GET", "/v1/hosts/%00/result", "admin", 404), ("GET", "/v1/hosts/%2e%2e%2fx/result", "admin", 404),
                ("GET", "/v1/hosts/%zz/result", "admin", 404), ("GET", "/v1/hosts//result", "admin", 404),
                ("PATCH", "/v1/hosts/a/result", "admin", 405), ("GET", "/v1/agent/challenge", "admin", 405),
                ("GET", "/v1/hosts/a/result", None, 401), ("GET", "/v1/hosts/a/drift", "relying-party", 403),
                ("POST", "/v1/agent/challenge", "admin", 403)):
            status, _, body = c.ask(method, path, b"" if method == "POST" else None, role)
            need(status == wanted, f"{method} {path} as {role}: {status}, wanted {wanted}: {body!r}")
        status, _, _ = c.ask("GET", "/v1/hosts/a/result", role=None,
                             headers={"Authorization": "Bearer " + "x" * 600})
        need(status == 401, f"a long token: {status}")


def bodies():
    with running() as c:
        key = Authority(os.path.join(c.setup.folder, "agent")).issue("agent")
        tls = c.tls(*key)
        status, _, _ = c.ask("POST", "/v1/agent/challenge", bytes(20000), role=None, tls=tls)
        need(status == 413, f"a large body: {status}")
        status, _, _ = c.ask("POST", "/v1/agent/challenge", iter([b"abc", b"def"]), role=None, tls=tls,
                             headers={"Transfer-Encoding": "chunked"})
        need(status == 411, f"chunks: {status}")
        status, headers, body = c.ask("POST", "/v1/agent/challenge", b"\xa0", role=None, tls=tls,
                                      media="application/cbor")
        need(status == 200 and headers["Content-Type"] == "application/cbor" and body, f"{status} {headers}")
        need(headers["Content-Length"] == str(len(body)), f"{headers}")


def large_bodies_keep_no_operator_out():
    """More clients than there is room for announce the largest body and send one byte of it."""
    with running() as c:
        c.api("POST", "/v1/hosts", [{"id": "host-1", "model": "model"}])
        with contextlib.ExitStack() as stack:
            for _ in range(24):
                slow = stack.enter_context(c.tls().wrap_socket(socket.create_connection(("127.0.0.1", c.port)),
                                                               server_hostname="127.0.0.1"))
                slow.sendall(b"POST /v1/agent/held HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nx" % (32 << 20))
            c.api("POST", "/v1/hosts/host-1/hold", {"why": "urgent"})


def a_revoked_key_is_nobodys():
    """Also on a connection that was open before."""
    with running() as c:
        certificate, key = Authority(os.path.join(c.setup.folder, "robot")).issue("robot")
        with open(certificate, "rb") as f:
            spki = x509.load_pem_x509_certificate(f.read()).public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        with open(c.setup.tokens_file) as f:
            before = f.read()
        with open(c.setup.tokens_file, "a") as f:
            f.write(f"robot viewer key:{hashlib.sha256(spki).hexdigest()}\n")
        c.process.send_signal(signal.SIGHUP)
        c.wait_for("reloaded")
        connection = http.client.HTTPSConnection("127.0.0.1", c.port, context=c.tls(certificate, key), timeout=60)
        connection.request("GET", "/v1/hosts")
        reply = connection.getresponse()
        need(reply.status == 200 and reply.read(), f"its key: {reply.status}")
        with open(c.setup.tokens_file, "w") as f:
            f.write(before)
        c.events.clear()
        c.process.send_signal(signal.SIGHUP)
        c.wait_for("reloaded")
        connection.request("GET", "/v1/hosts")
        reply = connection.getresponse()
        need(reply.status == 401 and reply.read(), f"its key after it was taken out: {reply.status}")
        connection.close()


def tls_1_3_alone():
    with running() as c:
        old = ssl.create_default_context(cafile=c.setup.ca)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            c.ask("GET", "/", tls=old)
        except (ssl.SSLError, ConnectionError):
            pass
        else:
            raise AssertionError("TLS 1.2 was taken")
        with socket.create_connection(("127.0.0.1", c.port), timeout=30) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            need(b"HTTP" not in plain.recv(1000), "plain text was answered")


def too_fast():
    with running("--agent-rate", "2") as c:
        seen = {c.ask("POST", "/v1/agent/receipt", b"\xa0", role=None, media="application/cbor")[0]
                for _ in range(30)}
        need(503 in seen and 200 in seen, f"of 30 in a row: {seen}")


def wrong_configuration():
    with running() as c:
        good = [PROGRAM, *c.setup.arguments(c.store), "--listen", "127.0.0.1:0"]

        def run(*more, remove=None):
            words = list(good)
            if remove:
                at = words.index(remove)
                del words[at:at + 2]
            return subprocess.run([*words, *more], capture_output=True, text=True, timeout=60)

        done = run("--check")
        need(done.returncode == 0 and "good" in done.stdout, f"{done}")
        for words, remove, wanted in (((), "--listen", "--listen"), (("--listen", "nowhere"), None, "listen"),
                                      (("--threads", "0"), None, "--threads"), (("--no-such", "1"), None, "--no-such"),
                                      (("--key", "/nonexistent"), None, "nonexistent"),
                                      (("--certificate", c.setup.ticket), None, "TLS"),
                                      (("--ticket-key", c.setup.ca), None, "--ticket-key"),
                                      (("--anchors", "/nonexistent"), None, "nonexistent"),
                                      (("--webhook", "ftp://x"), None, "--webhook")):
            done = run(*words, remove=remove)
            need(done.returncode in (2, 3) and wanted in done.stderr and "next:" in done.stderr,
                 f"{words} without {remove}: {done.returncode}\n{done.stderr}")


def reload_keeps_the_old():
    with running() as c:
        tokens = open(c.setup.tokens_file, encoding="ascii").read()
        c.setup.authority.write("tokens", b"broken\n")
        c.process.send_signal(1)
        c.wait_for("reload-failed")
        need(c.ask("GET", "/v1/hosts/a/drift", role="viewer")[0] != 401, "the old tokens are gone")
        c.setup.authority.write("tokens", tokens.replace("viewer viewer", "viewer relying-party").encode())
        c.process.send_signal(1)
        c.wait_for("reloaded")
        need(c.ask("GET", "/v1/hosts/a/drift", role="viewer")[0] == 403, "the new tokens are not taken")


CASES = [("http-paths-and-roles", paths_and_roles), ("http-bodies", bodies),
         ("http-large-bodies-keep-no-operator-out", large_bodies_keep_no_operator_out),
         ("http-a-revoked-key-is-nobodys", a_revoked_key_is_nobodys),
         ("http-tls-1-3-alone", tls_1_3_alone), ("http-too-fast", too_fast),
         ("http-wrong-configuration", wrong_configuration), ("http-reload", reload_keeps_the_old)]
