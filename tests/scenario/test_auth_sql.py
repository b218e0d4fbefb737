"""Users in SQL databases: the real ones, with names that are no names."""
import base64
import itertools
import json
import shutil
import smtplib
import socket
import time

import pytest

import culver
import databases

HOSTILE = [
    "o'hara", "a\"b", "per%cent", "back\\slash", "\\'; drop table users; --", "x' or '1'='1",
    "umläut", "semi;colon", "dollar$1", "quest?ion", "co--mment", "/*c*/", "$$", "%u", "{x}",
]
SECRET = "tOpS3cret"


def rows(home, extra=()):
    uid, gid = culver.MAIL_USER, culver.MAIL_GROUP
    import grp
    import pwd
    uid, gid = pwd.getpwnam(uid).pw_uid, grp.getgrnam(gid).gr_gid
    names = ["alice", "bob", *HOSTILE, *extra]
    return [(name, "example.com", "{PLAIN}" + SECRET, f"{home}/u{i}", uid, gid)
            for i, name in enumerate(names)] + [
        ("nopass", "example.com", None, f"{home}/x", uid, gid),
        ("twice", "example.com", "{PLAIN}a", f"{home}/x", uid, gid),
        ("twice", "example.com", "{PLAIN}b", f"{home}/x", uid, gid)]


FILE = """
# a comment
driver = {driver}
connect = {connect}
default_pass_scheme = PLAIN
password_query = {password_query}
user_query = {user_query}
iterate_query = SELECT username, \\
  domain FROM users WHERE username <> 'twice'
"""
PASSWORD = ("SELECT username, domain, password FROM users "
            "WHERE username = '%n' AND domain = '%d'")
USER = "SELECT home, uid, gid FROM users WHERE username = '%n' AND domain = '%d'"


def configuration():
    text = culver.CONFIG
    begin, end = text.index("passdb {{"), text.index("namespace inbox")
    return text[:begin] + """\
auth_username_chars =
auth_worker_max_count = 1
passdb {{
  driver = sql
  args = {dir}/sql.conf.ext
}}
userdb {{
  driver = sql
  args = {dir}/sql.conf.ext
}}
""" + text[end:]


SOURCES = itertools.count()


class Server(culver.Server):
    def write_sql(self, database, connect=None, password_query=PASSWORD, user_query=USER):
        path = self.dir / "sql.conf.ext"
        path.write_text(FILE.format(
            driver=database.driver, connect=connect or f"{database.host} {database.rest}",
            password_query=password_query, user_query=user_query))
        path.chmod(0o600)

    def login(self, user, password):
        # from another address each time: the penalty of one delays no other
        source = next(SOURCES)
        token = base64.b64encode(b"\0" + user + b"\0" + password)
        with socket.create_connection(
                ("127.0.0.1", self.imap_port), 60,
                (f"127.9.{source // 250}.{source % 250 + 1}", 0)) as client:
            client.sendall(b"a AUTHENTICATE PLAIN " + token + b"\r\n")
            with client.makefile("rb") as lines:
                while not (line := lines.readline()).startswith(b"a "):
                    assert line
            return line.decode()


@pytest.fixture(scope="module", params=databases.ALL, ids=lambda kind: kind.driver)
def database(request):
    if not request.param.there():
        pytest.skip("its server is not installed")
    with request.param() as database:
        yield database


@pytest.fixture(scope="module")
def server(database):
    server = Server(config=configuration())
    database.fill(rows(server.home("")))
    server.write_sql(database)
    with server:
        yield server


def ok(answer):
    return answer.startswith("a OK")


def test_login(server):
    assert ok(server.login(b"alice@example.com", SECRET.encode()))
    assert "AUTHENTICATIONFAILED" in server.login(b"alice@example.com", b"wrong")
    assert "AUTHENTICATIONFAILED" in server.login(b"nobody@example.com", SECRET.encode())
    assert "AUTHENTICATIONFAILED" in server.login(b"alice@example.org", SECRET.encode())
    assert "AUTHENTICATIONFAILED" in server.login(b"nopass@example.com", b"x")


def test_more_than_one_row_is_a_failure(server):
    assert "UNAVAILABLE" in server.login(b"twice@example.com", b"a")
    assert "more than one row for 'twice@example.com'" in server.log


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_names(server, name):
    """Each is a user of its own, and no other's."""
    user = f"{name}@example.com".encode()
    assert "AUTHENTICATIONFAILED" in server.login(user, b"wrong")
    answer = server.login(user, SECRET.encode())
    # a name may be refused as a path of the home, not by the database
    assert ok(answer), answer + "".join(l for l in server.log.splitlines(True) if name[:3] in l)


@pytest.mark.parametrize("name", [b"\xff\xfe", b"alice\xc0\xa7", b"ali\tce", b"ali\nce", b"%",
                                  b"a%", b"' OR 1=1 -- ", b"\xed\xa0\x80"])
