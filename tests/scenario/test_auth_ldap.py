"""Users in an LDAP directory: a real slapd, with names that are no names."""
import base64
import contextlib
import glob
import grp
import itertools
import json
import pwd
import smtplib
import socket
import subprocess
import threading
import time

import pytest

import culver
import directories
import dovecot

pytestmark = pytest.mark.skipif(not directories.there(), reason="slapd is not installed")

HOSTILE = [
    "o'hara", "a\"b", "per%cent", "back\\slash", "star*", "(paren", ")(uid=*", "*)(uid=*))(|(uid=*",
    "umläut", "semi;colon", "com,ma", "plus+sign", "equal=s", "<angle>", "#hash", "%u", "\\2a",
    "a,ou=people", "sm\U0001f600ile",
]
SECRET = "tOpS3cret"
BASE = f"base = ou=people,{directories.SUFFIX}\n"
READER = f"dn = cn=reader,{directories.SUFFIX}\ndnpass = r3ader\n"
LOOKUP = BASE + READER + "default_pass_scheme = PLAIN\npass_filter = (uid=%u)\n" \
    "user_filter = (uid=%u)\n"
SOURCES = itertools.count()


def configuration(passdb="", userdb="", extra=""):
    text = culver.CONFIG
    begin, end = text.index("passdb {{"), text.index("namespace inbox")
    return text[:begin] + f"""\
auth_username_chars =
auth_worker_max_count = 1
auth_mechanisms = plain login cram-md5 scram-sha-256
{extra}
passdb {{{{
  driver = ldap
  args = {{dir}}/ldap.conf.ext
  {passdb}
}}}}
userdb {{{{
  driver = ldap
  args = {{dir}}/ldap.conf.ext
  {userdb}
}}}}
""" + text[end:]


class Server(culver.Server):
    def write_ldap(self, text):
        path = self.dir / "ldap.conf.ext"
        path.write_text(text)
        path.chmod(0o600)

    def login(self, user, password):
        # from another address each time: the penalty of one delays no other
        source = next(SOURCES)
        user, password = (x if isinstance(x, bytes) else x.encode() for x in (user, password))
        token = base64.b64encode(b"\0" + user + b"\0" + password)
        with socket.create_connection(
                ("127.0.0.1", self.imap_port), 90,
                (f"127.8.{source // 250}.{source % 250 + 1}", 0)) as client:
            client.sendall(b"a AUTHENTICATE PLAIN " + token + b"\r\n")
            with client.makefile("rb") as lines:
                while not (line := lines.readline()).startswith(b"a "):
                    assert line
            return line.decode()

    def with_file(self, text):
        """The file is this one from now on."""
        self.write_ldap(text)
        self.adm("reload")


def fill(directory, server, count=0):
    uid = pwd.getpwnam(culver.MAIL_USER).pw_uid
    gid = grp.getgrnam(culver.MAIL_GROUP).gr_gid
    for i, name in enumerate(["alice", "bob", *HOSTILE]):
        directory.add(name, SECRET, server.home(f"u{i}"), uid, gid,
                      extra="mail: One@example.com\nmail: two@example.com\n"
                      "employeeType: displayName\ndisplayName: Alice\n"
                      if name == "alice" else "description: *:bytes=5000\n"
                      if name == "bob" else "")
    directory.add("nopass", None, server.home("x"), uid, gid)
    directory.add("many", ["first", "second"], server.home("x"), uid, gid)
    directory.ldif.append(f"dn: ou=other,ou=people,{directories.SUFFIX}\n"
                          "objectClass: organizationalUnit\nou: other\n")
    directory.add("twice", "a", server.home("x"), uid, gid)
    directory.add("twice", "a", server.home("x"), uid, gid, ou="other,ou=people")
    for i in range(count):
        directory.add(f"user{i}", "x", "/x", uid, gid)
    directory.fill()


@pytest.fixture(scope="module")
def directory():
    with directories.Directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def server(directory):
    server = Server(config=configuration())
    fill(directory, server, 2500)
    directory.start()
    server.write_ldap(f"uris = {directory.uri}\n" + LOOKUP)
    with server:
        yield server


