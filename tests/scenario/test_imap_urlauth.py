"""URLAUTH [RFC4467] and URLAUTH=BINARY [RFC5524]: single messages and parts of
them for others, by URL; keys, tokens, and who gets what."""
import base64
import datetime
import re

import pytest

import culver
import dovecot
from test_hibernate import QUICK, asleep, wait_until
from test_imap_compress import Packed
from test_imap_session import Wire
from test_shared import Shared, UIDS

HOST = "example.com"
SETTINGS = f"imap_urlauth_host = {HOST}\nimap_urlauth_submit_user = carol\n"
PNG = bytes(range(256)) + b"\0" * 20
ENCODED = base64.encodebytes(PNG).replace(b"\n", b"\r\n")
# parts 1.1, 1.2, 1.3, 1.4, 1.5; 2 is a message
MESSAGE = (b"Subject: parts\r\nFrom: joe@example.com\r\nMIME-Version: 1.0\r\n"
           b"Content-Type: multipart/mixed; boundary=o\r\n\r\n"
           b"--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"
           b"--i\r\n\r\nfirst\r\n"
           b"--i\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
           b"Si vis pacem, para bellum.\r\n\r\n"
           b"--i\r\nContent-Type: image/png; name=x.png\r\nContent-Transfer-Encoding: base64\r\n"
           b"\r\n" + ENCODED +
           b"\r\n--i\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: x-blurdybloop\r\n\r\n"
           b"zzzz\r\n"
           b"--i\r\nContent-Type: text/plain; charset=utf-8\r\n"
           b"Content-Transfer-Encoding: quoted-printable\r\n\r\ngr=C3=BC=\r\nn\r\nzwei\r\n"
           b"--i--\r\n"
           b"--o\r\nContent-Type: message/rfc822\r\n\r\n"
           b"Subject: inner\r\n\r\ninner body\r\n"
           b"--o--\r\n")
LONG = b"Subject: long\r\n\r\n" + b"0123456789abcdef\r\n" * 4000


def latin(data):
    return data.decode("latin-1")


class Client(Wire):
    def refused(self, command):
        """The tagged answer, which is the only one; wrong commands in a row would be the end."""
        lines = self.do(command)
        assert self.do("NOOP")[-1].split()[1] == "OK"
        assert len(lines) == 1, lines
        return lines[0].split()[1]

    def url(self, rump, mechanism="INTERNAL"):
        lines = self.do(f'GENURLAUTH "{rump}" {mechanism}')
        assert lines[-1].split()[1] == "OK", lines
        return re.fullmatch(r'\* GENURLAUTH "?(.*?)"?', lines[0])[1]

    def fetch(self, url, *parameters):
        """What the URL gives, behind it: a string, or None."""
        asked = f'("{url}" {" ".join(parameters)})' if parameters else f'"{url}"'
        lines = self.do(f"URLFETCH {asked}")
        assert lines[-1].endswith(" OK Urlfetch completed."), lines
        begin = f'* URLFETCH "{url}" '
        rows = [line for line in lines if line.startswith("* URLFETCH")]
        assert len(rows) == 1 and rows[0].startswith(begin), lines
        rest = rows[0][len(begin):]
        return None if rest == "NIL" else rest

    def data(self, url):
        found = self.fetch(url)
        return found if found is None else re.fullmatch(r"\{\d+\}\r\n(.*)", found, re.S)[1]


@pytest.fixture(scope="module")
def server():
    with culver.Server(SETTINGS, users=dict.fromkeys(("joe", "fred", "carol", "Fred.X"),
                                                     "secret")) as s:
        yield s


@pytest.fixture
def joe(server):
    w = Client(server.imap_port).login("joe")
    w.do("DELETE b")
    w.do("CREATE b")
    w.append(MESSAGE, "b")
    yield w
    w.close()


def login(server, user):
    return Client(server.imap_port).login(user)


RUMP = f"imap://joe@{HOST}/b/;uid=1/;section=1.2;urlauth="
TEXT = "Si vis pacem, para bellum.\r\n"


