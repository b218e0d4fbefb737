"""A disk that fails: strace injects EIO or ENOSPC at each file operation of a
delivery and of an APPEND.  The answer is 4xx or NO, nothing is half-visible,
and the next attempt without the fault succeeds."""
import os
import shutil
import signal
import smtplib
import subprocess
import time

import pytest

import culver
from test_hostile import children

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("strace") is None, reason="needs root and strace")

CALLS = ["pwrite64", "pwritev", "write", "writev", "fdatasync", "fsync", "openat", "linkat",
         "renameat", "renameat2", "ftruncate", "fallocate", "mkdirat"]
MAIL = b"Subject: faulty disk\r\n\r\nbody\r\n"


class Injector:
    """strace on a process and all its later children."""

    def __init__(self, pids, call, error, when):
        self.process = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
             "-e", f"inject={call}:error={error}:when={when}"] +
            [a for p in pids for a in ("-p", str(p))],
            stderr=subprocess.DEVNULL)
        time.sleep(0.4)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)


def zygotes(server, word):
    return [pid for pid, command in children(server.process.pid).items()
            if word in command]


def count(server, user="alice"):
    client = server.imap(user)
    try:
        return int(client.select("INBOX", readonly=True)[1][0])
    finally:
        client.logout()


def attempt(server):
    """True when the delivery was acknowledged."""
    try:
        server.deliver(MAIL)
        return True
    except smtplib.SMTPResponseException as error:
        assert 400 <= error.smtp_code < 500, error
    except smtplib.SMTPRecipientsRefused as error:
        code, _ = error.recipients["alice"]
        assert 400 <= code < 500, error
    except smtplib.SMTPServerDisconnected:
        pass
    return False


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("call", CALLS)
def test_delivery(server, call, error):
    assert attempt(server)          # everything exists
    have, refused = count(server), 0
    for when in range(1, 4):
        injector = Injector(zygotes(server, "deliver"), call, error, when)
        try:
            acknowledged = attempt(server)
        finally:
            injector.stop()
        now = count(server)
        if acknowledged:
            assert now == have + 1
        else:
            refused += 1
            assert now in (have, have + 1)
        have = now
    # a delivery cannot do without these: the fault must have been felt
    assert refused or call not in ("pwritev", "fdatasync")
    assert attempt(server)
    assert count(server) == have + 1


@pytest.mark.parametrize("call", CALLS)
def test_append(server, call):
    client = server.imap()
    client.append("INBOX", None, None, MAIL)
    client.logout()
    have = count(server)
    for when in range(1, 4):
        client = server.imap()
        pid = max(p for p, c in children(server.process.pid).items() if "imap" in c
                  and "login" not in c)
        injector = Injector([pid], call, "ENOSPC", when)
        try:
            acknowledged = client.append("INBOX", None, None, MAIL)[0] == "OK"
        except (culver.imaplib.IMAP4.abort, OSError):
            acknowledged = False
        finally:
            injector.stop()
            try:
                client.logout()
            except (culver.imaplib.IMAP4.abort, OSError):
                pass
        now = count(server)
        assert now >= have + 1 if acknowledged else now in (have, have + 1)
        have = now
    client = server.imap()
    assert client.append("INBOX", None, None, MAIL)[0] == "OK"
    client.logout()
    assert count(server) == have + 1