@contextlib.contextmanager
def other_file(server, text):
    before = (server.dir / "ldap.conf.ext").read_text()
    try:
        server.with_file(text)
        yield server
    finally:
        server.with_file(before)


def ok(answer):
    return answer.startswith("a OK")


FAILED, UNAVAILABLE = "AUTHENTICATIONFAILED", "UNAVAILABLE"


def test_login(server):
    assert ok(server.login("alice", SECRET)), server.log
    assert FAILED in server.login("alice", "wrong")
    assert not ok(server.login("alice", ""))
    assert FAILED in server.login("nobody", SECRET)
    assert FAILED in server.login("nopass", "x")


def test_the_first_of_several_values_counts(server):
    assert ok(server.login("many", "first"))
    assert FAILED in server.login("many", "second")
    assert "many: 'password' has 2 values, the first one counts" in server.log


def test_several_entries_are_a_failure(server):
    assert UNAVAILABLE in server.login("twice", "a")
    assert "has found more than one entry for 'twice'" in server.log


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_names(server, name):
    """Each is a user of its own, and no other's."""
    assert FAILED in server.login(name, "wrong")
    assert ok(server.login(name, SECRET)), server.log[-2000:]


@pytest.mark.parametrize("name", ["*", "al*", "alic?", "alice)", "*)(objectClass=*", "alice\\",
                                  "alice)(|(uid=*)", "alice,ou=people", b"alice\xc0\xaa",
                                  b"\xff", b"ali\0ce"])
def test_what_is_no_name_gets_nobody_in(server, name):
    answer = server.login(name, SECRET)
    assert FAILED in answer or answer.startswith("a BAD")
    assert UNAVAILABLE not in answer


def test_lmtp_asks_the_userdb(server):
    with smtplib.LMTP("127.0.0.1", server.lmtp_port) as lmtp:
        lmtp.sendmail("x@example.com", ["bob"], "Subject: hello\r\n\r\nx\r\n")
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            lmtp.sendmail("x@example.com", ["nobody"], "Subject: x\r\n\r\nx\r\n")
    assert refused.value.recipients["nobody"][0] == 550


def test_iteration_by_pages(server):
    """The server gives 500 entries at once, and there are more than 2,500."""
    names = server.adm("user", "*").stdout.splitlines()
    assert len(names) == len(set(names)) + 1        # twice is there twice
    assert {"alice", "o'hara", "user0", "user2499"} <= set(names)


def test_no_secret_in_the_log(server):
    assert SECRET not in server.log
    assert "r3ader" not in server.log


def test_mechanisms_that_need_the_password(server):
    for mechanism in ("CRAM-MD5", "SCRAM-SHA-256"):
        done = server.adm("auth", "test", "-x", f"mech={mechanism}", "alice", SECRET, check=False)
        assert done.returncode in (0, 64, 77), done
    import hashlib
    import hmac
    with server.raw() as client:
        client.line()
        client.send(b"a AUTHENTICATE CRAM-MD5\r\n")
        challenge = base64.b64decode(client.line().split()[1])
        digest = hmac.new(SECRET.encode(), challenge, hashlib.md5).hexdigest()
        client.send(base64.b64encode(f"alice {digest}".encode()) + b"\r\n")
        assert client.until(b"a")[-1].startswith(b"a OK")


def fields(server, user="alice"):
    return json.loads(server.adm("-f", "json", "user", user).stdout)


ATTRS = """\
user_attrs = homeDirectory=home, uidNumber=uid,gidNumber=gid, \\
  =quota_rule=*:storage=%{ldap:employeeNumber:5G}, \\
  description=quota_rule2=%$, =class=%{ldap_dn}, \\
  mail=first_mail, =mails=%{ldap_multi:mail:;}, =low=%L{ldap:mail}, \\
  givenName=absent=x%{ldap:givenName}, =empty=%{ldap:givenName}, \\
  cn=prefixed=<, =name=%n/%u
"""