def test_what_is_no_name_gets_nobody_in(server, name):
    # [RFC4616 2] what is not UTF-8 is no message of PLAIN
    try:
        name.decode()
        answer = "a NO [AUTHENTICATIONFAILED]"
    except UnicodeDecodeError:
        answer = "a BAD"
    assert server.login(name + b"@example.com", SECRET.encode()).startswith(answer)
    assert ok(server.login(b"alice@example.com", SECRET.encode()))


def test_lmtp_asks_the_userdb(server):
    with smtplib.LMTP("127.0.0.1", server.lmtp_port) as lmtp:
        lmtp.sendmail("x@example.com", ["bob@example.com"], "Subject: hello\r\n\r\nx\r\n")
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            lmtp.sendmail("x@example.com", ["nobody@example.com"], "Subject: x\r\n\r\nx\r\n")
    assert refused.value.recipients["nobody@example.com"][0] == 550


def test_user_and_iteration(server):
    found = server.adm("-f", "json", "user", "alice@example.com").stdout
    assert str(server.home("u0")) in found
    names = server.adm("user", "*").stdout.splitlines()
    assert "alice@example.com" in names and "o'hara@example.com" in names
    assert "twice@example.com" not in names


def test_no_secret_in_the_log(server):
    assert SECRET not in server.log
    assert "{PLAIN}" not in server.log


QUERIES = {
    "bare": "SELECT password FROM users WHERE username = %n AND domain = %d",
    "whole": "SELECT password, '%u' AS user FROM users "
             "WHERE '%n@%d' = '%u' AND username = '%Ln' AND domain = '%{domain}'",
    "like": "SELECT password FROM users WHERE username LIKE '%n%%' AND domain = '%d' "
            "AND username NOT LIKE 'bo%%'",
    "table": "SELECT password FROM %{if;%d;eq;example.com;users;nothing} WHERE username = '%n' "
             "/* of '%d' */",
    "verify": "SELECT NULL AS password, 'Y' AS nopassword FROM users WHERE username = '%n' "
              "AND password = '{{PLAIN}}%w'",
}


@pytest.mark.parametrize("name", QUERIES)
def test_spellings(database, server, name):
    query = QUERIES[name].replace("{{", "{").replace("}}", "}")
    try:
        server.write_sql(database, password_query=query)
        server.adm("reload")
        assert culver.wait_for(lambda: ok(server.login(b"alice@example.com", SECRET.encode()))), \
            server.log[-2000:]
        assert "AUTHENTICATIONFAILED" in server.login(b"alice@example.com", b"wrong")
        assert "AUTHENTICATIONFAILED" in server.login(b"x' OR 'a'='a@example.com",
                                                      SECRET.encode())
    finally:
        server.write_sql(database)
        server.adm("reload")
    assert SECRET not in server.log


def test_the_database_goes_and_comes_back(database, server):
    assert ok(server.login(b"alice@example.com", SECRET.encode()))
    database.stop()
    try:
        answer = server.login(b"alice@example.com", SECRET.encode())
        assert "UNAVAILABLE" in answer
        assert "is the database running" in server.log
        with smtplib.LMTP("127.0.0.1", server.lmtp_port) as lmtp, \
                pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            lmtp.sendmail("x@example.com", ["bob@example.com"], "Subject: x\r\n\r\nx\r\n")
        assert refused.value.recipients["bob@example.com"][0] == 451
    finally:
        database.start()
    assert culver.wait_for(lambda: ok(server.login(b"alice@example.com", SECRET.encode())), 20)


def test_a_connection_that_died_is_replaced_at_once(database, server):
    """Nobody is refused because the database was started anew between two logins."""
    assert ok(server.login(b"alice@example.com", SECRET.encode()))
    database.stop()
    database.start()
    assert ok(server.login(b"alice@example.com", SECRET.encode()))


@pytest.mark.parametrize("kind", [databases.Postgres, databases.MariaDB],
                         ids=lambda kind: kind.driver)
def test_two_hosts(kind):
    if not kind.there():
        pytest.skip("its server is not installed")
    with kind() as first, kind() as second:
        server = Server(config=configuration())
        first.fill(rows(server.home("")))
        second.fill(rows(server.home(""), extra=["second"]))
        server.write_sql(first, f"{first.host} {second.host} {first.rest}")
        with server:
            assert ok(server.login(b"alice@example.com", SECRET.encode()))
            assert "FAILED" in server.login(b"second@example.com", SECRET.encode())
            first.stop()
            assert ok(server.login(b"alice@example.com", SECRET.encode()))
            assert ok(server.login(b"second@example.com", SECRET.encode()))
            assert "trying the next host" in server.log
            first.start()
            # and back to the first when it may be asked again
            assert culver.wait_for(
                lambda: "FAILED" in server.login(b"second@example.com", SECRET.encode()), 20)
