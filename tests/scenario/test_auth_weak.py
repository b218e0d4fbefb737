"""auth_allow_weak_schemes: stored passwords that are easily guessed are reported, or refused."""
import base64
import crypt
import hashlib
import imaplib
import json

import culver

WORD = b"secret"
USERS = {
    "alice": "{PLAIN}secret",
    "md5": "{MD5-CRYPT}" + crypt.crypt("secret", "$1$saltsalt$"),
    "des": "{CRYPT}" + crypt.crypt("secret", "sa"),
    "hex": "{PLAIN-MD5}" + hashlib.md5(WORD).hexdigest(),
    "ssha": "{SSHA}" + base64.b64encode(hashlib.sha1(WORD + b"salt").digest() + b"salt").decode(),
    "good": "{SSHA512}" + base64.b64encode(
        hashlib.sha512(WORD + b"salt").digest() + b"salt").decode(),
    "crypt6": "{CRYPT}" + crypt.crypt("secret", "$6$rounds=1000$saltsalt$"),
}
WEAK = {"md5": "MD5-CRYPT", "des": "CRYPT", "hex": "PLAIN-MD5", "ssha": "SSHA"}
REFUSED = [name for name in USERS if name in WEAK]


def start(make_server, value, users=None, more=""):
    extra = more + (f"auth_allow_weak_schemes = {value}\n" if value else "")
    server = make_server(extra=extra)
    path = server.dir / "users"
    path.write_text("".join(f"{name}:{stored}\n" for name, stored in (users or USERS).items()))
    return server


def login(server, name, password="secret"):
    client = imaplib.IMAP4("127.0.0.1", server.imap_port)
    try:
        return client.login(name, password)[0], b""
    except imaplib.IMAP4.error as error:
        return "NO", error.args[0]
    finally:
        client.shutdown()


def lines(server):
    return [line for line in server.log.splitlines() if "weak" in line]


def test_each_is_reported_once(make_server):
    server = start(make_server, None)
    for _ in range(2):
        for name in USERS:
            assert login(server, name)[0] == "OK", name
    warned = [line for line in lines(server) if "Warning" in line]
    assert len(warned) == len(WEAK)
    for scheme in WEAK.values():
        assert len([line for line in warned if f"kept as {scheme}," in line]) == 1
    assert not any("kept as PLAIN," in line for line in lines(server))


def test_no_refuses_who_has_the_right_password(make_server):
    server = start(make_server, "no", more="auth_cache_size = 1 M\n")
    for _ in range(2):
        for name in USERS:
            status, text = login(server, name)
            assert status == ("NO" if name in REFUSED else "OK"), name
            if status == "NO":
                assert b"must be set anew" in text
    for name in REFUSED:
        told = [line for line in lines(server) if f"{name}: refused" in line or
                (f"{name}" in line and "refused" in line)]
        assert told and "culveradm pw" in told[0] and WEAK[name] in told[0]
    # who guesses learns nothing
    status, text = login(server, "md5", "wrong")
    assert status == "NO" and b"set anew" not in text


def test_yes_is_silent(make_server):
    server = start(make_server, "yes")
    for name in USERS:
        assert login(server, name)[0] == "OK", name
    assert not lines(server)


def test_sha512_crypt_as_default(make_server):
    stored = crypt.crypt("secret", "$6$rounds=1000$saltsalt$")
    config = culver.CONFIG.replace("scheme=PLAIN", "scheme=SHA512-CRYPT")
    server = make_server(config=config)
    (server.dir / "users").write_text(f"alice:{stored}\nbob:{{PLAIN}}other\nodd:secret\n")
    assert login(server, "alice")[0] == "OK"
    assert login(server, "alice", "wrong")[0] == "NO"
    assert login(server, "bob", "other")[0] == "OK"
    assert login(server, "odd")[0] == "NO"


def test_the_list_says_which_are_weak(make_server):
    server = make_server()
    rows = {row["scheme"]: row["weak"] for row in
            json.loads(server.adm("-f", "json", "pw", "-l").stdout)}
    assert all(rows[name] == "yes" for name in ("MD5-CRYPT", "SSHA", "PLAIN-MD5", "PLAIN"))
    assert all(rows[name] == "no" for name in ("SSHA512", "SHA512-CRYPT", "ARGON2ID"))