def test_attributes(server, directory):
    with other_file(server, f"uris = {directory.uri}\n" + LOOKUP + ATTRS):
        found = str(fields(server))
        for text in ("*:storage=5G", f"uid=alice,ou=people,{directories.SUFFIX}", "One@example.com",
                     "One@example.com;two@example.com", "one@example.com", "<alice",
                     "alice/alice"):
            assert text in found, (text, found)
        assert "absent" not in found
        assert "*:bytes=5000" in str(fields(server, "bob"))


def test_passdb_fields_and_prefetch(server, directory):
    """userdb_* of pass_attrs, and the name that the directory has."""
    with other_file(server, f"uris = {directory.uri}\n" + LOOKUP +
                    "pass_attrs = =user=%{ldap:uid}, userPassword=password, =nologin\n"):
        assert "a NO" in server.login("alice", SECRET)


# --- binding -------------------------------------------------------------------------

BIND = BASE + READER + "auth_bind = yes\npass_filter = (uid=%u)\nuser_filter = (uid=%u)\n" \
    "pass_attrs = uid=user\n"
TEMPLATE = BASE + READER + "auth_bind = yes\nuser_filter = (uid=%u)\n" \
    f"auth_bind_userdn = uid=%u,ou=people,{directories.SUFFIX}\n"


@pytest.mark.parametrize("text", [BIND, TEMPLATE], ids=["search", "template"])
def test_binding(server, directory, text):
    with other_file(server, f"uris = {directory.uri}\n" + text):
        assert ok(server.login("bob", SECRET)), server.log
        assert FAILED in server.login("bob", "wrong")
        assert FAILED in server.login("nobody", SECRET)
        assert FAILED in server.login("nopass", "x")
        # (RFC 4513, 5.1.2) the directory would say yes
        assert not ok(server.login("bob", ""))
        assert server.adm("auth", "test", "bob", "", check=False).returncode != 0
        assert ok(server.login("many", "second"))
        for name in HOSTILE:
            assert ok(server.login(name, SECRET)), name
            assert FAILED in server.login(name, "wrong")
        for name in ("*", "bo*", "bob,ou=people", "bob)(uid=*"):
            assert FAILED in server.login(name, SECRET), name
        assert "does not let" in server.log
        done = server.adm("auth", "test", "bob", SECRET)
        assert "succeeded" in done.stdout
    assert SECRET not in server.log


def test_binding_gives_no_passwords_away(server, directory):
    with other_file(server, f"uris = {directory.uri}\n" + BIND):
        with server.raw() as client:
            client.line()
            client.send(b"a AUTHENTICATE CRAM-MD5\r\n")
            client.line()
            client.send(base64.b64encode(b"alice " + b"0" * 32) + b"\r\n")
            assert client.until(b"a")[-1].startswith(b"a NO")
        assert "it can verify passwords, not look them up for CRAM-MD5" in server.log


def test_a_locked_account(server, directory):
    directory.modify(f"dn: uid=user1,ou=people,{directories.SUFFIX}\nchangetype: modify\n"
                     "replace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n")
    with other_file(server, f"uris = {directory.uri}\n" + BIND):
        assert ok(server.login("user2", "x")) or "UNAVAILABLE" in server.login("user2", "x")
        answer = server.login("user1", "x")
        assert answer.startswith("a NO"), answer
        assert "Account locked" in server.log


# --- TLS, SASL ---------------------------------------------------------------------------

def tls(directory, uri, more=""):
    return f"uris = {uri}\n{more}" + LOOKUP