def test_capability(server):
    with culver.Server() as plain:
        w = Client(plain.imap_port)
        lines = w.do("LOGIN alice secret")
        assert "URLAUTH" not in " ".join(lines + w.do("CAPABILITY"))
        assert "URLMECH" not in " ".join(w.do("SELECT INBOX"))
        for command in ("RESETKEY", f'URLFETCH "{RUMP}anonymous:internal:{"0" * 66}"',
                        f'GENURLAUTH "{RUMP}anonymous" INTERNAL'):
            assert w.do(command) == [f"t{w.count} BAD URLAUTH is not available."]
    w = Client(server.imap_port)
    assert "URLAUTH" not in w.greeting
    line = w.do("LOGIN joe secret")[-1]
    assert " URLAUTH URLAUTH=BINARY " in line


def test_examples_of_rfc4467(server, joe):
    """a775, a776 and a777; a001; a31 to a33."""
    base = f"imap://joe@{HOST}/b/;uid=1/;section=1.2"
    assert joe.do(f'GENURLAUTH "{base}" INTERNAL')[-1].split()[1] == "BAD"
    assert joe.do(f'GENURLAUTH "imap://{HOST}/b/;uid=1/;section=1.2;urlauth=submit+fred" '
                  "INTERNAL")[-1].split()[1] == "BAD"
    url = joe.url(f"{base};urlauth=submit+fred")
    assert re.fullmatch(re.escape(f"{base};urlauth=submit+fred") + ":internal:[0-9a-f]{66}", url)
    carol = login(server, "carol")
    assert carol.fetch(url) == "{28}\r\n" + TEXT
    carol.close()
    # whoever is no submission server gets nothing, the owner and fred neither
    fred = login(server, "fred")
    assert fred.fetch(url) is None and joe.fetch(url) is None
    fred.close()
    assert joe.do("RESETKEY")[-1] == f"t{joe.count} OK All keys removed."
    assert joe.do("RESETKEY b") == [f"t{joe.count} OK [URLMECH INTERNAL] Key removed."]
    assert joe.do("RESETKEY b INTERNAL internal")[-1].split()[1:4] == ["OK", "[URLMECH", "INTERNAL]"]
    assert joe.do("RESETKEY b XSAMPLE")[-1].split()[1] == "NO"
    carol = login(server, "carol")
    assert carol.fetch(url) is None
    carol.close()


def test_examples_of_rfc5524(server, joe):
    fred = login(server, "fred")
    url = joe.url(RUMP + "anonymous")
    assert fred.fetch(url, "BINARY") == "(BINARY {28}\r\n" + TEXT + ")"
    image = joe.url(RUMP.replace("1.2", "1.3") + "anonymous")
    size = len(PNG)
    asis = f'("image" "png" ("name" "x.png") NIL NIL "base64" {len(ENCODED)} NIL NIL NIL NIL)'
    decoded = asis.replace("base64", "binary").replace(f" {len(ENCODED)}", f" {size}")
    assert fred.fetch(image, "BINARY", "BODYPARTSTRUCTURE") == (
        f"(BODYPARTSTRUCTURE {decoded}) (BINARY ~{{{size}}}\r\n" + latin(PNG) + ")")
    assert fred.fetch(image, "BODYPARTSTRUCTURE") == f"(BODYPARTSTRUCTURE {asis})"
    assert fred.fetch(image, "BODYPARTSTRUCTURE", "BODY") == (
        f"(BODYPARTSTRUCTURE {asis}) (BODY {{{len(ENCODED)}}}\r\n" + latin(ENCODED) + ")")
    # "some parts cannot be decoded"
    odd = joe.url(RUMP.replace("1.2", "1.4") + "anonymous")
    assert fred.fetch(odd, "BODYPARTSTRUCTURE", "BINARY") == (
        '(BODYPARTSTRUCTURE ("image" "png" NIL NIL NIL "x-blurdybloop" 4 NIL NIL NIL NIL)) (BINARY NIL)')
    # "if a part simply doesn't exist"
    none = joe.url(RUMP.replace("1.2", "200") + "anonymous")
    assert fred.fetch(none, "BODYPARTSTRUCTURE", "BODY") is None
    # a text has other lines when it is decoded
    text = joe.url(RUMP.replace("1.2", "1.5") + "anonymous")
    assert fred.fetch(text, "BODYPARTSTRUCTURE", "BINARY") == (
        '(BODYPARTSTRUCTURE ("text" "plain" ("charset" "utf-8") NIL NIL "8bit" 11 1 NIL NIL NIL NIL)) '
        "(BINARY {11}\r\n" + latin("grün\r\nzwei".encode()) + ")")
    # without parameters: as unextended
    assert fred.do(f'URLFETCH ("{url}")')[0] == f'* URLFETCH "{url}" {{28}}\r\n' + TEXT
    for wrong in (f'("{url}" BINARY BODY)', f'("{url}" BODY BODY)', f'("{url}" X)', "()",
                  f'(("{url}") BODY)', f'("{url}" (BODY))', "", "X (", f'"{url}" ("{url}" "BODY")'):
        assert fred.refused(f"URLFETCH {wrong}") == "BAD", wrong
    fred.close()


