# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTPS server that says what a test wants, right or wrong, and the certificates for it."""
import datetime
import http.server
import ipaddress
import os
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A CA, and what it signs, as files below a directory."""

    def __init__(self, folder, title="test CA"):
        self.folder, self.title = folder, title
        os.makedirs(folder, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.cert = self.sign(title, self.key.public_key(), True, [])
        self.ca = self.write("ca.pem", self.cert.public_bytes(serialization.Encoding.PEM))

    def write(self, file, data, mode=0o600):
        path = os.path.join(self.folder, file)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as f:
            f.write(data)
        return path

    def sign(self, subject, public_key, is_ca, names):
        now = datetime.datetime(2020, 1, 1)
        builder = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(self.title))
                   .public_key(public_key).serial_number(x509.random_serial_number())
                   .not_valid_before(now).not_valid_after(datetime.datetime(2099, 1, 1))
                   .add_extension(x509.BasicConstraints(is_ca, None), True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, file, subject="server", names=None):
        """Certificate and key for a server on loopback, or whatever names say: their paths."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))] if names is None else names
        cert = self.sign(subject, key.public_key(), False, names)
        return (self.write(file + ".pem", cert.public_bytes(serialization.Encoding.PEM)),
                self.write(file + ".key", key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())))


class Server:
    """answer(method, path, headers, body) -> (status, media type, bytes[, more headers]). What was
    asked stays in .asked. As a context: runs until it is left."""

    def __init__(self, certificate, key, answer, version=None, client_ca=None):
        server = self
        self.asked, self.answer = [], answer

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.asked.append((self.command, self.path, dict(self.headers), body))
                status, media, data, *more = server.answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                self.send_header("Content-Type", media)
                self.send_header("Content-Length", str(len(data)))
                for key_, value in more[0].items() if more else ():
                    self.send_header(key_, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = do

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # clients that hang up are what is tested
                pass

        self.http = Quiet(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if version:
            context.maximum_version = version
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()