def test_tls(server, directory):
    ca = f"tls_ca_cert_file = {directory.dir}/cert.pem\n"
    (server.dir / "other").mkdir()
    culver.self_signed(server.dir / "other", "localhost")
    other = f"tls_ca_cert_file = {server.dir}/other/cert.pem\n"
    start = directory.uri
    for text in (tls(directory, directory.tls_uri, ca), tls(directory, start, "tls = yes\n" + ca)):
        with other_file(server, text):
            assert ok(server.login("alice", SECRET)), server.log[-3000:]
    for text in (tls(directory, directory.tls_uri, other),
                 tls(directory, start, "tls = yes\n" + other)):
        with other_file(server, text):
            assert UNAVAILABLE in server.login("alice", SECRET)
    with other_file(server, tls(directory, directory.tls_uri,
                                other + "tls_require_cert = never\n")):
        assert ok(server.login("alice", SECRET)), server.log[-3000:]


def test_the_name_of_the_certificate(server, directory):
    """It is of 127.0.0.1, not of this other address."""
    uri = directory.tls_uri.replace("127.0.0.1", "127.0.0.2")
    with socket.socket() as probe:
        probe.bind(("127.0.0.2", directory.tls_port))
        probe.listen()
        stop = threading.Event()

        def relay():
            probe.settimeout(0.2)
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    client, _ = probe.accept()
                    far = socket.create_connection(("127.0.0.1", directory.tls_port))
                    for a, b in ((client, far), (far, client)):
                        threading.Thread(target=pump, args=(a, b), daemon=True).start()

        def pump(a, b):
            with contextlib.suppress(OSError):
                while data := a.recv(4096):
                    b.sendall(data)
                b.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=relay)
        thread.start()
        try:
            ca = f"tls_ca_cert_file = {directory.dir}/cert.pem\n"
            with other_file(server, tls(directory, uri, ca)):
                assert UNAVAILABLE in server.login("alice", SECRET)
            with other_file(server, tls(directory, uri, ca + "tls_require_cert = never\n")):
                assert ok(server.login("alice", SECRET)), server.log[-2000:]
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize("mechanism", ["DIGEST-MD5", "CRAM-MD5"])
def test_sasl_bind(server, directory, mechanism):
    text = f"uris = {directory.uri}\nsasl_bind = yes\nsasl_mech = {mechanism}\n" \
        f"dn = alice\ndnpass = {SECRET}\n" + BASE + \
        "auth_bind = yes\npass_filter = (uid=%u)\nuser_filter = (uid=%u)\n"
    with other_file(server, text):
        assert ok(server.login("bob", SECRET)), server.log[-3000:]
    with other_file(server, text.replace(SECRET, "wrong")):
        assert UNAVAILABLE in server.login("bob", SECRET)


def test_sasl_external_on_a_socket(server, directory):
    """Whoever asks is known by the socket; the directory has no such user, and lets it search."""
    directory.socket.chmod(0o777)
    text = f"uris = {directory.socket_uri}\nsasl_bind = yes\nsasl_mech = EXTERNAL\n" + BASE + \
        "auth_bind = yes\npass_filter = (uid=%u)\nuser_filter = (uid=%u)\n"
    with other_file(server, text):
        assert ok(server.login("bob", SECRET)), server.log[-3000:]


# --- servers that go, hang and lie -----------------------------------------------------------

def test_the_server_goes_and_comes_back(server, directory):
    assert ok(server.login("alice", SECRET))
    directory.stop()
    try:
        assert UNAVAILABLE in server.login("alice", SECRET)
        assert "is the server running" in server.log
        with smtplib.LMTP("127.0.0.1", server.lmtp_port) as lmtp, \
                pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            lmtp.sendmail("x@example.com", ["bob"], "Subject: x\r\n\r\nx\r\n")
        assert refused.value.recipients["bob"][0] == 451
    finally:
        directory.start()
    assert culver.wait_for(lambda: ok(server.login("alice", SECRET)), 20)


@pytest.mark.parametrize("text", [LOOKUP, BIND], ids=["lookup", "bind"])
def test_a_connection_that_died_is_replaced_at_once(server, directory, text):
    """Nobody is refused because the directory was started anew between two logins."""
    with other_file(server, f"uris = {directory.uri}\n" + text):
        assert ok(server.login("alice", SECRET))
        directory.stop()
        directory.start()
        assert ok(server.login("alice", SECRET)), server.log[-2000:]