@pytest.mark.parametrize("path, structure, body", [
    ("", r'\("message" "rfc822" NIL NIL NIL "8bit" %d \(.*\) \(.*"mixed".*\) \d+ NIL NIL NIL NIL\)' % len(MESSAGE),
     latin(MESSAGE)),
    ("/;section=HEADER", r'\("text" "rfc822-headers" NIL NIL NIL "8bit" 103 5 NIL NIL NIL NIL\)', None),
    ("/;section=1.3.MIME", r'\("text" "rfc822-headers" NIL NIL NIL "8bit" \d+ 3 NIL NIL NIL NIL\)', None),
    ("/;section=HEADER.FIELDS%20(Subject)",
     r'\("text" "rfc822-headers" NIL NIL NIL "8bit" 18 2 NIL NIL NIL NIL\)', "Subject: parts\r\n\r\n"),
    ("/;section=2", r'\("message" "rfc822" NIL NIL NIL "7bit" 28 \(.*\) \("text".*\) \d NIL NIL NIL NIL\)',
     "Subject: inner\r\n\r\ninner body"),
    ("/;section=2.TEXT", r'.*', "inner body"),
    ("/;section=1.2/;partial=3.3", r'\("text".*\)', "vis"),
    ("/;section=1.2/;partial=100", r'\("text".*\)', ""),
])
def test_sections_and_what_they_are_like(joe, path, structure, body):
    url = joe.url(f"imap://joe@{HOST}/b/;uid=1{path};URLAUTH=user+joe")
    found = joe.data(url)
    assert found is not None and (body is None or found == body)
    got = joe.fetch(url, "BODYPARTSTRUCTURE", "BODY")
    match = re.match(r"\(BODYPARTSTRUCTURE (.*)\) \(BODY \{(\d+)\}\r\n", got, re.S)
    assert re.fullmatch(structure, match[1], re.S), got
    assert int(match[2]) == len(found) and got[match.end():-1] == found


ACCESS = [("anonymous", {"joe", "fred", "carol"}), ("authuser", {"joe", "fred", "carol"}),
          ("user+fred", {"fred"}), ("user+joe", {"joe"}), ("user+Fred", set()),
          ("user+fred@example.com", None), ("user+%66red", {"fred"}), ("user+fred%20", set()),
          ("submit+fred", {"carol"}), ("submit+nobody", {"carol"}), ("submit+carol", {"carol"}),
          ("SUBMIT+fred", {"carol"}), ("User+fred", {"fred"}), ("user+g%C3%BCn", set()),
          ("user+", None), ("submit", None), ("stranger", None), ("", None)]


