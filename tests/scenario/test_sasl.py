"""SASL mechanisms over IMAP, with second implementations as clients: GNU SASL
(gsasl), and a few lines of Python for what it does not do."""
import base64
import hashlib
import hmac
import imaplib
import json
import shutil
import socket
import ssl
import subprocess
import unicodedata

import pytest

import culver

GSASL = shutil.which("gsasl")
needs_gsasl = pytest.mark.skipif(not GSASL, reason="gsasl is not installed")

SCRAMS = "auth_mechanisms = plain scram-sha-1 scram-sha-256"
PLUS = SCRAMS + " scram-sha-1-plus scram-sha-256-plus"


def gsasl(server, mechanism, *args, user="alice", password="secret", tls=False):
    """Whether gsasl gets in."""
    command = [GSASL, "--imap", "-m", mechanism, "-a", user, "-p", password,
               "--hostname=localhost", "--service=imap", "--verbose"]
    command += ["--starttls", f"--x509-ca-file={server.dir}/cert.pem"] if tls \
        else ["--no-starttls"]
    done = subprocess.run([*command, *args, f"--connect=localhost:{server.imap_port}"],
                          input="", capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    return done.returncode == 0 and "Client authentication finished" in said, said


def capability(server, tls=False):
    client = server.imap(tls=tls, login=False)
    said = client.capability()[1][0].decode()
    client.logout()
    return {word[5:] for word in said.split() if word.startswith("AUTH=")}


class Client:
    """IMAP lines, in base64 where SASL has it."""

    def __init__(self, server, version=None):
        self.sock = socket.create_connection(("127.0.0.1", server.imaps_port
                                              if version else server.imap_port), 20)
        if version:
            context = ssl._create_unverified_context()
            context.minimum_version = context.maximum_version = version
            self.sock = context.wrap_socket(self.sock)
        self.file = self.sock.makefile("rb")
        assert self.file.readline().startswith(b"* OK")

    def send(self, data):
        self.sock.sendall(base64.b64encode(data) + b"\r\n")

    def begin(self, mechanism, initial=None):
        line = f"a AUTHENTICATE {mechanism}"
        if initial is not None:
            line += " " + (base64.b64encode(initial).decode() or "=")
        self.sock.sendall(line.encode() + b"\r\n")
        return self.answer()

    def answer(self):
        """A challenge, as bytes, or the tagged line, as text."""
        line = self.file.readline()
        while line.startswith(b"* "):
            line = self.file.readline()
        if line.startswith(b"+ "):
            return base64.b64decode(line[2:])
        return line.decode().strip()

    def exchange(self, data):
        self.send(data)
        return self.answer()

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def scram(client, password, user="alice", mechanism="SCRAM-SHA-256", header=b"n,,",
          binding=b""):
    """A whole exchange; what the server said at the end."""
    name = "sha256" if "256" in mechanism else "sha1"
    bare = f"n={user},r=fyko+d2lbbFg".encode()
    first = client.begin(mechanism, header + bare)
    if isinstance(first, str):
        return first
    fields = dict(part.split("=", 1) for part in first.decode().split(","))
    salted = hashlib.pbkdf2_hmac(name, password.encode(), base64.b64decode(fields["s"]),
                                 int(fields["i"]))
    channel = base64.b64encode(header + binding).decode()
    final = f"c={channel},r={fields['r']}".encode()
    message = b",".join((bare, first, final))

    def mac(key, text):
        return hmac.new(key, text, name).digest()

    key = mac(salted, b"Client Key")
    proof = xor(key, mac(hashlib.new(name, key).digest(), message))
    verdict = client.exchange(final + b",p=" + base64.b64encode(proof))
    if isinstance(verdict, str):
        return verdict
    assert verdict == b"v=" + base64.b64encode(mac(mac(salted, b"Server Key"), message))
    return client.exchange(b"")


def challenge_of(server, user):
    """Salt and count of a user; the exchange is given up after that."""
    with Client(server) as client:
        first = client.begin("SCRAM-SHA-256", f"n,,n={user},r=abc".encode())
        client.sock.sendall(b"*\r\n")
        assert client.answer().startswith("a BAD")
        # and the connection is as good as before
        assert scram(client, "secret").startswith("a OK")
    return first.decode().split(",", 1)[1]


@needs_gsasl
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_scram_with_gsasl(make_server, mechanism):
    server = make_server(extra=SCRAMS + "\n")
    assert mechanism in capability(server)
    good, said = gsasl(server, mechanism)
    assert good, said
    assert not gsasl(server, mechanism, password="wrong")[0]
    assert not gsasl(server, mechanism, user="nobody")[0]


@needs_gsasl
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"])
def test_scram_plus_with_gsasl(make_server, mechanism):
    server = make_server(extra=PLUS + "\n")
    assert mechanism not in capability(server)
    assert mechanism in capability(server, tls=True)
    good, said = gsasl(server, mechanism, tls=True)
    assert good, said
    assert not gsasl(server, mechanism, password="wrong", tls=True)[0]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_bindings_of_each_type(make_server, version):
    server = make_server(extra=PLUS + "\n")
    der = ssl.PEM_cert_to_DER_cert((server.dir / "cert.pem").read_text())
    end_point = hashlib.sha256(der).digest()
    with Client(server, version) as client:
        assert scram(client, "secret", mechanism="SCRAM-SHA-256-PLUS",
                     header=b"p=tls-server-end-point,,", binding=end_point) \
            .startswith("a OK")
    with Client(server, version) as client:
        assert scram(client, "secret", mechanism="SCRAM-SHA-256-PLUS",
                     header=b"p=tls-server-end-point,,", binding=b"\0" * 32) \
            .startswith("a NO")
    with Client(server, version) as client:
        said = scram(client, "secret", mechanism="SCRAM-SHA-1-PLUS",
                     header=b"p=tls-unique,,",
                     binding=client.sock.get_channel_binding("tls-unique"))
        # TLS 1.3 has no such thing [RFC9266 3]
        assert said.startswith("a OK" if version == ssl.TLSVersion.TLSv1_2 else "a NO")


def test_a_list_without_plus_is_seen(make_server):
    """[RFC5802 6] y: the client could, and was told that the server cannot."""
    server = make_server(extra=PLUS + "\n")
    with Client(server, ssl.TLSVersion.TLSv1_3) as client:
        assert scram(client, "secret", header=b"y,,").startswith("a NO")
        assert scram(client, "secret", header=b"n,,").startswith("a OK")
    assert culver.wait_for(lambda: "list of mechanisms was changed" in server.log)
    # without TLS it is true
    with Client(server) as client:
        assert scram(client, "secret", header=b"y,,").startswith("a OK")


def test_strangers_are_answered_as_users_are(make_server):
    server = make_server(extra=SCRAMS + "\n")
    known, unknown = challenge_of(server, "alice"), challenge_of(server, "nobody")
    assert known != unknown and len(known) == len(unknown)
    assert known.rpartition(",")[2] == unknown.rpartition(",")[2] == "i=4096"
    # the same each time, after a restart, too
    assert unknown == challenge_of(server, "nobody")
    server.stop()
    server.start()
    assert unknown == challenge_of(server, "nobody")
    for user in ("alice", "nobody"):
        with Client(server) as client:
            assert scram(client, "of nobody", user=user) \
                == "a NO [AUTHENTICATIONFAILED] Authentication failed."


def test_a_hash_is_of_no_use_and_the_log_says_so(make_server):
    server = make_server(extra=SCRAMS + "\n", users={"alice": "secret", "bob": "x"})
    (server.dir / "users").write_text(
        "alice:{PLAIN}secret\nbob:{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=\n")
    with Client(server) as client:
        assert scram(client, "secret", user="bob").startswith("a NO")
    assert culver.wait_for(lambda: "of scheme SHA256: it has to be SCRAM-SHA-256, or PLAIN"
                           in server.log)


@needs_gsasl
def test_keys_that_gsasl_has_made(make_server):
    server = make_server(extra=SCRAMS + "\nauth_cache_size = 1M\n")
    stored = subprocess.run([GSASL, "--mkpasswd", "-m", "SCRAM-SHA-256", "-p", "secret",
                             "--iteration-count=5000"], capture_output=True, text=True,
                            check=True).stdout.strip()
    ours = server.adm("pw", "-s", "SCRAM-SHA-256", "-p", "secret").stdout.strip()
    (server.dir / "users").write_text(f"alice:{stored}\nbob:{ours}\n")
    for user in ("alice", "bob", "alice", "bob"):
        for password, verdict in (("secret", "a OK"), ("wrong", "a NO")):
            with Client(server) as client:
                assert scram(client, password, user=user).startswith(verdict)
    # keys of the one digest are none of the other
    with Client(server) as client:
        assert scram(client, "secret", mechanism="SCRAM-SHA-1").startswith("a NO")
    # PLAIN goes on with the same stored form
    assert server.imap(user="alice").noop()[0] == "OK"


def test_the_master_user_proves_their_own_password(make_server, tmp_path):
    masters = tmp_path / "masters"
    masters.write_text("boss:{PLAIN}bosspass\n")
    culver.open_to_all(tmp_path)
    server = make_server(config=culver.CONFIG.replace("passdb {", """passdb {{
  driver = passwd-file
  args = MASTERS
  master = yes
  pass = yes
}}
passdb {""".replace("MASTERS", str(masters)), 1), extra=SCRAMS + "\nauth_master_user_separator = *\n")
    for password, verdict in (("bosspass", "a OK"), ("secret", "a NO"), ("", "a NO")):
        with Client(server) as client:
            assert scram(client, password, user="boss", header=b"n,a=alice,") \
                .startswith(verdict)


def test_faults_in_the_talk(make_server):
    server = make_server(extra=SCRAMS + "\n")
    with Client(server) as client:
        assert client.begin("SCRAM-SHA-256") == b""
        assert client.exchange(b"").startswith("a BAD")
        assert client.begin("SCRAM-SHA-256", b"").startswith("a BAD")
        assert client.begin("SCRAM-SHA-256", b"n,,n=alice,r=" + b"x" * 1025) \
            .startswith("a BAD")
        assert scram(client, "wrong").startswith("a NO")
    with Client(server) as client:
        assert scram(client, "secret").startswith("a OK")


@needs_gsasl
@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "DIGEST-MD5"])
def test_md5_with_gsasl(make_server, mechanism):
    server = make_server(extra="auth_mechanisms = plain cram-md5 digest-md5\n")
    assert mechanism in capability(server)
    args = ["--quality-of-protection=qop-auth", "-r", ""] if "DIGEST" in mechanism else []
    good, said = gsasl(server, mechanism, *args)
    assert good, said
    assert not gsasl(server, mechanism, *args, password="wrong")[0]
    assert not gsasl(server, mechanism, *args, user="nobody")[0]
    # [RFC4422 3] the server begins
    with Client(server) as client:
        assert client.begin(mechanism, b"alice x").startswith("a BAD")