def test_a_server_that_hangs(server, directory):
    """An answer has a time; then the user is told to come back, and can."""
    assert ok(server.login("alice", SECRET))
    directory.freeze()
    try:
        began = time.monotonic()
        assert UNAVAILABLE in server.login("alice", SECRET)
        assert 10 < time.monotonic() - began < 30
    finally:
        directory.thaw()
    assert "no answer within 15 seconds" in server.log


class Liar:
    """Accepts, and says what it was told to, then nothing."""

    def __init__(self, says=b""):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.says, self.clients = says, []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                self.clients.append(client)
                client.sendall(self.says)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        for client in self.clients:
            client.close()


@pytest.mark.parametrize("kind,says", [
    ("ldap", b""), ("ldap", b"\x30\x0c\x02\x01"), ("ldap", b"\x30\x84\x7f\xff\xff\xff"),
    ("ldaps", b""), ("ldaps", b"\x16\x03\x03\x40\x00"), ("tls", b""),
])
def test_hosts_that_hang_are_passed_by(server, directory, kind, says):
    with Liar(says) as liar:
        first = f"{'ldaps' if kind == 'ldaps' else 'ldap'}://127.0.0.1:{liar.port}"
        second = directory.tls_uri if kind == "ldaps" else directory.uri
        more = "" if kind == "ldap" else f"tls_ca_cert_file = {directory.dir}/cert.pem\n"
        if kind == "tls":
            more += "tls = yes\n"
        with other_file(server, tls(directory, f"{first} {second}", more)):
            began = time.monotonic()
            assert ok(server.login("alice", SECRET)), server.log[-3000:]
            assert time.monotonic() - began < 25
            assert "trying the next host" in server.log
            # and left alone for a while
            began = time.monotonic()
            assert ok(server.login("bob", SECRET))
            assert time.monotonic() - began < 5


def test_two_hosts():
    with directories.Directory() as first, directories.Directory() as second:
        server = Server(config=configuration())
        fill(first, server)
        second.add("second", SECRET, server.home("s"), *first_ids())
        fill(second, server)
        for one in (first, second):
            one.start()
        # hosts: names and ports
        server.write_ldap(f"hosts = 127.0.0.1:{first.port} 127.0.0.1:{second.port}\n" + LOOKUP)
        with server:
            assert ok(server.login("alice", SECRET)), server.log
            assert FAILED in server.login("second", SECRET)
            first.stop()
            assert ok(server.login("alice", SECRET))
            assert ok(server.login("second", SECRET))
            assert "trying the next host" in server.log
            first.start()
            # and back to the first when it may be asked again
            assert culver.wait_for(lambda: FAILED in server.login("second", SECRET), 20)


def first_ids():
    return (pwd.getpwnam(culver.MAIL_USER).pw_uid, grp.getgrnam(culver.MAIL_GROUP).gr_gid)


def test_referrals_are_not_followed(server, directory):
    """They would send dn's password to wherever the directory says."""
    with Liar() as liar:
        directory.modify(f"dn: ou=far,{directories.SUFFIX}\nchangetype: add\n"
                         "objectClass: referral\nobjectClass: extensibleObject\nou: far\n"
                         f"ref: ldap://127.0.0.1:{liar.port}/ou=far,{directories.SUFFIX}\n")
        with other_file(server, f"uris = {directory.uri}\n" + LOOKUP.replace(
                "ou=people", "ou=far")):
            assert UNAVAILABLE in server.login("alice", SECRET)
            assert "referrals are not followed" in server.log
        # one among the entries found is no entry
        with other_file(server, f"uris = {directory.uri}\n" + LOOKUP.replace("ou=people,", "")):
            assert ok(server.login("alice", SECRET))
        assert liar.clients == []