@pytest.mark.parametrize("access, who", ACCESS)
def test_who_may(server, joe, access, who):
    if who is None:
        assert joe.do(f'GENURLAUTH "{RUMP}{access}" INTERNAL')[-1].split()[1] == "BAD"
        return
    url = joe.url(RUMP + access)
    for user in ("joe", "fred", "carol"):
        w = login(server, user)
        assert w.data(url) == (TEXT if user in who else None), user
        w.close()


def test_genurlauth_refuses(server, joe):
    joe.do("CREATE gone")
    validity = re.search(r"UIDVALIDITY (\d+)", joe.do("STATUS b (UIDVALIDITY)")[0])[1]
    bad = [f"imap://fred@{HOST}/b/;uid=1;urlauth=anonymous",
           f"imap://Joe@{HOST}/b/;uid=1;urlauth=anonymous",
           "imap://joe@elsewhere.example/b/;uid=1;urlauth=anonymous",
           f"imap://joe@{HOST}:993/b/;uid=1;urlauth=anonymous",
           f"imap://joe@{HOST}/none/;uid=1;urlauth=anonymous",
           f"imap://joe@{HOST}/b;urlauth=anonymous", f"imap://joe@{HOST}/;urlauth=anonymous",
           f"imap://joe@{HOST}/b;UIDVALIDITY=1/;uid=1;urlauth=anonymous",
           f"imap://joe@{HOST}/b/;uid=1;EXPIRE=2000-01-01T00:00:00Z;urlauth=anonymous",
           f"imap://joe@{HOST}/b?TEXT%20x;urlauth=anonymous",
           joe.url(RUMP + "anonymous"), "x", "/b/;uid=1;urlauth=anonymous"]
    for rump in bad:
        assert joe.refused(f'GENURLAUTH "{rump}" INTERNAL') == "BAD", rump
    good = RUMP + "anonymous"
    for args in ("", f'"{good}"', f'"{good}" XSAMPLE', f'"{good}" "INTERNAL"',
                 f'"{good}" INTERNAL "{good}"', f'"{good}" INTERNAL "{bad[0]}" INTERNAL',
                 f'("{good}") INTERNAL'):
        assert joe.refused(f"GENURLAUTH {args}") == "BAD", args
    # several at once, in the spelling that came; the same every time
    other = f"IMAP://joe@EXAMPLE.com:143/%62;UIDVALIDITY={validity}/;UID=1;URLAUTH=anonymous"
    line = joe.do(f'GENURLAUTH "{good}" INTERNAL "{other}" internal')[0]
    urls = re.fullmatch(r'\* GENURLAUTH "(.*)" "(.*)"', line)
    assert urls[1] == joe.url(good) and urls[2].startswith(other + ":internal:")
    assert joe.data(urls[2]) == latin(MESSAGE) and joe.data(urls[1]) == TEXT
    # it is the letters that were signed
    assert joe.data(urls[2].replace("IMAP:", "imap:")) is None
    assert joe.data(urls[1].upper()) is None
    assert joe.data(urls[1].replace(":internal:", ":INTERNAL:")) == TEXT


