# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfastd's outside: start, limits, roles, TLS, end."""
import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import serialization

import harness
import sources
from controller import PROGRAM, Controller, Setup
from scripted import Authority

MAKE = ["holdfastd", "holdfastctl"]


@contextlib.contextmanager
def running(*more, store=None):
    """A controller that knows one owner and one image list."""
    with tempfile.TemporaryDirectory(prefix="holdfast-http.") as folder, \
            harness.Context("owner", folder) as context:
        owner = sources.Owner(context)
        anchors, manifests = os.path.join(folder, "anchors"), os.path.join(folder, "manifests")
        os.makedirs(manifests)
        owner.trust(anchors)
        owner.sign(sources.images(), os.path.join(manifests, "images.corim"))
        setup = Setup(folder, anchors, manifests)
        with Controller(setup, store, *more) as controller:
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


def connect(c, source):
    """TLS from that address of loopback; the reply to a GET says whether it was taken."""
    plain = socket.create_connection(("127.0.0.1", c.port), timeout=30, source_address=(source, 0))
    try:
        return c.tls().wrap_socket(plain, server_hostname="127.0.0.1")
    except BaseException:
        plain.close()
        raise


def is_answered(connection):
    connection.sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
    return connection.recv(1000).startswith(b"HTTP/1.1 200")


def one_address_has_its_share_of_connections():
    # one thread: threads that accept at once may be one too many each
    with running("--address-connections", "6", "--threads", "1") as c, contextlib.ExitStack() as stack:
        held = [stack.enter_context(connect(c, "127.0.0.1")) for _ in range(6)]
        need(all(is_answered(s) for s in held), "no answer below the limit")
        for _ in range(3):
            try:
                taken = is_answered(stack.enter_context(connect(c, "127.0.0.1")))
            except (ssl.SSLError, OSError):
                taken = False
            need(not taken, "a connection more than the address may have")
        other = stack.enter_context(connect(c, "127.0.0.2"))
        need(is_answered(other), "another address is kept out")
        other.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n"
                      % c.setup.tokens["viewer"].encode())
        text = b"".join(iter(lambda: other.recv(65536), b""))
        need(b"\nholdfast_connections_refused_total 3\n" in text, text.decode())
        held.pop().close()
        deadline = time.monotonic() + 30  # until its end is seen there
        while True:
            try:
                with connect(c, "127.0.0.1") as again:
                    need(is_answered(again), "no answer")
                break
            except (ssl.SSLError, OSError):
                need(time.monotonic() < deadline, "an address never gets its share back")
                time.sleep(0.05)


def one_address_has_its_share_of_bodies():
    """It announces as much as all may have together; another one still gets through."""
    with running() as c, contextlib.ExitStack() as stack:
        head = b"POST /v1/agent/held HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        slow = []
        for _ in range(20):
            slow.append(stack.enter_context(connect(c, "127.0.0.1")))
            slow[-1].sendall(head % (32 << 20))
        refused = slow[-1].recv(1000)
        need(refused.startswith(b"HTTP/1.1 503"), f"{refused}")
        other = stack.enter_context(connect(c, "127.0.0.2"))
        other.sendall(head % 100000 + bytes(100000))
        reply = other.recv(1000)
        need(reply.startswith(b"HTTP/1.1 200"), f"another address: {reply}")


def no_limit_where_agents_are_limited_elsewhere():
    with running("--address-connections", "2", "--agent-rate", "0") as c, contextlib.ExitStack() as stack:
        need(all(is_answered(stack.enter_context(connect(c, "127.0.0.1"))) for _ in range(8)), "refused")


def queries():
    """What is not understood is not asked; the parameter is named."""
    with running() as c:
        for path, name in (("/v1/hosts?state=%zz", "state"), ("/v1/hosts?state=%0a", "state"), ("/v1/hosts?state=%4", "state"),
                           ("/v1/hosts?stat=held", "stat"), ("/v1/hosts?state=held&state=held", "state"),
                           ("/v1/hosts?state=held&limit=2&state=in-use", "state"), ("/v1/hosts?state", "state"),
                           ("/v1/hosts?after=" + "a" * 2000, "after"), ("/v1/health?x=1", "x"),
                           ("/v1/hosts?x(y=1", "?"), ("/v1/hosts?" + "x" * 100 + "=1", "?"),
                           ("/v1/hosts/a?verdict=1", "verdict"), ("/v1/hosts/a/evidence?verdict=1&verdict=2", "verdict"),
                           ("/v1/audit/verify?from=1", "from"), ("/v1/hosts?=1", "?"), ("/v1/hosts?after=a%00b", "after")):
            status, _, body = c.ask("GET", path)
            need(status == 400, f"{path}: {status} {body!r}")
            told = json.loads(body)
            need(told["cause"] == "request-refused" and f"parameter {name} " in told["detail"], f"{path}: {told}")
        for path in ("/v1/hosts?state=held&limit=2&after=a", "/v1/hosts?state=h%65ld", "/v1/health"):
            status, _, body = c.ask("GET", path)
            need(status == 200, f"{path}: {status} {body!r}")
        status, _, _ = c.ask("GET", "/v1/hosts?x=1", role=None)
        need(status == 401, f"without a token: {status}")


