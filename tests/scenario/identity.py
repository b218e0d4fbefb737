"""An identity provider for tests: a mock, made here, of the parts of OAuth 2.0 that a mail server
asks ([RFC6749 4.3], RFC 7662); and tokens, signed by Python's cryptography."""
import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import socket
import ssl
import threading
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils

SECRET = bytes(range(64))


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def hash_of(alg):
    return {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[alg[2:]]()


def make_keys():
    rsa_key = rsa.generate_private_key(65537, 2048)
    return {"RS": rsa_key, "PS": rsa_key, "ES256": ec.generate_private_key(ec.SECP256R1()),
            "ES384": ec.generate_private_key(ec.SECP384R1()),
            "ES512": ec.generate_private_key(ec.SECP521R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
            "Ed448": ed448.Ed448PrivateKey.generate()}


KEYS = make_keys()


def key_for(alg):
    return KEYS.get(alg) or KEYS.get(alg[:2])


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)


def key_text(alg):
    """What stands in the file of the key."""
    return base64.b64encode(SECRET) + b"\n" if alg[:2] == "HS" else public_pem(key_for(alg))


def signature(alg, text, key=None):
    if alg[:2] == "HS":
        return hmac.new(key or SECRET, text, hash_of(alg).name).digest()
    key = key or key_for(alg)
    if alg[:2] == "RS":
        return key.sign(text, padding.PKCS1v15(), hash_of(alg))
    if alg[:2] == "PS":
        digest = hash_of(alg)
        return key.sign(text, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    if alg[:2] == "ES":
        r, s = utils.decode_dss_signature(key.sign(text, ec.ECDSA(hash_of(alg))))
        half = (key.curve.key_size + 7) // 8
        return r.to_bytes(half, "big") + s.to_bytes(half, "big")
    return key.sign(text)


def claims(**more):
    now = int(time.time())
    all_of = dict(sub="1", email="alice", iss="https://id.example", iat=now - 10, nbf=now - 10,
                  exp=now + 600)
    all_of.update(more)
    return {name: value for name, value in all_of.items() if value is not None}


def token(alg="HS256", key=None, header=None, body=None, sign=None, **more):
    """A signed token; None as a value takes a claim away."""
    head = {"typ": "JWT", "alg": alg}
    head.update(header or {})
    head = {name: value for name, value in head.items() if value is not None}
    text = f"{b64url(json.dumps(head).encode())}.".encode() + b64url(
        body if body is not None else json.dumps(claims(**more)).encode()).encode()
    return text.decode() + "." + b64url(signature(sign or alg, text, key))


def without_signature(alg="none"):
    head = b64url(json.dumps({"typ": "JWT", "alg": alg}).encode())
    return f"{head}.{b64url(json.dumps(claims()).encode())}."


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.provider.connections.append(self.connection)

    def log_message(self, *args):
        pass

    def reply(self, status, body, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer(dict(urllib.parse.parse_qsl(text)))

    def answer(self, form):
        provider = self.server.provider
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        provider.asked.append((self.command, url.path, query, form, dict(self.headers)))
        given = query.get("token") or query.get("access_token") or form.get("token") or bearer
        if url.path in provider.special:
            provider.special[url.path](self)
        elif url.path == "/grant":
            self.grant(form)
        elif given in provider.tokens:
            self.reply(200, provider.tokens[given])
        elif url.path == "/introspect":
            self.reply(200, {"active": False})      # (RFC 7662 2.2)
        else:
            self.reply(401, {"error": "invalid_token"})

    def grant(self, form):
        provider = self.server.provider
        if form.get("client_secret") != "sesame":
            self.reply(401, {"error": "invalid_client"})
        elif provider.passwords.get(form.get("username")) != form.get("password"):
            self.reply(400, {"error": "invalid_grant"})
        else:
            self.reply(200, {"access_token": f"for-{form['username']}", "expires_in": 60,
                             "token_type": "bearer"})


class Provider:
    """with Provider(folder with cert.pem and key.pem) as provider: ..."""

    def __init__(self, folder, port):
        self.tokens, self.passwords, self.special, self.asked = {}, {}, {}, []
        self.folder, self.port = folder, port
        self.connections = []
        self.server = None

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    def start(self):
        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.server.provider = self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
            # those that are kept open as well
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self.connections.clear()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()