def folded(password):
    """As clients prepare it [RFC4013]: gsasl does so, and Python has the parts."""
    return unicodedata.normalize("NFKC", password.replace("\u00ad", ""))


def unprepared(password, salt=b"0123456789abcdef"):
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    client, server = (hmac.new(salted, label, "sha256").digest()
                      for label in (b"Client Key", b"Server Key"))
    parts = (salt, hashlib.sha256(client).digest(), server)
    return "{SCRAM-SHA-256}4096," + ",".join(base64.b64encode(p).decode() for p in parts)


def test_passwords_in_other_spellings(make_server):
    """SASLprep where the hash is made and where PLAIN is checked with it."""
    typed = "p\u00adass\u2168-a\u0308\u00a0x"
    clean = folded(typed)
    assert clean not in (typed, "")
    server = make_server(extra=SCRAMS + "\n")
    stored = server.adm("pw", "-s", "SCRAM-SHA-256", "-p", typed).stdout.strip()
    (server.dir / "users").write_text(f"alice:{stored}\nbob:{stored}\n"
                                      f"carol:{unprepared(typed)}\n")
    # others have stored without preparing: it goes on as PLAIN
    for password, verdict in ((typed, "a OK"), (clean, "a NO")):
        with Client(server) as client:
            assert client.begin("PLAIN", f"\0carol\0{password}".encode()) \
                .startswith(verdict)
    for user in ("alice", "bob"):
        with Client(server) as client:
            assert scram(client, clean, user=user).startswith("a OK")
        for password, verdict in ((typed, "a OK"), (clean, "a OK"), (clean + "x", "a NO")):
            with Client(server) as client:
                assert client.begin("PLAIN", f"\0{user}\0{password}".encode()) \
                    .startswith(verdict)
    done = server.adm("pw", "-s", "SCRAM-SHA-1", "-p", "a\a", check=False)
    assert done.returncode == 75 and "U+0007 is not allowed" in done.stderr