def verifying_keeps_no_thread():
    """The only thread answers others while the audit is verified; a second verification is refused;
    the end waits for none."""
    import postgres
    with postgres.Postgres() as database, running("--threads", "1", "--connections", "4", store=database.url) as c:
        done = []

        def verify():
            done.append(c.ask("GET", "/v1/audit/verify", role="viewer"))

        with locked(database, "audit"):
            asks = [threading.Thread(target=verify)]
            asks[0].start()
            until_waiting(database)
            for _ in range(3):
                need(c.ask("GET", "/v1/health", role=None)[0] == 200, "no answer")
            status, _, body = c.ask("GET", "/v1/audit/verify", role="viewer")
            need(status == 429 and b"too-many-requests" in body, f"a second one: {status} {body!r}")
            need(not done, "it did not wait")
        asks[0].join(60)
        need(done and done[0][0] == 200 and json.loads(done[0][2])["intact"], f"{done}")
        need(c.ask("GET", "/v1/audit/verify", role="viewer")[0] == 200, "no verification after the first")
        with locked(database, "audit"):
            asks.append(threading.Thread(target=verify))
            asks[1].start()
            until_waiting(database)
            c.process.send_signal(signal.SIGTERM)
            c.wait_for("stopping")
        need(c.stop() == 0, "it did not end well while the audit was verified")


@contextlib.contextmanager
def locked(database, table):
    """Nobody reads it meanwhile."""
    argv = [os.path.join(database.bin, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", database.url]
    holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=database.become,
                              cwd="/")
    try:
        holder.stdin.write(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n")
        holder.stdin.flush()
        while "locked" not in (line := holder.stdout.readline()):
            need(line, "psql ended")
        yield
    finally:
        holder.stdin.close()  # the lock goes with its session
        holder.wait()
        holder.stdout.close()


def until_waiting(database):
    deadline = time.monotonic() + 30
    while database.sql("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0] == "0":
        need(time.monotonic() < deadline, "nobody waits for the lock")
        time.sleep(0.02)


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


def a_slow_handshake_costs_nothing():
    """A client that begins TLS and then thinks for two seconds: nobody asks it again and again."""
    with running() as c:
        def spent():
            with open(f"/proc/{c.process.pid}/stat", encoding="ascii") as f:
                fields = f.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        hello = ssl.MemoryBIO()
        tls = c.tls().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="127.0.0.1")
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        with socket.create_connection(("127.0.0.1", c.port), timeout=30) as slow:
            slow.sendall(hello.read())
            need(slow.recv(100), "no answer to a ClientHello")
            before = spent()
            time.sleep(2)
            need(spent() - before < 0.2, f"{spent() - before:.2f} s of a processor for one client that waits")


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
            return subprocess.run([*words, *more], capture_output=True, text=True, timeout=60, cwd=c.setup.folder)

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
        done = run("--store", ":memory:", remove="--store")
        need(done.returncode == 6 and "':memory:' is no file" in done.stderr, f"{done}")
        need(not os.path.exists(os.path.join(c.setup.folder, ":memory:")), "a file of that name was made")


def an_anchor_is_one_certificate():
    """Of two in a file one would be passed over; the file is named."""
    with running() as c:
        with open(c.setup.ca, "rb") as f:
            one = f.read()
        for role in ("owner", "controller", "ticket"):
            path = os.path.join(c.setup.anchors, role, "two.pem")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(one + one)
            done = subprocess.run([PROGRAM, *c.setup.arguments(c.store), "--listen", "127.0.0.1:0", "--check"],
                                  capture_output=True, text=True, timeout=60)
            need(done.returncode != 0 and f" {role}/two.pem: " in done.stderr and "[key-invalid]" in done.stderr, f"{role}: {done}")
            os.remove(path)


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
         ("http-one-address-has-its-share-of-connections", one_address_has_its_share_of_connections),
         ("http-one-address-has-its-share-of-bodies", one_address_has_its_share_of_bodies),
         ("http-no-limit-where-agents-are-limited-elsewhere", no_limit_where_agents_are_limited_elsewhere),
         ("http-queries", queries), ("http-verifying-keeps-no-thread", verifying_keeps_no_thread),
         ("http-a-revoked-key-is-nobodys", a_revoked_key_is_nobodys),
         ("http-tls-1-3-alone", tls_1_3_alone), ("http-a-slow-handshake-costs-nothing", a_slow_handshake_costs_nothing),
         ("http-too-fast", too_fast),
         ("http-wrong-configuration", wrong_configuration), ("http-an-anchor-is-one-certificate", an_anchor_is_one_certificate),
         ("http-reload", reload_keeps_the_old)]
