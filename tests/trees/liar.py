#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller that lies in one way: `liar.py MODE DIR`.

Writes DIR/ca.pem, prints its port, serves until its standard input ends. An honest answer is
"cC rR LEN SHA256": the number of the connection, of the request on it, and what came.
DIR/client.der, if it is there, is the one client certificate that is taken, and then wanted.
"""
import datetime
import hashlib
import ipaddress
import os
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import debian_python  # noqa: E402

MISSING = debian_python.need("cryptography")
if MISSING:
    sys.exit(f"liar.py needs {MISSING}")
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.x509.oid import NameOID  # noqa: E402

TYPE = "application/cbor"
PEM = serialization.Encoding.PEM


def certificate(name, issuer, issuer_key, key, dates, san=None):
    named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (name, issuer)]
    builder = (x509.CertificateBuilder().subject_name(named[0]).issuer_name(named[1])
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(datetime.datetime(dates[0], 1, 1))
               .not_valid_after(datetime.datetime(dates[1], 1, 1))
               .add_extension(x509.BasicConstraints(ca=san is None, path_length=None), critical=True))
    if san:
        builder = builder.add_extension(x509.SubjectAlternativeName(san), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def make_identity(mode, folder, host):
    """The server's certificate and key as a file, and the CA's beside it."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    dates = {"expired": (2001, 2002), "future": (2090, 2091)}.get(mode, (1980, 2099))
    address = {"other-address": "192.0.2.1", "other-address6": "2001:db8::7"}.get(mode, host)
    san = [x509.IPAddress(ipaddress.ip_address(address))]
    if mode == "named":
        san = [x509.DNSName("controller.example")]
    ca = certificate("lab CA", "lab CA", keys[0], keys[0], (1980, 2099))
    leaf = certificate("lab controller", "lab CA", keys[2 if mode == "other-ca" else 0], keys[1], dates, san)
    if mode == "self-signed":
        leaf = certificate("lab controller", "lab controller", keys[1], keys[1], dates, san)
    with open(os.path.join(folder, "ca.pem"), "wb") as file:
        file.write(ca.public_bytes(PEM))
    path = os.path.join(folder, "server.pem")
    with open(path, "wb") as file:
        file.write(leaf.public_bytes(PEM) + keys[1].private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return path


def make_context(mode, folder, identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    if mode == "tls12":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    client = os.path.join(folder, "client.der")
    if os.path.exists(client):
        with open(client, "rb") as file:
            context.load_verify_locations(cadata=file.read())
        context.verify_flags |= 0x80000    # partial chain: a certificate stands for itself
        context.verify_mode = ssl.CERT_REQUIRED
    if mode == "wants-other-client":
        context.load_verify_locations(os.path.join(folder, "ca.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def read_request(stream):
    """(path, type, body), or None where the other side has nothing more to ask."""
    line = stream.readline().split()
    headers = {}
    while line:
        header = stream.readline().decode().rstrip("\r\n")
        if not header:
            break
        name, value = header.split(":", 1)
        headers[name.lower()] = value.strip()
    if len(line) < 3:
        return None
    return line[1].decode(), headers.get("content-type"), stream.read(int(headers.get("content-length", 0)))


def answer(body, status="200 OK", kind=TYPE, length=None, connection="keep-alive", more=""):
    return (f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: "
            f"{len(body) if length is None else length}\r\nConnection: {connection}\r\n{more}\r\n").encode() + body


def dribble(send, data, stop):
    for byte in data:
        if stop.wait(0.005):
            return
        send(bytes([byte]))


def lie(mode, send, honest, stop):
    """Sends what the mode gives in place of an honest answer; False: then it ends."""
    if mode == "redirect":
        send(answer(b"", "302 Found", more="Location: https://192.0.2.1/\r\n"))
    elif mode == "not-found":
        send(answer(b"no", "404 Not Found"))
    elif mode == "busy":
        send(answer(b"", "503 Service Unavailable"))
    elif mode == "chunked":
        send(f"HTTP/1.1 200 OK\r\nContent-Type: {TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5\r\nhello\r\n0\r\n\r\n".encode())
    elif mode == "no-length":
        send(f"HTTP/1.1 200 OK\r\nContent-Type: {TYPE}\r\n\r\n".encode() + honest)
    elif mode == "other-type":
        send(answer(honest, kind="text/html"))
    elif mode == "no-type":
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    elif mode == "too-large":
        send(answer(bytes(65537)))
    elif mode == "largest":
        send(answer(bytes(65536)))
        return True
    elif mode == "truncated":
        send(answer(honest, length=len(honest) + 10))
    elif mode == "slow":
        dribble(send, answer(bytes(4000)), stop)
    elif mode == "slow-but-done":
        dribble(send, answer(honest), stop)
        return True
    elif mode == "silent":
        stop.wait()
    elif mode == "mid-header":
        send(answer(honest)[:40])
    elif mode == "closes":
        pass
    elif mode == "closes-after":    # although it promised to stay
        send(answer(honest))
    elif mode == "says-close":
        send(answer(honest, connection="close"))
    elif mode == "says-more":
        send(answer(honest) + answer(b"never asked for"))
        return True
    elif mode == "no-http":
        send(b"\xa1\x01\x02 this is no HTTP\r\n\r\n")
    elif mode == "long-header":
        send(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100000 + b"\r\n\r\n")
    elif mode == "many-headers":
        send(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n")
    elif mode == "huge-length":
        send(answer(honest, length=2 ** 64 - 1))
    elif mode == "negative-length":
        send(answer(honest, length=-5))
    else:
        send(answer(honest))
        return True
    return False


def serve(mode, context, sock, number, stop):
    if mode == "truncated-once":
        mode = "truncated" if number == 1 else "silent"
    try:
        if mode == "no-tls":
            sock.recv(4096)
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return
        if mode == "no-handshake":
            stop.wait()
            return
        if mode == "handshake-closes":
            sock.recv(4096)
            return
        with context.wrap_socket(sock, server_side=True) as tls:
            stream = tls.makefile("rb")
            for request in range(1, 1000):
                asked = read_request(stream)
                if not asked:
                    return
                body = asked[2]
                honest = f"c{number} r{request} {len(body)} {hashlib.sha256(body).hexdigest()}".encode()
                if mode == "busy-first" and number == 1:
                    tls.sendall(answer(b"", "503 Service Unavailable"))
                    return
                if not lie(mode, tls.sendall, honest, stop):
                    return
    except (OSError, ValueError):
        pass    # who is lied to may leave
    finally:
        sock.close()


def main():
    mode, folder = sys.argv[1:3]
    host = "::1" if mode.endswith("6") else "127.0.0.1"
    context = make_context(mode, folder, make_identity(mode, folder, host))
    listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    stop = threading.Event()

    def accept():
        number = 0
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            number += 1
            threading.Thread(target=serve, args=(mode, context, sock, number, stop), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()
    stop.set()
    listener.close()
    time.sleep(0.05)


if __name__ == "__main__":
    main()