@needs_gsasl
def test_passwords_that_gsasl_prepares(make_server):
    server = make_server(extra=SCRAMS + "\n")
    stored = server.adm("pw", "-s", "SCRAM-SHA-256", "-p", "a\u0308\u2168").stdout.strip()
    (server.dir / "users").write_text(f"alice:{stored}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LC_ALL", "C.UTF-8")
        for typed in ("a\u0308\u2168", "\u00e4IX"):
            good, said = gsasl(server, "SCRAM-SHA-256", password=typed)
            assert good, said
        assert not gsasl(server, "SCRAM-SHA-256", password="aIX")[0]


def test_app_passwords_by_their_scheme(make_server):
    """CRAM-MD5's two names, and the secret of SCRAM with and without -PLUS."""
    block = "passdb {{\n  driver = apppassword\n  args = {dir}/app/%u\n}}\n"
    server = make_server(extra=PLUS + " cram-md5\n",
                         config=culver.CONFIG.replace("passdb {{", block + "passdb {{", 1))
    folder = server.dir / "app"
    folder.mkdir(mode=0o700)
    if culver.IS_ROOT:
        shutil.chown(folder, "culver", "culver")

    def add(scheme):
        row, = json.loads(server.adm("-f", "json", "apppassword", "add", "-s", scheme,
                                     "alice").stdout)
        return row["id"], row["password"]

    id, secret = add("SCRAM-SHA-256")
    der = ssl.PEM_cert_to_DER_cert((server.dir / "cert.pem").read_text())
    for password, verdict in ((secret, "a OK"), ("secret", "a NO")):
        with Client(server) as client:
            assert scram(client, password).startswith(verdict)
        with Client(server, ssl.TLSVersion.TLSv1_3) as client:
            assert scram(client, password, mechanism="SCRAM-SHA-256-PLUS",
                         header=b"p=tls-server-end-point,,",
                         binding=hashlib.sha256(der).digest()).startswith(verdict)
    server.adm("apppassword", "revoke", "alice", id)
    with Client(server) as client:
        assert scram(client, secret).startswith("a NO")
    _, secret = add("HMAC-MD5")
    with Client(server) as client:
        challenge = client.begin("CRAM-MD5")
        digest = hmac.new(secret.encode(), challenge, "md5").hexdigest()
        assert client.exchange(f"alice {digest}".encode()).startswith("a OK")


