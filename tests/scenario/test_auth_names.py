"""Names, realms, master users and the codes of a refusal: the same questions to us and to
Debian's Dovecot with the same configuration, and the same answers expected."""
import concurrent.futures
import hashlib
import itertools
import pathlib
import re
import time

import pytest

import culver
import dovecot
from auth_peer import Client, b64, plain

pytestmark = pytest.mark.skipif(not dovecot.available(), reason="Dovecot as reference, and root")

PASSDBS = """
passdb {{
  driver = passwd-file
  deny = yes
  args = {dir}/denied
}}
passdb {{
  driver = passwd-file
  master = yes
  args = scheme=PLAIN {dir}/masters
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {dir}/names
}}
service auth {{
  unix_listener peer {{
    mode = 0666
  }}
}}
"""
NAMES = """\
alice:{PLAIN}secret
alice@example.com:{PLAIN}domain
alice@other.org:{PLAIN}other
bob:{PLAIN}secret::::::nodelay=y
gone:{PLAIN}secret
away:{PLAIN}secret::::::nologin=y reason=back-soon
closed:{PLAIN}secret::::::nologin=y
x-alice:{PLAIN}formatted
a+b:{PLAIN}plus
"""


def prepare(server, extra=""):
    for name, text in (("names", NAMES), ("denied", "gone\n"),
                       ("masters", "boss:{PLAIN}m\nboss@example.com:{PLAIN}md\n")):
        (server.dir / name).write_text(text)
        (server.dir / name).chmod(0o644)
    config = culver.CONFIG if type(server) is culver.Server else dovecot.CONFIG
    begin, end = config.index("passdb {{"), config.index("userdb {{")
    server.write_config(config=config[:begin] + PASSDBS + config[end:],
                        extra=extra)
    return server


class Both:
    """Ours and theirs, with the same settings."""

    def __init__(self, extra):
        if "auth_failure_delay" not in extra:
            extra += "auth_failure_delay = 0\n"
        self.ours = prepare(culver.Server(), extra)
        self.theirs = prepare(dovecot.Dovecot(), extra)

    def __enter__(self):
        try:
            self.ours.start()
            self.theirs.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        for server in (self.ours, self.theirs):
            try:
                server.stop()
            finally:
                server.remove()

    def ask(self, question):
        """What question(client) says of each: (ours, theirs)."""
        found = []
        for server in (self.ours, self.theirs):
            with Client(server.dir / "run" / "peer") as client:
                found.append(question(client))
        return found

    def same(self, question):
        ours, theirs = self.ask(question)
        assert ours == theirs
        return ours

    def all_same(self, questions):
        """The same of many, at once: they let each that fails wait."""
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            return list(pool.map(self.same, questions))


def words(answer):
    """The order of the fields is nobody's."""
    return [answer[0], *sorted(answer[1:])]


def login(name, password="secret", authzid="", rip="127.9.1.1"):
    return lambda client: words(client.auth(
        "PLAIN", f"rip={rip}", "lip=127.0.0.1", "no-penalty",
        resp=plain(name, password, authzid)))


NAME_CASES = {
    "default": ("", ["alice", "ALICE", "Alice", "alice@example.com", "a+b", "al!ce", "a b",
                     "alice\x01", "al\u00efce", "@", "@example.com", "alice@", "a@b@c"]),
    "chars": ("auth_username_chars = abcdefghijklmnopqrstuvwxyz@.\n",
              ["alice", "x-alice", "ALICE", "a+b", "alice@example.com"]),
    "no chars": ("auth_username_chars =\n", ["alice", "a b", "al\u00efce", "a'b"]),
    "translation": ("auth_username_translation = \"#@/@%@\"\n",
                    ["alice#example.com", "alice/example.com", "alice%example.com",
                     "alice@example.com", "a#b/c", "#"]),
    "swapped": ("auth_username_translation = abba\n", ["alice", "blice", "boa", "aob"]),
    "odd translation": ("auth_username_translation = \"#@/\"\n", ["alice#example.com", "a/b"]),
    "realm": ("auth_default_realm = example.com\n",
              ["alice", "bob", "alice@other.org", "alice@", "ALICE"]),
    "realm translated": ("auth_default_realm = example.com\nauth_username_translation = #@\n",
                         ["alice", "alice#other.org", "bob#"]),
    "realms": ("auth_realms = example.com other.org\n",
               ["alice", "alice@example.com", "alice@other.org", "alice@third.net"]),
    "format n": ("auth_username_format = %n\n", ["alice", "alice@third.net", "ALICE@x", "@x"]),
    "format Lu": ("auth_username_format = %Lu\n", ["ALICE", "Alice@Example.COM", "alice"]),
    "format empty": ("auth_username_format =\n", ["ALICE", "alice", "Alice@Example.COM"]),
    "format text": ("auth_username_format = x-%Ln\n", ["alice", "ALICE@y", "x-alice"]),
    "format domain": ("auth_username_format = %n@%d\n", ["alice@example.com", "alice"]),
    "format after realm": ("auth_username_format = %Ln\nauth_default_realm = example.com\n",
                           ["ALICE", "alice@other.org"]),
    "format makes bad": ("auth_username_format = %n!\n", ["alice"]),
}
PASSWORDS = ("secret", "domain", "other", "formatted", "plus", "wrong")