def test_forged_and_bent(server, joe):
    url = joe.url(RUMP + "user+fred")
    fred = login(server, "fred")
    assert fred.data(url) == TEXT
    rump, token = url.split(":internal:")
    for bent in (url[:-1] + "%x" % (int(url[-1], 16) ^ 1), url[:-2], url + "00",
                 f"{rump}:internal:{'0' * 66}", f"{rump}:internal:01{'0' * 64}",
                 f"{rump}:internal:02{token[2:]}", f"{rump}:internal:{token[2:]}",
                 f"{rump}:xsample:{token}", rump, f"{rump}:internal", f"{rump}:internal:",
                 url.replace("section=1.2", "section=1.1"), url.replace("uid=1", "uid=2"),
                 url.replace("joe@", "fred@"), url.replace("joe@", "Joe@"),
                 url.replace("joe@", "nobody-at-all@"), url.replace("/b/", "/none/"),
                 url.replace("/b/", "/INBOX/"), url.replace(HOST, "other.example"),
                 url.replace(HOST, HOST + ":143"), url.replace("user+fred", "anonymous"),
                 url.replace("user+fred", "user+carol"), url.replace("/;section=1.2", ""),
                 url.replace(";urlauth", ";EXPIRE=2999-01-01T00:00:00Z;urlauth"),
                 f"imap://joe@{HOST}/", f"imap://joe@{HOST}/b", "imap:", "x", "",
                 "/b/;uid=1", url + "\\\\", url.replace("joe@", "j%00@")):
        assert fred.fetch(bent) is None, bent
        assert fred.fetch(bent, "BODYPARTSTRUCTURE") is None, bent
    assert fred.data(url) == TEXT
    # one bad, one good, one that is a literal
    lines = fred.do(f'URLFETCH "x" ("{url}" BINARY) {{{len(url)}+}}\r\n{url}')
    assert lines[0] == '* URLFETCH "x" NIL'
    assert lines[1] == f'* URLFETCH "{url}" (BINARY {{28}}\r\n{TEXT})'
    assert lines[2] == f'* URLFETCH "{url}" {{28}}\r\n{TEXT}'
    fred.close()


def test_expire(joe):
    rump = f"imap://joe@{HOST}/b/;uid=1;EXPIRE=%s;URLAUTH=user+joe"
    assert joe.data(joe.url(rump % "2999-12-31T23:59:59Z")) == latin(MESSAGE)
    # [RFC4467 3] nobody is given one that is over already
    assert joe.do(f'GENURLAUTH "{rump % "2000-01-01T00:00:00Z"}" INTERNAL')[-1].split()[1] \
        in ("BAD", "NO")


def test_a_url_that_expires(server, joe):
    """It is good when it is made, and not any more when it is asked for."""
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    url = joe.url(f"imap://joe@{HOST}/b/;uid=1;EXPIRE={soon:%Y-%m-%dT%H:%M:%SZ};"
                  "URLAUTH=anonymous")
    fred = login(server, "fred")
    # asked before its time and answered: never refused; how long that takes is the machine's
    first = fred.data(url)
    assert first == latin(MESSAGE) or datetime.datetime.now(datetime.timezone.utc) > soon
    assert wait_until(lambda: fred.fetch(url) is None)
    assert datetime.datetime.now(datetime.timezone.utc) >= soon.replace(microsecond=0)
    assert fred.fetch(url, "BODYPARTSTRUCTURE") is None and joe.fetch(url) is None
    fred.close()


def test_keys_live_and_die_with_the_mailbox(server, joe):
    fred = login(server, "fred")
    url = joe.url(RUMP + "anonymous")
    joe.do("CREATE other")
    other = joe.url(f"imap://joe@{HOST}/other/;uid=1;urlauth=anonymous")
    assert fred.data(url) == TEXT
    assert fred.data(other) is None
    joe.append(LONG, "other")
    assert fred.data(other) == latin(LONG)
    # renamed, and back
    joe.do("RENAME b c")
    assert fred.data(url) is None
    joe.do("RENAME c b")
    assert fred.data(url) == TEXT
    # one key; then all
    joe.do("RESETKEY other")
    assert fred.data(other) is None and fred.data(url) == TEXT
    new = joe.url(f"imap://joe@{HOST}/other/;uid=1;urlauth=anonymous")
    assert new != other and fred.data(new) == latin(LONG)
    joe.do("RESETKEY")
    assert fred.data(new) is None and fred.data(url) is None
    # one that is made again has nothing of the old one
    url = joe.url(RUMP + "anonymous")
    joe.do("DELETE b")
    joe.do("CREATE b")
    joe.append(MESSAGE, "b")
    assert fred.data(url) is None
    # expunged
    url = joe.url(RUMP + "anonymous")
    assert fred.data(url) == TEXT
    joe.do("SELECT b")
    joe.do("STORE 1 +FLAGS (\\Deleted)")
    joe.do("EXPUNGE")
    assert fred.data(url) is None
    joe.do("UNSELECT")
    joe.do("DELETE other")
    for name in ("none", '"shared/x/y"', "a//b"):
        assert joe.do(f"RESETKEY {name}")[-1].split()[1] == "NO"
    fred.close()