@needs_gsasl
@pytest.mark.parametrize("scheme", ["CRAM-MD5", "DIGEST-MD5"])
def test_md5_from_stored_forms(make_server, scheme):
    server = make_server(extra="auth_mechanisms = plain cram-md5 digest-md5\n")
    stored = server.adm("pw", "-s", scheme, "-u", "alice", "-p", "secret").stdout.strip()
    (server.dir / "users").write_text(f"alice:{stored}\n")
    args = ["--quality-of-protection=qop-auth", "-r", ""] if "DIGEST" in scheme else []
    good, said = gsasl(server, scheme, *args)
    assert good, said
    assert not gsasl(server, scheme, *args, password="wrong")[0]


def test_anonymous(make_server):
    server = make_server(extra="auth_mechanisms = plain anonymous\n"
                         "auth_anonymous_username = bob\n")
    with Client(server) as client:
        assert client.begin("ANONYMOUS", b"sirhc").startswith("a OK")
    assert culver.wait_for(lambda: "trace=<sirhc>" in server.log and "user=<bob>" in server.log)


NO_PASSWORD = """
auth_mechanisms = plain external
ssl_ca = <{ca}
ssl_verify_client_cert = yes
ssl_require_crl = no
passdb {{
  driver = static
  mechanisms = external
  args = nopassword=y
}}
"""