@pytest.mark.parametrize("case", NAME_CASES)
def test_names(case):
    extra, names = NAME_CASES[case]
    with Both(extra) as both:
        answers = both.all_same(login(name, password) for name in names
                                for password in PASSWORDS)
        # both refusing all would say nothing
        assert any(a[0] == "OK" for a in answers) or case == "format makes bad"


MASTER_CASES = {
    "star": ("auth_master_user_separator = *\n", [
        ("alice*boss", "m", ""), ("alice*boss", "wrong", ""), ("alice*nobody", "m", ""),
        ("nobody*boss", "m", ""), ("gone*boss", "m", ""), ("away*boss", "m", ""),
        ("*boss", "m", ""), ("alice*", "m", ""), ("*", "m", ""), ("a*b*boss", "m", ""),
        ("alice*boss*x", "m", ""), ("boss", "m", "alice"), ("boss", "m", "nobody"),
        ("boss", "m", "boss"), ("alice", "secret", "alice"), ("alice", "secret", "bob"),
        ("alice*alice", "secret", ""), ("ALICE*BOSS", "m", ""),
        ("alice*boss@example.com", "md", ""), ("alice@example.com*boss", "m", ""),
        ("al!ce*boss", "m", ""), ("alice*bo ss", "m", "")]),
    "none": ("", [("alice*boss", "m", ""), ("boss", "m", "alice"), ("alice", "secret", "bob"),
                  ("boss", "wrong", "alice"), ("boss", "m", "gone")]),
    "realm": ("auth_master_user_separator = *\nauth_default_realm = example.com\n", [
        ("alice*boss", "m", ""), ("alice*boss", "md", ""), ("alice@other.org*boss", "md", ""),
        ("boss", "md", "alice")]),
    "format": ("auth_master_user_separator = /\nauth_username_format = %Ln\n", [
        ("ALICE@x/BOSS@y", "m", ""), ("alice/boss", "m", ""), ("boss@z", "m", "ALICE@q")]),
    "translation": ("auth_master_user_separator = *\nauth_username_translation = #*\n", [
        ("alice#boss", "m", ""), ("alice*boss", "m", "")]),
    "in chars": ("auth_master_user_separator = +\n", [
        ("alice+boss", "m", ""), ("a+b", "plus", ""), ("alice+nobody", "m", "")]),
}


@pytest.mark.parametrize("case", MASTER_CASES)
def test_master_users(case):
    extra, attempts = MASTER_CASES[case]
    with Both(extra) as both:
        answers = both.all_same(login(*attempt) for attempt in attempts)
        assert any(a[0] == "OK" for a in answers)


def digest_answer(challenge, name, password, realm=None):
    text = challenge.decode()
    nonce = re.search('nonce="([^"]*)"', text)[1]
    realm = re.search('realm="([^"]*)"', text)[1] if realm is None else realm
    h = lambda data: hashlib.md5(data).digest()
    a1 = h(f"{name}:{realm}:{password}".encode()) + f":{nonce}:cn".encode()
    middle = f"{nonce}:00000001:cn:auth"
    response = hashlib.md5(f"{h(a1).hex()}:{middle}:{h(b'AUTHENTICATE:imap/h').hex()}"
                           .encode()).hexdigest()
    return (f'username="{name}",realm="{realm}",nonce="{nonce}",nc=00000001,cnonce="cn",'
            f'qop=auth,digest-uri="imap/h",response={response},charset=utf-8')


@pytest.mark.parametrize("realms", ["", "example.com", "example.com other.org"])
def test_realms_are_offered_and_taken(realms):
    import base64

    def attempt(name, password, realm):
        def question(client):
            first = client.auth("DIGEST-MD5", "rip=127.9.1.2", "no-penalty")
            text = base64.b64decode(first[1])
            offered = re.findall(b'realm="([^"]*)"', text)
            answer = client.cont(b64(digest_answer(text, name, password, realm)))
            if answer[0] == "CONT":
                answer = client.cont("")
            # a final message may go with the OK
            return offered, words([w for w in answer if not w.startswith("resp=")])
        return question

    with Both(f"auth_mechanisms = plain digest-md5\nauth_realms = {realms}\n") as both:
        good = 0
        for name, password, realm in [
                ("alice", "secret", None), ("alice", "secret", ""), ("alice", "domain", None),
                ("alice", "other", "other.org"), ("alice@example.com", "domain", None),
                ("alice@example.com", "domain", ""), ("alice", "wrong", None)]:
            if realm and realm not in realms:
                continue
            good += both.same(attempt(name, password, realm))[1][0] == "OK"
        assert good >= 2
        # a realm that was not offered: they take any, we none (core/auth/README.md)
        ours, theirs = both.ask(attempt("alice", "domain", "example.com" if not realms
                                        else "elsewhere.net"))
        assert ours[1][0] == "FAIL"