def test_reading_by_url_leaves_no_trace(server, joe):
    fred = login(server, "fred")
    url = joe.url(RUMP + "anonymous")
    assert "URLMECH INTERNAL" in " ".join(joe.do("SELECT b"))
    assert "* OK [URLMECH INTERNAL] Mechanisms supported." in joe.do("EXAMINE b")
    assert fred.data(url) == TEXT and joe.data(url) == TEXT
    assert "\\Seen" not in joe.do("FETCH 1 (FLAGS)")[0]
    assert fred.do("SELECT INBOX")[-1].split()[1] == "OK"
    assert fred.data(url) == TEXT
    assert fred.do("CHECK")[-1].split()[1] == "OK"
    fred.close()


def test_another_session_hears_of_a_new_key(server, joe):
    """[RFC4467 7 RESETKEY]"""
    joe.do("RESETKEY b")
    other = login(server, "joe")
    told = "* OK [URLMECH INTERNAL] Mechanisms supported."
    assert told in other.do("SELECT b")
    assert told not in other.do("NOOP")
    joe.do("RESETKEY b")
    assert told in other.do("NOOP")
    assert told not in other.do("NOOP")
    joe.do("RESETKEY")
    assert told in other.do("NOOP")
    other.close()


def test_no_command_shows_a_key(server, joe):
    joe.url(RUMP + "anonymous")
    for name in ("b", '""'):
        for entry in ("/private", "/shared"):
            lines = joe.do(f'GETMETADATA (DEPTH infinity) {name} "{entry}"')
            assert "urlauth" not in " ".join(lines).lower()
        for entry in ("urlauth", "/urlauth", "private/urlauth"):
            assert joe.do(f'GETMETADATA {name} "{entry}"')[-1].split()[1] in ("BAD", "NO")
            assert joe.do(f'SETMETADATA {name} ("{entry}" "x")')[-1].split()[1] in ("BAD", "NO")
    for name in ("b", ""):
        listed = server.adm("mailbox", "metadata", "list", "-u", "joe", name, check=False).stdout
        assert "urlauth" not in listed
        got = server.adm("mailbox", "metadata", "get", "-u", "joe", name, "urlauth", check=False)
        assert got.returncode != 0


def test_catenate_takes_authorized_urls(server, joe):
    fred = login(server, "fred")
    fred.do("DELETE out")
    fred.do("CREATE out")
    url = joe.url(RUMP + "user+fred")
    head = "Subject: joined\r\n\r\n"
    line = fred.do(f'APPEND out CATENATE (TEXT {{{len(head)}+}}\r\n{head} URL "{url}" '
                   f'URL "{url}")')[-1]
    assert " OK [APPENDUID" in line, line
    fred.do("EXAMINE out")
    assert fred.do("FETCH 1 BODY[]")[0].endswith(head + (TEXT) * 2 + ")")
    line = fred.do(f'APPEND out CATENATE (URL "{url[:-1]}" URL "/out/;UID=1")')[-1]
    assert " NO [BADURL imap://joe@" in line, line
    # a URL with a server and without an authorization is beyond [RFC4469 3]
    line = fred.do(f'APPEND out CATENATE (URL "imap://fred@{HOST}/out/;UID=1")')[-1]
    assert " NO [BADURL" in line, line
    fred.close()


def test_names_in_any_script(server, joe):
    joe.do("DELETE Gr&APw-n/x")
    joe.do("CREATE Gr&APw-n/x")
    joe.append(MESSAGE, "Gr&APw-n/x")
    url = joe.url(f"imap://joe@{HOST}/Gr%C3%BCn%2Fx/;uid=1/;section=1.2;urlauth=anonymous")
    same = joe.url(f"imap://joe@{HOST}/Gr%C3%BCn/x/;uid=1/;section=1.2;urlauth=anonymous")
    fred = login(server, "fred")
    assert fred.data(url) == fred.data(same) == TEXT
    fred.do("ENABLE UTF8=ACCEPT")
    assert fred.data(url) == TEXT
    fred.close()