def test_external(make_server, tmp_path):
    from test_tls import Authority
    authority = Authority(tmp_path / "ca")
    server = make_server(extra=NO_PASSWORD.format(ca=authority.cert))

    def client(cert):
        context = ssl._create_unverified_context()
        if cert:
            context.load_cert_chain(*cert)
        return imaplib.IMAP4_SSL("127.0.0.1", server.imaps_port, ssl_context=context,
                                 timeout=30)

    assert "EXTERNAL" not in capability(server) | capability(server, tls=True)
    with client(authority.issue("alice")) as one:
        assert "AUTH=EXTERNAL" in one.capabilities
        assert one.authenticate("EXTERNAL", lambda _: b"")[0] == "OK"
    # only as whom the certificate names, and nobody without one
    with client(authority.issue("alice")) as two:
        with pytest.raises(imaplib.IMAP4.error):
            two.authenticate("EXTERNAL", lambda _: b"bob")
    with client(None) as three:
        with pytest.raises(imaplib.IMAP4.error):
            three.authenticate("EXTERNAL", lambda _: b"alice")
    stranger = Authority(tmp_path / "other", "Another CA").issue("alice")
    with client(stranger) as four:
        with pytest.raises(imaplib.IMAP4.error):
            four.authenticate("EXTERNAL", lambda _: b"")
        # nor does it open the door for other mechanisms
        with pytest.raises(imaplib.IMAP4.error):
            four.login("alice", "")


@pytest.mark.parametrize("mechanism,message,status", [
    ("OAUTHBEARER", b"n,a=alice,\1host=localhost\1auth=Bearer %s\1\1", b"invalid_token"),
    ("XOAUTH2", b"user=alice\1auth=Bearer %s\1\1", b"400")])
def test_tokens(make_server, mechanism, message, status):
    server = make_server(extra="auth_mechanisms = plain xoauth2 oauthbearer\n")
    assert mechanism in capability(server, tls=True)
    tls = ssl.TLSVersion.TLSv1_3
    with Client(server, tls) as client:
        assert client.begin(mechanism, message % b"secret").startswith("a OK")
    with Client(server, tls) as client:
        # [RFC7628 3.2.3] the reason, an answer, and then the failure
        said = client.begin(mechanism, message % b"wrong")
        assert isinstance(said, bytes) and status in said
        assert client.exchange(b"\1") \
            == "a NO [AUTHENTICATIONFAILED] Authentication failed."
        assert client.begin(mechanism, b"\1").startswith("a BAD")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_tokens_with_curl(make_server):
    server = make_server(extra="auth_mechanisms = plain xoauth2 oauthbearer\n")
    for mechanism in ("OAUTHBEARER", "XOAUTH2"):
        for token, good in (("secret", True), ("wrong", False)):
            done = subprocess.run(
                ["curl", "-sk", f"imaps://127.0.0.1:{server.imaps_port}/INBOX", "-u", "alice:",
                 "--oauth2-bearer", token, "--login-options", f"AUTH={mechanism}",
                 "-X", "NOOP"], capture_output=True, timeout=60)
            assert (done.returncode == 0) == good, (mechanism, token, done)