def test_base_with_variables(server, directory):
    with other_file(server, f"uris = {directory.uri}\n" + LOOKUP.replace(
            BASE, "base = ou=people,dc=%Dd\npass_attrs = userPassword=password\n").replace("%u", "%n")):
        assert ok(server.login("alice@example.com", SECRET)), server.log[-2000:]
        assert FAILED in server.login("alice@example.org", SECRET)
        assert FAILED in server.login("alice", SECRET)
        assert FAILED in server.login("alice@example.com,dc=x", SECRET)


# --- the file ------------------------------------------------------------------------------------

@pytest.mark.parametrize("lines,says", [
    ("nonsense = 1", "there is no setting 'nonsense' here"),
    ("user_global_uid = vmail", "user_global_uid is not known any more"),
    ("scope = all", "scope has no such value; it may be base onelevel subtree"),
    ("tls = perhaps", "yes or no"),
    ("uris = http://x", "is no URI of a server"),
    ("uris = ldaps://x\ntls = yes", "does not go with tls = yes"),
    ("dnpass =", "dn is set without dnpass"),
    ("pass_filter = (uid=%u", "a ')' is missing"),
    ("pass_filter = (uid=%{ldap:x})", "only when the entry has been found"),
    ("pass_filter =", "it is empty"),
    ("user_attrs = @mail=%{ldap:mailDN}", "is not supported"),
    ("user_attrs = =x=%{if;%{ldap:a};eq;b;c;d}", "stands alone"),
    ("iterate_attrs = uid=name", "it has no field 'user'"),
    ("base =", "base is missing"),
    ("tls_cert_file = /etc/passwd", "go together"),
    ("debug_level = x", "debug_level is a number"),
    ("user_filter = (uid=%{nosuch})", "nosuch"),
    ("default_pass_scheme = NOSUCH", "NOSUCH"),
    ("blocking = yes", "blocking changes nothing"),
    ("sasl_mech = PLAIN", "sasl_mech changes nothing"),
    ("tls_cipher_suite = NORMAL", "tls_cipher_suite changes nothing"),
    ("auth_bind_userdn = uid=%u", "auth_bind_userdn changes nothing"),
    ("tls_ca_cert_file = /no/such", "/no/such"),
    ("debug_level = -1", "would show passwords"),
])
def test_mistakes_are_told_before_anything_runs(server, directory, lines, says):
    conf = server.dir / "check.conf"
    conf.write_text(server.config.read_text().replace("ldap.conf.ext", "check.ldap"))
    (server.dir / "check.ldap").write_text(
        f"uris = {directory.uri}\n" + LOOKUP + lines + "\n")
    done = subprocess.run([culver.PREFIX / "bin/culverconf", "-c", conf, "-n"],
                          capture_output=True, text=True, timeout=60)
    assert says in done.stderr + done.stdout, done


def test_values_from_files(server, directory):
    (server.dir / "secret").write_text("r3ader\n")
    with other_file(server, f"uris = {directory.uri}\n" + LOOKUP.replace(
            "dnpass = r3ader", f"dnpass = <{server.dir}/secret")):
        assert ok(server.login("alice", SECRET)), server.log[-2000:]


def test_ldaprc(server, directory):
    rc = server.dir / "ldaprc"
    rc.write_text(f"URI {directory.uri}\n")
    rc.chmod(0o644)
    with other_file(server, f"ldaprc_path = {rc}\n" + LOOKUP):
        assert ok(server.login("alice", SECRET)), server.log[-2000:]


def test_debug_level(server, directory):
    with other_file(server, f"uris = {directory.uri}\ndebug_level = -1\n" + LOOKUP):
        assert ok(server.login("alice", SECRET))
        assert culver.wait_for(lambda: "libldap: ldap_search_ext" in server.log)
    assert SECRET not in server.log and "r3ader" not in server.log