def test_compressed(server, joe):
    """URLFETCH within COMPRESS=DEFLATE: the data is what it was."""
    url = joe.url(RUMP + "anonymous")
    big = joe.url(f"imap://joe@{HOST}/b/;uid=1;urlauth=anonymous")
    fred = Packed(server).start("fred")
    for asked, data in ((url, TEXT), (big, latin(MESSAGE))):
        assert fred.do(f'URLFETCH "{asked}"')[0].decode("latin-1") == \
            f'* URLFETCH "{asked}" {{{len(data)}}}\r\n{data}'
    assert fred.do(f'URLFETCH "{url[:-2]}"')[0].endswith(b'" NIL')
    assert fred.do("NOOP")[-1].split()[1] == b"OK"
    fred.sock.close()


def test_long_lists_are_bounded(server, joe):
    url = joe.url(RUMP + "anonymous")
    lines = joe.do("URLFETCH " + " ".join([f'"{url}"'] * 300))
    assert len(lines) == 301 and all(TEXT in line for line in lines[:-1])
    lines = joe.do("URLFETCH " + " ".join(["x"] * 1001))
    assert len(lines) == 1 and lines[0].split()[1] == "BAD"
    lines = joe.do("GENURLAUTH " + " ".join(["x INTERNAL"] * 1001))
    assert lines[-1].split()[1] == "BAD"


def test_sleeping_sessions():
    """Between GENURLAUTH and URLFETCH all sleep; what a session knows of the key goes along."""
    users = dict.fromkeys(("joe", "fred"), "secret")
    with culver.Server(SETTINGS + QUICK, users=users) as s:
        joe, fred = login(s, "joe"), login(s, "fred")
        joe.append(MESSAGE, "INBOX")
        rump = RUMP.replace("/b/", "/INBOX/") + "anonymous"
        url = joe.url(rump)
        fred.do("SELECT INBOX")
        joe.do("SELECT INBOX")
        asleep(s)
        assert fred.data(url) == TEXT       # he is awake again, and joe is not
        asleep(s)
        other = login(s, "joe")
        other.do("RESETKEY INBOX")
        new = other.url(rump)
        asleep(s)
        assert fred.data(url) is None and fred.data(new) == TEXT
        assert any("URLMECH" in line for line in joe.do("NOOP"))
        for w in (joe, fred, other):
            w.close()


def test_any_name_and_another_port():
    users = dict.fromkeys(("joe", "fred"), "secret")
    with culver.Server("imap_urlauth_host = *\nimap_urlauth_port = 1143\n", users=users) as s:
        joe, fred = login(s, "joe"), login(s, "fred")
        joe.append(MESSAGE, "INBOX")
        for host in ("[::1]:1143", "any.example:1143"):
            url = joe.url(f"imap://joe@{host}/INBOX/;uid=1/;section=1.2;urlauth=anonymous")
            assert fred.data(url) == TEXT
            # nobody is named: nobody submits
            url = joe.url(f"imap://joe@{host}/INBOX/;uid=1/;section=1.2;urlauth=submit+fred")
            assert fred.data(url) is None
        assert joe.do('GENURLAUTH "imap://joe@any.example/INBOX/;uid=1;urlauth=anonymous" '
                      "INTERNAL")[-1].split()[1] == "BAD"
        joe.close()
        fred.close()


@pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")
def test_owners_of_other_uids_and_their_rights():
    """Brokers work as the owner; what they read is what the owner may read."""
    extra = SETTINGS.replace("carol", "bob") + """
namespace mine {
  prefix = Old.Mail/
  separator = /
  location = maildir:~/Old
}
"""
    with Shared(extra) as s:
        alice, bob = login(s, "alice"), login(s, "bob")
        alice.append(MESSAGE, "INBOX")
        alice.append(LONG, "INBOX")
        alice.do("CREATE Old.Mail/x")
        alice.append(MESSAGE, "Old.Mail/x")
        rump = f"imap://alice@{HOST}/INBOX/;uid=1/;section=1.2;urlauth="
        url = alice.url(rump + "user+bob")
        assert bob.data(url) == TEXT
        assert {uid for _, uid in s.brokers()} - {0} == {UIDS["alice"]}
        big = alice.url(rump.replace("1/;section=1.2", "2") + "submit+carol")
        assert bob.data(big) == latin(LONG)
        old = alice.url(f"imap://alice@{HOST}/Old.Mail/x/;uid=1/;section=1.2;urlauth=user+bob")
        assert bob.data(old) == TEXT
        # nothing else is to be had by it
        assert bob.do("SELECT Old.Mail/x")[-1].split()[1] == "NO"
        carol = login(s, "carol")
        for u in (url, big, old):
            assert carol.data(u) is None
        # rights that the owner has lost are lost by URL as well
        s.grant("alice", "INBOX", "user=alice", "lookup")
        s.adm("acl", "set", "-u", "alice", "INBOX", "owner", "lookup")
        assert bob.data(url) is None and alice.data(url) is None
        assert alice.do(f'GENURLAUTH "{rump}anonymous" INTERNAL')[-1].split()[1] in ("NO", "BAD")
        for w in (alice, bob, carol):
            w.close()


# --- beside Dovecot ---------------------------------------------------------------------

DOVECOT = """
imap_urlauth_host = example.com
imap_metadata = yes
mail_attribute_dict = file:%h/attributes
service imap-urlauth-login {
  unix_listener imap-urlauth {
    mode = 0666
  }
}
"""


@pytest.mark.skipif(not dovecot.available(), reason="Debian's Dovecot is not installed")
def test_as_dovecot():
    """What both answer to the owner, but for tokens and texts for people."""
    users = dict.fromkeys(("joe", "fred"), "secret")
    base = f"imap://joe@{HOST}/b/;uid=1"
    rump = f"{base}/;section=1.2;urlauth=user+joe"
    refused = [f'GENURLAUTH "{base}" INTERNAL', f'GENURLAUTH "{rump}" XSAMPLE',
               f'GENURLAUTH "{rump.replace("joe@", "fred@")}" INTERNAL', "URLFETCH",
               f'GENURLAUTH "{rump.replace("/b/", "/none/")}" INTERNAL',
               "RESETKEY none", f'GENURLAUTH "{rump.replace(HOST, "x.example")}" INTERNAL']
    # BINARY is left out: the connection to Dovecot ends there; so is a list without
    # parameters, which it refuses and [RFC5524 3.1] has as the URL alone
    sections = ["", "/;section=1.2", "/;section=1.3", "/;section=1.3.MIME", "/;section=HEADER",
                "/;section=1.2/;partial=3.3", "/;section=2"]
    answers = []
    for kind, extra in ((culver.Server, SETTINGS), (dovecot.Dovecot, DOVECOT)):
        with kind(extra, users=users) as s:
            w = Client(s.imap_port).login("joe")
            w.do("CREATE b")
            w.append(MESSAGE, "b")
            said = [(command, w.refused(command)) for command in refused]
            for section in sections:
                url = w.url(f"{base}{section};urlauth=user+joe")
                bent = url[:-1] + "%x" % (int(url[-1], 16) ^ 1)
                for asked in (f'"{url}"', f'("{url}" BODY)', f'"{bent}"',
                              f'("{bent}" BODYPARTSTRUCTURE)'):
                    lines = w.do(f"URLFETCH {asked}")
                    said.append((section, asked.replace(url, "").replace(bent, "bent"), lines[-1].split()[1],
                                 re.sub(r'"imap:[^"]*"|imap:\S*', "URL", lines[0])))
            said += [w.do(f"RESETKEY{args}")[-1].split()[1:4] for args in ("", " b", " b INTERNAL")]
            answers.append(said)
            w.close()
    assert answers[0] == answers[1]
