"""A user of the system logs in with the password that PAM checks."""
import contextlib
import imaplib
import json
import os
import pathlib
import secrets
import shutil
import subprocess

import pytest

import culver

PAM = pathlib.Path("/etc/pam.d")
SERVICE = """\
auth    required pam_unix.so
account required pam_unix.so
"""
CONFIG = """
service auth-worker {{
  user = root
}}
"""


def needs():
    if os.geteuid() != 0:
        return "only root can make a user of the system"
    if shutil.which("useradd") is None or not PAM.is_dir():
        return "there is no useradd or no /etc/pam.d"
    return None


pytestmark = pytest.mark.skipif(needs() is not None, reason=needs() or "")


@pytest.fixture
def system_user():
    """(name, password) of a user that is there for this test alone."""
    name, password = f"cvt{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    home = pathlib.Path("/tmp") / f"culver-home-{name}"
    subprocess.run(["useradd", "-M", "-d", home, "-s", "/usr/sbin/nologin", name], check=True)
    try:
        subprocess.run(["chpasswd"], input=f"{name}:{password}\n", text=True, check=True)
        home.mkdir(mode=0o700)
        shutil.chown(home, name, name)
        yield name, password
    finally:
        subprocess.run(["userdel", name], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def pam_service():
    path = PAM / f"culver-test-{secrets.token_hex(4)}"
    path.write_text(SERVICE)
    yield path.name
    path.unlink()


@pytest.fixture
def session_service():
    """Makes PAM services with these lines for the session."""
    made = []

    def make(*modules):
        path = PAM / f"culver-test-{secrets.token_hex(4)}"
        path.write_text(SERVICE + "".join(f"session {line}\n" for line in modules))
        made.append(path)
        return path.name

    yield make
    for path in made:
        path.unlink()


def configuration(service):
    text = culver.CONFIG
    begin, end = text.index("passdb {{"), text.index("namespace inbox")
    return text[:begin] + f"""\
passdb {{{{
  driver = pam
  args = max_requests=10 cache_key=%u {service}
}}}}
userdb {{{{
  driver = passwd
  args = blocking=no
}}}}
""" + text[end:] + CONFIG


def login(server, user, password):
    client = imaplib.IMAP4("127.0.0.1", server.imap_port)
    try:
        client.login(user, password)
        return client
    except imaplib.IMAP4.error as error:
        client.shutdown()
        assert "AUTHENTICATIONFAILED" in str(error), error
        return None


def mapped(server):
    """{service: [what is mapped into each of its processes]}"""
    found = {}
    for row in json.loads(server.adm("-f", "json", "service", "status").stdout):
        pids = [row["pid"]]
        if row["service"] == "auth-worker": # the first process only forks
            pids = pathlib.Path(f"/proc/{row['pid']}/task/{row['pid']}/children") \
                .read_text().split()
        found.setdefault(row["service"], []).extend(
            pathlib.Path(f"/proc/{pid}/maps").read_text() for pid in pids)
    return found


def test_what_may_block_is_not_loaded_in_auth(pam_service):
    """PAM, and the database of the system, are mapped in auth-worker alone;
    auth's sandbox has no room for them, either."""
    with culver.Server(config=configuration(pam_service)) as server:
        assert login(server, "nobody-here", "x") is None
        maps = mapped(server)
        assert len(maps["auth"]) == 1 and len(maps["auth-worker"]) >= 1, maps.keys()
        for text in maps["auth-worker"]:
            assert "/auth-pam.so" in text and "/libpam.so" in text
            assert "/auth-passwd.so" in text
        for word in ("auth-pam", "libpam", "auth-passwd"):
            assert word not in maps["auth"][0]
        # what never blocks is where everybody is answered
        assert "/scheme-crypt.so" in maps["auth"][0]
        done = server.adm("selftest", "-u", culver.MAIL_USER, "-s", "auth", "sandbox",
                          check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_user_of_the_system_logs_in_with_their_password(system_user, pam_service):
    user, password = system_user
    with culver.Server(config=configuration(pam_service)) as server:
        assert login(server, user, password + "x") is None
        client = login(server, user, password)
        assert client is not None, server.log
        status, data = client.select("INBOX")
        assert status == "OK" and data == [b"0"]
        # it is the user's own process, and the mail is theirs
        rows = subprocess.run(["ps", "-u", user, "-o", "comm="], capture_output=True, text=True)
        assert rows.stdout.strip()
        client.append("INBOX", "", None, b"Subject: x\r\n\r\nx\r\n")
        client.logout()
        home = pathlib.Path(f"/tmp/culver-home-{user}")
        mails = [p for sub in ("cur", "new") for p in (home / "Maildir" / sub).iterdir()]
        assert len(mails) == 1 and mails[0].owner() == user
        assert login(server, "nobody-" + user, password) is None
        # a changed password counts at once
        subprocess.run(["chpasswd"], input=f"{user}:{password}2\n", text=True, check=True)
        assert login(server, user, password) is None
        login(server, user, password + "2").logout()
        # and an account that has been locked is closed
        subprocess.run(["usermod", "-L", user], check=True)
        assert login(server, user, password + "2") is None


def limits_of_workers(server):
    pids = [line.split()[0] for line in subprocess.run(
        ["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True).stdout.splitlines()
        if f" {server.process.pid} " in line and "auth-worker" in line]
    return {pathlib.Path(f"/proc/{pid}/limits").read_text() for pid in pids}


def test_a_session_of_pam_is_opened_and_closed(system_user, session_service):
    """And what its modules do to their process is not there for the next user."""
    user, password = system_user
    # of the files that a worker may read
    limits = PAM / f"culver-limits-{user}"
    limits.write_text(f"{user} hard nofile 77\n{user} soft nofile 66\n")
    service = session_service("required pam_unix.so", "required pam_permit.so",
                              f"required pam_limits.so conf={limits}")
    args = f"session=yes setcred=yes {service}"
    with contextlib.ExitStack() as stack:
        stack.callback(limits.unlink)
        server = stack.enter_context(culver.Server(config=configuration(args)))
        before = limits_of_workers(server)
        assert len(before) == 1
        for _ in range(8):
            client = login(server, user, password)
            assert client is not None, server.log
            client.logout()
        assert limits_of_workers(server) == before
        assert login(server, user, password + "x") is None


def test_a_session_that_is_refused_says_why(system_user, session_service):
    user, password = system_user
    service = session_service("required pam_unix.so", "required pam_deny.so")
    with culver.Server(config=configuration(f"session=yes {service}")) as server:
        with pytest.raises(AssertionError, match="UNAVAILABLE"):
            login(server, user, password)
        line = next(l for l in server.log.splitlines() if "pam_open_session" in l)
        assert f"passdb pam: {user}," in line
        assert "like pam_mkhomedir, needs sandbox = no" in line
    # without session=yes it is not asked
    with culver.Server(config=configuration(service)) as server:
        login(server, user, password).logout()