def test_where_we_depart():
    """Two names for whom to become: they take the second, we neither."""
    with Both("auth_master_user_separator = *\nauth_username_chars =\n") as both:
        ours, theirs = both.ask(login("alice*boss", "m", "bob"))
        assert ours[0] == "FAIL" and theirs[0] == "OK"
        # a control byte is in nobody's name
        ours, theirs = both.ask(login("a\x7fb"))
        assert ours[0] == "FAIL" and theirs == ["FAIL", "user=a\x7fb"]


def test_codes_of_a_refusal():
    with Both("") as both:
        for name in ("gone", "away", "closed", "alice", "nobody"):
            both.same(login(name, "secret"))
            both.same(login(name, "wrong"))
        assert both.same(login("gone"))[1:] == ["code=user_disabled", "user=gone"]


SOURCES = (f"127.9.2.{n}" for n in itertools.count(1))


def imap_answer(server, name, password):
    # one address with many wrong passwords waits longer each time
    with culver.Raw(server.imap_port, source=next(SOURCES)) as client:
        client.line()
        return re.sub(rb"\[CAPABILITY .*", b"", client.command(f"LOGIN {name} {password}")[-1])


def test_codes_in_imap():
    """What the client is told: the same code, whatever the words."""
    def code(server, name, password):
        answer = imap_answer(server, name, password)
        return re.match(rb"x (NO \[\w+\]|OK)", answer)[1], answer.split(b"] ", 1)[-1]

    with Both("") as both:
        for name, password in [("alice", "secret"), ("alice", "wrong"), ("nobody", "x"),
                               ("gone", "secret"), ("gone", "wrong"), ("away", "wrong")]:
            ours, theirs = code(both.ours, name, password), code(both.theirs, name, password)
            assert ours[0] == theirs[0], (name, password, ours, theirs)
        # the password was right: [RFC5530 3] has a code for that, theirs is another
        for name in "closed", "away":
            assert code(both.ours, name, "secret")[0] == b"NO [AUTHORIZATIONFAILED]"
            assert code(both.theirs, name, "secret")[0].startswith(b"NO ")
        assert b"back-soon" in imap_answer(both.ours, "away", "secret")


# An account that has ended is not a password that has, and neither is one that may not come
# in here at this hour: we tell them apart.
PAM_CODES = {
    "success": (None, None),
    "new_authtok_reqd": ("code=pass_expired", "code=pass_expired"),
    "acct_expired": ("code=user_disabled", "code=pass_expired"),
    "perm_denied": ("code=user_disabled", None),
    "user_unknown": (None, None),
}


@pytest.mark.parametrize("word", PAM_CODES)
def test_codes_from_pam(word):
    if not list(pathlib.Path("/usr/lib").glob("*/security/pam_debug.so")):
        pytest.skip("pam_debug is not there")
    service = pathlib.Path(f"/etc/pam.d/culver-test-{word}")
    service.write_text("auth required pam_debug.so auth=success\n"
                       f"account required pam_debug.so acct={word}\n")
    extra = ("service auth-worker {\n  user = root\n}\n"
             f"passdb {{\n  driver = pam\n  args = {service.name}\n}}\n")
    try:
        with Both(extra) as both:
            answers = both.ask(login("somebody"))
    finally:
        service.unlink()
    assert [a[0] for a in answers] == 2 * ["OK" if word == "success" else "FAIL"]
    codes = [next((w for w in a if w.startswith("code=")), None) for a in answers]
    assert tuple(codes) == PAM_CODES[word]


def test_nodelay():
    """The delay is for a wrong password, but not where the database says nodelay, which
    theirs forgets once the password was wrong."""
    def seconds(name):
        def question(client):
            begin = time.monotonic()
            assert login(name, "wrong")(client)[0] == "FAIL"
            return time.monotonic() - begin
        return question

    with Both("auth_failure_delay = 2 secs\n") as both:
        for name, slow in (("alice", True), ("bob", False), ("gone", True), ("nobody", True)):
            ours, theirs = both.ask(seconds(name))
            assert (ours > 1) == slow and theirs > 1, name
