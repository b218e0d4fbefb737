"""passdb oauth2: tokens that are checked here, and services that are asked.  The identity provider
is a mock (identity.py); the tokens are signed by another implementation (Python's cryptography),
and Debian's Dovecot judges the same ones."""
import base64
import itertools
import json
import shutil
import socket
import time

import pytest

import culver
import dovecot

identity = pytest.importorskip("identity", reason="python3-cryptography is not installed")
SOURCES = itertools.count()
PASSDB = """\
passdb {{
  driver = oauth2
  args = {dir}/oauth2.conf.ext
}}
"""


def configuration(text):
    begin, end = text.index("passdb {{"), text.index("userdb {{")
    return (text[:begin] + PASSDB + text[end:]).replace(
        "auth_mechanisms = plain login", "auth_mechanisms = plain login oauthbearer xoauth2")


class OAuth:
    """What both servers have."""

    def write(self, text):
        path = self.dir / "oauth2.conf.ext"
        path.write_text(text)
        path.chmod(0o644)

    def write_keys(self, *algs, azp="default", kid="default"):
        for alg in algs:
            folder = self.dir / "keys" / azp / alg
            folder.mkdir(parents=True, exist_ok=True)
            (folder / kid).write_bytes(identity.key_text(alg))

    def authenticate(self, mechanism, message):
        """The last line, and what came before it as a challenge."""
        source = next(SOURCES)
        said = []
        with socket.create_connection(("127.0.0.1", self.imap_port), 60, (
                f"127.8.{source // 250}.{source % 250 + 1}", 0)) as client, \
                client.makefile("rb") as lines:
            lines.readline()
            client.sendall(f"a AUTHENTICATE {mechanism}\r\n".encode())
            line = lines.readline()
            assert line.startswith(b"+"), line
            client.sendall(base64.b64encode(message) + b"\r\n")
            while not (line := lines.readline()).startswith(b"a "):
                assert line, said
                if line.startswith(b"+ "):
                    said.append(base64.b64decode(line[2:]))
                    client.sendall(base64.b64encode(b"\x01") + b"\r\n")
            return line.decode(), said

    def bearer(self, token, user="alice"):
        return self.authenticate(
            "OAUTHBEARER", f"n,a={user},\x01auth=Bearer {token}\x01\x01".encode())[0]

    def xoauth2(self, token, user="alice"):
        return self.authenticate(
            "XOAUTH2", f"user={user}\x01auth=Bearer {token}\x01\x01".encode())[0]

    def plain(self, password, user="alice"):
        return self.authenticate("PLAIN", f"\0{user}\0{password}".encode())[0]


class Server(OAuth, culver.Server):
    def use(self, text):
        """Another file; all of the server is in force with it afterwards."""
        self.write(text)
        self.stop()
        self.start()


class Reference(OAuth, dovecot.Dovecot):
    pass


