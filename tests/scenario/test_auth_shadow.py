"""passdb shadow, with accounts that the test makes and takes away again."""
import os
import shutil
import subprocess

import pytest

import culver
from test_auth_sql import Server

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("useradd"), reason="needs root and useradd")
NAME = f"cvshadow{os.getpid()}"
PASSWORD = "s3cret ü"


def configuration():
    text = culver.CONFIG
    begin, end = text.index("passdb {{"), text.index("namespace inbox")
    return text[:begin] + """\
auth_username_chars =
passdb {{
  driver = shadow
}}
userdb {{
  driver = passwd
  override_fields = mail=maildir:{dir}/home/%n
}}
service auth-worker {{
  user = root
}}
""" + text[end:]


def run(*command, **kw):
    subprocess.run(command, check=True, capture_output=True, **kw)


@pytest.fixture(scope="module")
def account():
    hashed = subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True,
                            capture_output=True, text=True).stdout.strip()
    run("useradd", "-M", "-N", "-d", "/nonexistent", "-s", "/usr/sbin/nologin", "-p", hashed, NAME)
    yield NAME
    run("userdel", NAME)


@pytest.fixture(scope="module")
def server(account):
    server = Server(config=configuration())
    uid = __import__("pwd").getpwnam(account).pw_uid
    (server.dir / "home").chmod(0o777)
    home = server.dir / "home" / account
    home.mkdir()
    os.chown(home, uid, -1)
    with server:
        yield server


def login(server, user=NAME, password=PASSWORD):
    return server.login(user if isinstance(user, bytes) else user.encode(), password.encode())


def test_login(server):
    assert login(server).startswith("a OK"), server.log
    assert "AUTHENTICATIONFAILED" in login(server, password="wrong")
    assert "AUTHENTICATIONFAILED" in login(server, user=NAME + "x")
    assert PASSWORD not in server.log and "$6$" not in server.log


@pytest.mark.parametrize("name", [b"root", b"daemon", b"%u", b"../shadow", b"x:y", b"a\tb", b"a\nb",
                                  b"a" * 1000, "umläut".encode(), b"'", b'"', b"*", b""])
def test_hostile_names(server, name):
    for password in (PASSWORD, "", "*", "!", "x"):
        assert not login(server, name, password).startswith("a OK")
    assert login(server).startswith("a OK")


def test_locked_and_expired(server, account):
    try:
        run("usermod", "-L", account)
        assert "AUTHENTICATIONFAILED" in login(server)
        run("usermod", "-U", account)
        assert login(server).startswith("a OK")
        run("chage", "-E", "1", account)
        answer = login(server)
        assert answer.startswith("a NO") and "Account has expired." in answer
        # told to those alone who know the password
        assert "expired" not in login(server, password="wrong")
        run("chage", "-E", "-1", account)
        assert login(server).startswith("a OK")
        run("chage", "-d", "0", account)
        assert "Password has expired." in login(server)
        run("chage", "-d", "10", "-M", "5", account)
        assert "Password has expired." in login(server)
    finally:
        run("chage", "-d", "20000", "-M", "99999", "-E", "-1", account)
    assert login(server).startswith("a OK")


def test_without_the_right_to_read_it():
    server = Server(config=configuration().replace("user = root", ""))
    with server:
        assert "UNAVAILABLE" in login(server)
        assert "this process may not read /etc/shadow" in server.log
