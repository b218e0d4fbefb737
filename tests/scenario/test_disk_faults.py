"""A disk that fails: strace injects EIO or ENOSPC at each file operation of a
delivery and of an APPEND.  The answer is 4xx or NO, nothing is half-visible,
and the next attempt without the fault succeeds."""
import json
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


FULL = r"""
mount -t tmpfs -o size=3m none {home} && chown {user} {home} || exit 99
adm() {{ {adm} -c {config} -o 'mail_location={driver}:~/mail' "$@"; }}
while adm save -u alice {mail} 2>/dev/null; do saved=$((saved + 1)); done
fallocate -l 100m {home}/filler 2>/dev/null || dd if=/dev/zero of={home}/filler bs=1k 2>/dev/null
adm -f json mailbox status -u alice messages INBOX                      # all that was acknowledged
adm expunge -u alice mailbox INBOX 1:2 && first=3
adm -f json fetch -u alice 'uid size.virtual' mailbox INBOX
rm {home}/filler
mount -o remount,size=30m {home}
adm flags -u alice add '\Flagged' mailbox INBOX ALL
adm -f json fetch -u alice 'uid size.virtual' mailbox INBOX FLAGGED
adm -f json force-resync -u alice INBOX
echo "[$saved, ${{first:-1}}]"
"""


@pytest.mark.parametrize("driver", ["maildir", "sdbox", "mdbox", "mbox"])
def test_a_full_disk_keeps_nobody_from_reading(server, driver, tmp_path):
    """In an mbox messages have to wait for room, to be added and to be removed."""
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0:
        pytest.skip("needs a mount namespace")
    mail, home = tmp_path / "mail", server.home("bob").parent / "alice"
    mail.write_bytes(b"Subject: large\n\n" + b"x" * 70 * 3000 + b"\n")
    home.mkdir(exist_ok=True)
    script = FULL.format(home=home, user=culver.MAIL_USER, driver=driver, config=server.config,
                         mail=mail, adm=culver.PREFIX / "bin" / "culveradm")
    done = subprocess.run(["unshare", "-m", "bash", "-c", script], check=False,
                          capture_output=True, text=True, timeout=300)
    if done.returncode == 99:
        pytest.skip("cannot mount")
    read = json.JSONDecoder().raw_decode
    values, rest = [], done.stdout.strip()
    while rest:
        value, end = read(rest)
        values.append(value)
        rest = rest[end:].lstrip()
    assert len(values) == 5, done
    status, full, later, resync, [saved, first] = values
    assert saved > 5 and status[0]["messages"] == str(saved), done.stderr
    left = [{"uid": str(n), "size.virtual": full[0]["size.virtual"]} for n in range(first, saved + 1)]
    assert full == left and later == left, done.stderr
    assert resync == [{"mailbox": "INBOX", "found": "0", "gone": "0", "damaged": "0",
                       "index": "ok"}]