LOCAL = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={dir}/keys/
"""
ALGS = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512",
        "PS256", "PS384", "PS512", "EdDSA"]


def in_(answer):
    return answer.startswith("a OK")


def out(answer):
    return "AUTHENTICATIONFAILED" in answer


@pytest.fixture(scope="module")
def server():
    with_ = Server(config=configuration(culver.CONFIG))
    with_.write(LOCAL.format(dir=with_.dir))
    with_.write_keys(*ALGS)
    with with_:
        yield with_


@pytest.fixture
def local(server):
    if (server.dir / "oauth2.conf.ext").read_text() != (text := LOCAL.format(dir=server.dir)):
        server.use(text)
    return server


@pytest.fixture(scope="module")
def provider(server):
    port = culver.free_port()
    with identity.Provider(server.dir, port) as one:
        yield one
    culver.release_port(port)


# --- checked here -----------------------------------------------------------------------------

@pytest.mark.parametrize("alg", ALGS)
def test_algorithms(local, alg):
    assert in_(local.bearer(identity.token(alg)))
    assert out(local.bearer(identity.token(alg)[:-6] + "AAAAAA"))
    assert out(local.bearer(identity.token(alg), user="bob"))


def test_both_mechanisms_and_a_token_as_password(local):
    assert in_(local.xoauth2(identity.token()))
    assert in_(local.plain(identity.token()))
    assert out(local.plain("secret"))
    assert in_(local.bearer(identity.token(email="Alice")))     # username_format = %Lu


def refused():
    now = int(time.time())
    good = identity.token()
    head, body, sig = good.split(".")
    public = identity.public_pem(identity.KEYS["RS"])
    doubled = json.dumps(identity.claims())[:-1].encode() + b', "email": "alice"}'
    return {
        "none": identity.without_signature(),
        "None": identity.without_signature("nOnE"),
        "none signed": identity.token("none", sign="HS256"),
        "empty signature": f"{head}.{body}.",
        "HMAC with the public key": identity.token("HS256", key=public),
        "HS256 for RS256": identity.token("RS256", sign="HS256", key=public),
        "hs256": identity.token("hs256", sign="HS256"),
        "of another key": identity.token("HS256", key=b"x" * 64),
        "of another curve": identity.token("ES256", sign="ES384",
                                           key=identity.KEYS["ES384"]),
        "body changed": ".".join((head, identity.b64url(json.dumps(
            identity.claims(admin=True)).encode()), sig)),
        "expired": identity.token(exp=now - 1),
        "no end": identity.token(exp=None),
        "end is text": identity.token(exp=str(now + 100)),
        "end is negative": identity.token(exp=-1),
        "not yet": identity.token(nbf=now + 10**6),
        "from the future": identity.token(iat=now + 10**6),
        "no name": identity.token(email=None),
        "name is a list": identity.token(email=["alice"]),
        "name is an object": identity.token(email={"alice": 1}),
        "doubled member": identity.token(body=doubled),
        "an array": identity.token(body=b"[]"),
        "NUL in the name": identity.token(email="alice\0x"),
        "unknown kid": identity.token(header={"kid": "other"}),
        "kid out of the folder": identity.token(header={"kid": "../HS256/default"}),
        "kid with slashes": identity.token(header={"kid": "a/../../HS256/default"}),
        "kid is a number": identity.token(header={"kid": 1}),
        "azp out of the folder": identity.token(azp="../default"),
        "critical": identity.token(header={"crit": ["b64"], "b64": False}),
        "another type": identity.token(header={"typ": "logout+jwt"}),
        "two parts": f"{head}.{body}", "four parts": f"{good}.x", "five parts": f"{good}.x.y",
        "padding": f"{good}=", "nothing": "..", "dots": "." * 50,
        "opaque": "abcdef", "long": "a" * 7000,
        "long object": identity.token(more="x" * 4500, key=b"x" * 64),
    }


REFUSED = refused()


@pytest.mark.parametrize("name", REFUSED)
def test_refused(local, name):
    assert out(local.bearer(REFUSED[name])), name
    assert in_(local.bearer(identity.token()))


def test_dovecot_agrees(local):
    """The reference on the same tokens; what it takes and Culver does not is known."""
    if not dovecot.available():
        pytest.skip("Debian's Dovecot is not installed, or this is not root")
    server = Reference(config=configuration(dovecot.CONFIG).replace(
        "disable_plaintext_auth = no", "disable_plaintext_auth = no\nauth_username_chars ="))
    server.write(LOCAL.format(dir=server.dir))
    server.write_keys(*ALGS)
    # it has no PS and EdDSA, and takes no signature of ES384 and ES512 that OpenSSL has made
    algs = [alg for alg in ALGS if alg[:2] in ("HS", "RS") or alg == "ES256"]
    with server:
        for alg in algs:
            good = identity.token(alg)
            assert in_(server.bearer(good)) and in_(local.bearer(good)), alg
        accepted = {name for name, token in REFUSED.items()
                    if len(token) < 6000 and in_(server.bearer(token))}
    assert "doubled member" in accepted         # (RFC 7515 4)
    assert accepted <= {
        "critical", "doubled member", "end is text", "hs256", "name is a list", "padding",
        "NUL in the name", "another type", "no name"}, accepted


def test_keys_by_azp_and_kid(local):
    local.write_keys("RS256", azp="my-client", kid="2026-11")
    good = identity.token("RS256", header={"kid": "2026-11"}, azp="my-client")
    assert in_(local.bearer(good))
    # a key that was taken away is gone at once
    (local.dir / "keys" / "my-client" / "RS256" / "2026-11").unlink()
    assert out(local.bearer(good))
    assert "there is no key" in local.log


def test_a_key_of_the_wrong_kind_is_the_admins_mistake(local):
    folder = local.dir / "keys" / "default"
    shutil.copy(folder / "RS256" / "default", folder / "HS256" / "confused")
    shutil.copy(folder / "ES384" / "default", folder / "ES256" / "curve")
    (folder / "HS256" / "short").write_bytes(base64.b64encode(b"short"))
    public = (folder / "RS256" / "default").read_bytes()
    for token in (identity.token("HS256", key=public, header={"kid": "confused"}),
                  identity.token("ES256", header={"kid": "curve"}),
                  identity.token("HS256", key=b"short", header={"kid": "short"})):
        assert "UNAVAILABLE" in local.bearer(token)
    assert "it is no secret in base64" in local.log
    assert "it is no key for ES256" in local.log
    assert "the secret is shorter than 32 bytes" in local.log


def test_issuer_audience_scope(server):
    text = LOCAL.format(dir=server.dir)
    server.use(text + "issuers = https://a.example https://id.example\naudience = mail\n"
               "scope = imap\n")
    good = dict(aud=["x", "mail"], scope="openid imap")
    assert in_(server.bearer(identity.token(**good)))
    assert in_(server.bearer(identity.token(**{**good, "aud": "mail"})))
    for wrong in (dict(iss="https://evil.example"), dict(iss=None), dict(iss="https://id.exampl"),
                  dict(aud="other"), dict(aud=None), dict(aud=["mai", "mail2"]),
                  dict(scope="imaps openid"), dict(scope=None), dict(scope="")):
        assert out(server.bearer(identity.token(**{**good, **wrong}))), wrong
    _, said = server.authenticate("OAUTHBEARER", b"n,a=alice,\x01auth=Bearer x\x01\x01")
    assert json.loads(said[0]) == {"status": "invalid_token", "scope": "imap"}


def test_client_is_in_audience(server):
    server.use(LOCAL.format(dir=server.dir) + "client_id = me\n")
    for good in (dict(), dict(aud="me"), dict(aud=["x", "me"])):
        assert in_(server.bearer(identity.token(**good)))
    for wrong in (dict(aud="you"), dict(aud=["x"])):
        assert out(server.bearer(identity.token(**wrong)))


HOSTILE = ["per%cent", "%u", "o'hara", 'q"uote', "back\\slash", "a/../b", "umläut", "{x}", "a&b=c",
           "a b", "a+b"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(local, name):
    """A name is compared, and never anything else; alice's token stays alice's."""
    user = name.replace("=", "=3D").replace(",", "=2C")
    assert not in_(local.bearer(identity.token(), user=user))
    answer = local.bearer(identity.token(email=name), user=user)
    assert answer.startswith("a NO") or in_(answer)
    assert in_(local.bearer(identity.token()))


def test_names_that_are_none(local):
    for message in (b"n,a=al\x00ice,\x01auth=Bearer x\x01\x01", b"n,a=\xff\xfe,\x01auth=Bearer x\x01\x01",
                    b"n,a=ali\tce,\x01auth=Bearer x\x01\x01", b"n,a=ali\nce,\x01auth=Bearer x\x01\x01",
                    b"n,a=alice,\x01auth=Bearer a b\x01\x01", b"n,a=alice,\x01auth=Bearer \xff\x01\x01"):
        assert not in_(local.authenticate("OAUTHBEARER", message)[0])
    assert not in_(local.bearer(identity.token(), user="a" * 6000))
    assert in_(local.bearer(identity.token()))


def test_a_long_password_ends_no_worker(local):
    before = len(local.log)
    assert out(local.plain("x" * 8500))
    assert out(local.plain("x" * 8192))
    assert in_(local.bearer(identity.token()))
    assert "Error:" not in local.log[before:], local.log[before:]


# --- a service is asked --------------------------------------------------------------------------

def remote(server, provider, text):
    server.use(f"tls_ca_cert_file = {server.dir}/cert.pem\ntimeout_msecs = 2000\n" +
               text.replace("URL", provider.url).replace(
                   "AUTH", provider.url.replace("//", "//our%40id:pa%20ss@")))
    provider.asked.clear()
    provider.special.clear()
    provider.tokens.clear()
    provider.tokens["good"] = {"email": "alice", "active": True, "scope": "imap smtp"}


@pytest.mark.parametrize("mode, where", [("auth", "/introspect"), ("post", "/introspect"),
                                         ("get", "/introspect?token="), ("tokeninfo", "")])
def test_asking(server, provider, mode, where):
    remote(server, provider, f"introspection_mode = {mode}\nintrospection_url = URL{where}\n"
           if where else "tokeninfo_url = URL/info?access_token=\n")
    assert in_(server.bearer("good"))
    assert in_(server.xoauth2("good"))
    assert out(server.bearer("good", user="bob"))
    assert out(server.bearer("bad"))
    method, _, query, form, headers = provider.asked[0]
    assert method == ("POST" if mode == "post" else "GET")
    assert headers["Authorization"] == "Bearer good"
    if mode == "post":
        assert form == {"token": "good"} and not query
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    elif mode != "auth":
        assert "good" in query.values()
    assert "Bearer" not in server.log and "=good" not in server.log


def test_credentials_of_our_own(server, provider):
    remote(server, provider, "introspection_mode = post\nintrospection_url = AUTH/introspect\n")
    assert in_(server.bearer("good"))
    said = provider.asked[0][4]["Authorization"]
    assert said == "Basic " + base64.b64encode(b"our@id:pa ss").decode()
    # 401 is about these, and not about the token (RFC 7662 2.3)
    provider.special["/introspect"] = lambda handler: handler.reply(401, {})
    assert "UNAVAILABLE" in server.bearer("good")
    assert "pa%20ss" not in server.log and "pa ss" not in server.log


def test_active_and_scope(server, provider):
    remote(server, provider, "introspection_mode = auth\nintrospection_url = URL/introspect\n"
           "active_attribute = status\nactive_value = on\nscope = imap\n")
    for token, answer in {"a": {}, "b": {"status": "off"}, "c": {"status": "on", "active": False},
                          "d": {"status": "on", "scope": "smtp"}, "e": {"status": "on",
                                                                       "scope": "ximap"},
                          "f": {"status": "on", "exp": int(time.time()) - 5},
                          "g": {"status": "on", "expires_in": 0}}.items():
        provider.tokens[token] = {"email": "alice", "scope": "imap", **answer}
        assert out(server.bearer(token)), answer
    provider.tokens["z"] = {"email": "alice", "scope": ["smtp", "imap"], "status": "on"}
    assert in_(server.bearer("z"))


def test_both_services(server, provider):
    """What tokeninfo does not say, introspection does."""
    remote(server, provider, "tokeninfo_url = URL/info?access_token=\nintrospection_mode = post\n"
           "introspection_url = URL/introspect\npass_attrs = userdb_quota_rule=*:storage=%{oauth2:q}M"
           "\n")
    provider.tokens["good"]["q"] = 5
    assert in_(server.bearer("good"))
    assert [path for _, path, *_ in provider.asked] == ["/info"]
    del provider.tokens["good"]["q"]
    assert in_(server.bearer("good"))
    assert [path for _, path, *_ in provider.asked][1:] == ["/info", "/introspect"]


def test_grant(server, provider):
    remote(server, provider, "grant_url = URL/grant\ntokeninfo_url = URL/info?access_token=\n"
           "use_grant_password = yes\nclient_id = me\nclient_secret = sesame\nscope = imap\n"
           "send_auth_headers = yes\n")
    provider.passwords["alice"] = "p&=% ä+"
    provider.tokens["for-alice"] = {"email": "alice", "scope": "imap"}
    assert in_(server.plain("p&=% ä+"))
    form, headers = provider.asked[0][3], provider.asked[0][4]
    assert form == {"grant_type": "password", "client_id": "me", "client_secret": "sesame",
                    "username": "alice", "password": "p&=% ä+", "scope": "imap"}
    assert headers["X-Dovecot-Auth-Service"] == "imap"
    assert headers["X-Dovecot-Auth-Local"] == f"127.0.0.1:{server.imap_port}"
    assert out(server.plain("wrong"))
    # a token is none to be changed into another
    assert in_(server.bearer("for-alice"))
    assert provider.asked[-1][1] == "/info"
    provider.special["/grant"] = lambda handler: handler.reply(400, {"error": "invalid_client"})
    assert "UNAVAILABLE" in server.plain("p&=% ä+")
    assert "p&=%" not in server.log and "sesame" not in server.log


def test_grant_alone(server, provider):
    remote(server, provider, "grant_url = URL/grant\nuse_grant_password = yes\nclient_id = me\n"
           "client_secret = sesame\n")
    provider.passwords["alice"] = "right"
    assert in_(server.plain("right"))
    assert out(server.plain("right", user="bob"))
    assert out(server.bearer("for-alice"))


def slow(handler):
    time.sleep(4)
    handler.reply(200, {"email": "alice"})


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(1000):
            handler.wfile.write(b"x" * 65536)
    except OSError:
        pass
    handler.close_connection = True


BROKEN = {
    "500": lambda handler: handler.reply(500, {}),
    "404": lambda handler: handler.reply(404, {}),
    "429": lambda handler: handler.reply(429, {}),
    "redirect": lambda handler: handler.reply(302, {}, Location="file:///etc/passwd"),
    "no JSON": lambda handler: handler.reply(200, b"<html>"),
    "an array": lambda handler: handler.reply(200, b'["alice"]'),
    "doubled": lambda handler: handler.reply(200, b'{"email": "bob", "email": "alice"}'),
    "deep": lambda handler: handler.reply(200, b"[" * 100000),
    "cut": lambda handler: handler.reply(200, b'{"email": "alice"'),
    "empty": lambda handler: handler.reply(200, b""),
    "slow": slow, "endless": endless,
}


def test_broken_services_are_not_wrong_tokens(server, provider):
    remote(server, provider, "introspection_mode = auth\nintrospection_url = URL/introspect\n")
    for name, answer in BROKEN.items():
        provider.special["/introspect"] = answer
        said = server.bearer("good")
        assert "UNAVAILABLE" in said, (name, said)
    provider.special.clear()
    assert in_(server.bearer("good"))
    provider.stop()
    try:
        assert "UNAVAILABLE" in server.bearer("good")
    finally:
        provider.start()
    assert in_(server.bearer("good"))
    assert "a redirection, which is not followed" in server.log


def test_certificates_are_verified(server, provider):
    remote(server, provider, "introspection_mode = auth\nintrospection_url = URL/introspect\n")
    good = (server.dir / "oauth2.conf.ext").read_text()
    server.use(good.replace("localhost", "127.0.0.2"))
    assert "UNAVAILABLE" in server.bearer("good")
    server.use(good.replace("tls_ca_cert_file", "#"))
    assert "UNAVAILABLE" in server.bearer("good")
    assert not provider.asked
    server.use(good.replace("tls_ca_cert_file", "#") + "tls_allow_invalid_cert = yes\n")
    assert in_(server.bearer("good"))


def test_where_to_get_a_better_token(server, provider):
    remote(server, provider, "introspection_mode = auth\nintrospection_url = URL/introspect\n"
           "openid_configuration_url = https://id.example/.well-known/openid-configuration\n")
    answer, said = server.authenticate("OAUTHBEARER", b"n,a=alice,\x01auth=Bearer bad\x01\x01")
    assert out(answer)
    assert json.loads(said[0]) == {     # [RFC7628 3.2.2]
        "status": "invalid_token",
        "openid-configuration": "https://id.example/.well-known/openid-configuration"}


@pytest.mark.parametrize("text, said", [
    ("", "nobody is asked"),
    ("introspection_url = https://x/\n", "introspection_url needs introspection_mode"),
    ("introspection_mode = local\n", "needs local_validation_key_dict"),
    ("introspection_mode = lokal\n", "introspection_mode is get, post, auth or local"),
    ("introspection_mode = local\nlocal_validation_key_dict = redis:host=x\n",
     "fs:posix:prefix= and an absolute path"),
    ("tokeninfo_url = ftp://x/\n", "tokeninfo_url is no http:// or https:// URL"),
    ("tokeninfo_url = https://x/\nusername_atribute = x\n",
     "there is no setting 'username_atribute'"),
    ("tokeninfo_url = https://x/\npass_attrs = host=%{oath2:x}\n", "oath2"),
    ("tokeninfo_url = https://x/\nmax_pipelined_requests = 5\n", "are not pipelined"),
    ("tokeninfo_url = http://id.example/\n", "tokeninfo_url has no TLS"),
])
def test_mistakes_are_told(server, text, said):
    before = (server.dir / "oauth2.conf.ext").read_text()
    server.write(text)
    try:
        done = server.adm("reload", check=False)
        import subprocess
        shown = subprocess.run([culver.PREFIX / "bin" / "culverconf", "-c", server.config, "-n"],
                               capture_output=True, text=True, timeout=60)
        assert said in shown.stderr + shown.stdout + done.stderr + done.stdout
    finally:
        server.write(before)
        server.adm("reload")