# --- beside Dovecot ------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def reference():
    if not dovecot.available() or not dovecot_has_ldap():
        pytest.skip("Dovecot with its LDAP driver is not there")
    text = dovecot.CONFIG
    begin, end = text.index("passdb {{"), text.index("namespace inbox")
    block = "{kind} {{{{\n  driver = ldap\n  args = {{dir}}/ldap.conf.ext\n}}}}\n"
    reference = dovecot.Dovecot(config=text[:begin] + "auth_username_chars =\n"
                                + block.format(kind="passdb") + block.format(kind="userdb")
                                + text[end:])
    (reference.dir / "ldap.conf.ext").write_text("uris = ldap://127.0.0.1:1\nbase = dc=x\n")
    with reference:
        yield reference


def dovecot_has_ldap():
    return bool(glob.glob("/usr/lib/dovecot/modules/auth/libauthdb_ldap.so"))


def dovecot_adm(reference, *args):
    return subprocess.run(["doveadm", "-c", reference.config, *args],
                          capture_output=True, text=True, timeout=60)


def dovecot_fields(reference, user):
    """doveadm auth lookup and user: sorted lines."""
    lines = dovecot_adm(reference, "user", user).stdout.splitlines()[1:]
    return {k: v for k, v in (line.split("\t", 1) for line in lines if "\t" in line)}


SAME = {
    "plain": "user_attrs = homeDirectory=home,uidNumber=uid,gidNumber=gid\n",
    "templates": "user_attrs = =home=/srv/%{ldap:uid}/%n, =uid=%{ldap:uidNumber}, "
                 "gidNumber=gid, =quota_rule=*:storage=%{ldap:employeeNumber:5G}\n",
    "old": "user_attrs = homeDirectory=home=/pre, uidNumber=uid=%$, gidNumber=gid, "
           "cn=name=<%$>, description=quota_rule=%$\n",
    "multi": "user_attrs = homeDirectory=home, uidNumber=uid, gidNumber=gid, "
             "mail=one, "
             "=low=%L{ldap:cn}, =cut=%2{ldap:cn}\n",
    "missing": "user_attrs = homeDirectory=home, uidNumber=uid, gidNumber=gid, "
               "=empty=a%{ldap:givenName}b, givenName=absent=x, =dn=%{ldap_dn}\n",
    "pointer": "user_attrs = homeDirectory=home, uidNumber=uid, gidNumber=gid, "
               "=shown=%{ldap_ptr:employeeType}, !displayName\n",
}


@pytest.mark.parametrize("name", SAME)
def test_fields_as_dovecot_has_them(server, directory, reference, name):
    text = f"uris = {directory.uri}\n" + LOOKUP + SAME[name]
    (reference.dir / "ldap.conf.ext").write_text(text)
    dovecot_adm(reference, "reload")
    time.sleep(0.5)
    with other_file(server, text):
        for user in ("alice", "bob"):
            want = dovecot_fields(reference, user)
            lines = server.adm("user", user).stdout.splitlines()[1:]
            got = dict(line.split("\t", 1) for line in lines if "\t" in line)
            assert want.get("uid"), (want, reference.log[-2000:])
            assert got == want, (user, got, want)


@pytest.mark.parametrize("text", [LOOKUP, BIND, TEMPLATE], ids=["lookup", "search", "template"])
def test_verdicts_as_dovecot_has_them(server, directory, reference, text):
    text = f"uris = {directory.uri}\n" + text
    (reference.dir / "ldap.conf.ext").write_text(text)
    dovecot_adm(reference, "reload")
    time.sleep(0.5)
    with other_file(server, text):
        for user, password in (("alice", SECRET), ("alice", "wrong"), ("nobody", "x"),
                               ("nopass", "x"), ("many", "first"), ("star*", SECRET),
                               ("(paren", SECRET), ("*", SECRET), ("umläut", SECRET)):
            want = dovecot_adm(reference, "auth", "test", user, password).returncode
            got = server.adm("auth", "test", user, password, check=False).returncode
            assert got == want, (user, password)
        # a failure of the lookup in both; doveadm's status is that of a wrong password
        if "userdn" not in text:
            assert dovecot_adm(reference, "auth", "test", "twice", "a").returncode == 77
            assert "LDAP search returned multiple entries" in reference.log
            assert server.adm("auth", "test", "twice", "a", check=False).returncode == 75
