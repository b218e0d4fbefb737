"""Databases that are replaced while the server runs, as editors and useradd do
it: a new file is renamed over the old one."""
import json
import os
import pathlib
import shutil
import signal
import smtplib
import subprocess

import pytest

import culver


def replace(path, text):
    new = path.with_suffix(".new")
    new.write_text(text)
    if culver.IS_ROOT:
        shutil.chown(new, "culver")
    new.rename(path)


def test_a_replaced_passwd_file_is_read(make_server):
    server = make_server()
    server.imap().logout()
    replace(server.dir / "users", "alice:{PLAIN}changed\nnewcomer:{PLAIN}secret\n")
    server.users = {"alice": "changed", "newcomer": "secret"}
    server.imap("alice").logout()
    server.imap("newcomer").logout()


@pytest.mark.skipif(not culver.IS_ROOT, reason="needs root")
def test_users_added_to_the_system_do_not_disturb(make_server):
    """useradd replaces /etc/passwd; names in a userdb must still resolve."""
    server = make_server()
    server.imap("alice").logout()
    name = f"culver-test-{os.getpid() % 10000}"
    subprocess.run(["useradd", "--system", "--no-create-home", name], check=True)
    try:
        server.imap("bob").logout()
        assert server.deliver(b"Subject: x\r\n\r\ny\r\n", user="bob") == {}
    finally:
        subprocess.run(["userdel", name], check=True, capture_output=True)


def test_each_database_says_what_it_lacks(make_server):
    """The userdb of the tests is static, and asks the passdb who exists."""
    server = make_server()
    server.imap().logout()
    (server.dir / "users").unlink()
    (server.dir / "users").mkdir()
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        server.deliver(b"Subject: x\r\n\r\ny\r\n", user="bob")
    assert list(refused.value.recipients.values())[0][0] == 451
    lines = [line for line in server.log.splitlines() if "auth: Error: " in line]
    assert any("passdb passwd-file: bob" in line for line in lines), lines
    assert any("userdb static: bob" in line and "a passdb failed" in line
               for line in lines), lines


def test_a_place_of_mail_that_cannot_be_guessed_is_told(make_server):
    server = make_server(extra="mail_location =\n")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        server.deliver(b"Subject: x\r\n\r\ny\r\n", user="bob")
    assert refused.value.smtp_code == 451
    assert "set mail_location" in server.log
    assert "the session did not start: see its own line in the log" in server.log


# "secret", in work for seconds
SLOW = ("$6$rounds=90000000$abcdefgh$" + 86 * ".")


def workers(server):
    for row in json.loads(server.adm("-f", "json", "service", "status").stdout):
        if row["service"] == "auth-worker":
            path = pathlib.Path(f"/proc/{row['pid']}/task/{row['pid']}/children")
            return [int(pid) for pid in path.read_text().split()]
    return []


def at_work(server):
    """The worker that has had a tenth of a second of processor time."""
    for pid in workers(server):
        times = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if int(times[11]) >= os.sysconf("SC_CLK_TCK") // 10:
            return pid
    return None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_is_killed_at_work_fails_its_login_alone(make_server, number):
    server = make_server()
    replace(server.dir / "users", f"alice:{{CRYPT}}{SLOW}\nbob:{{PLAIN}}secret\n")
    with server.raw() as slow:
        slow.line()
        slow.send(b"a LOGIN alice secret\r\n")
        pid = culver.wait_for(lambda: at_work(server))
        os.kill(pid, number)
        answer = slow.until("a")[-1]
        assert answer.startswith(b"a NO [UNAVAILABLE]"), answer
        server.imap("bob").logout()
        slow.send(b"b NOOP\r\n")
        assert slow.until("b")[-1].startswith(b"b OK")
    line = f"was killed by signal {int(number)}"
    assert culver.wait_for(lambda: line in server.log), server.log
    assert "auth-worker" in next(l for l in server.log.splitlines() if line in l)
