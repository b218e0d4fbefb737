"""A disk without a byte left: all is read, mail can be deleted, and then there
is room again.  On a small tmpfs that is really full."""
import contextlib
import os
import shutil
import smtplib
import subprocess

import pytest

import culver

SIZE = 2 << 20
DRIVERS = ["maildir", "sdbox", "mdbox", "mbox"]
EXTRA = "mail_location = {driver}:~/mail\nmdbox_rotate_size = 120k\n"
BODY = b"x" * 70 + b"\r\n"


def mail(lines=400):
    return b"Subject: large\r\n\r\n" + BODY * lines


@contextlib.contextmanager
def small_disk(place):
    """A tmpfs at place."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0755", "none", place],
                          check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("cannot mount: " + done.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(place):
    """All that is left."""
    with open(place / "filler", "ab", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(b"x" * 4096) == 4096:
                pass
    disk = os.statvfs(place)
    assert disk.f_bavail == 0, disk


def ok(answer):
    status, data = answer
    assert status == "OK", data
    return data


def use_up(server):
    """Blocks that are begun, too: of the journal's above all."""
    place = server.dir / "home"
    fill(place)
    client = server.imap()
    ok(client.select("INBOX"))
    for i in range(2000):
        sign = "-" if i % 2 else "+"
        if client.store("1", sign + "FLAGS", r"(\Flagged)")[0] != "OK":
            break
    else:
        pytest.fail("the journal grows on a full disk")
    client.logout()
    fill(place)


@pytest.fixture(params=DRIVERS)
def full(request):
    """A server whose mail is on a full disk: INBOX has messages 1 to n, and
    another mailbox has five."""
    if not culver.IS_ROOT:
        pytest.skip("mounting needs root")
    server = culver.Server(extra=EXTRA.format(driver=request.param))
    server.driver = request.param
    place = server.dir / "home"
    try:
        with small_disk(place):
            shutil.chown(place, culver.MAIL_USER, culver.MAIL_GROUP)
            server.start()
            try:
                (place / "ballast").write_bytes(b"x" * 300000)
                client = server.imap()
                client.create("other")
                client.subscribe("other")
                for _ in range(5):
                    client.append("other", None, None, mail())
                server.count = 0
                while client.append("INBOX", None, None, mail())[0] == "OK":
                    server.count += 1
                client.logout()
                assert server.count > 16, server.count
                if server.driver == "mbox":
                    fill(place)
                else:
                    use_up(server)
                yield server
            finally:
                print(server.log)
                server.stop()
    finally:
        server.remove()


def bodies(answer):
    return [part[1] for part in ok(answer) if isinstance(part, tuple)]


def read_all(full):
    client = full.imap()
    n = full.count
    names = b"\n".join(ok(client.list()))
    assert b"other" in names and b"INBOX" in names
    assert b"other" in b"\n".join(ok(client.lsub()))
    assert b"MESSAGES 5" in ok(client.status("other", "(MESSAGES UNSEEN)"))[0]
    assert ok(client.select("INBOX")) == [b"%d" % n]
    assert len(ok(client.search(None, "UNSEEN"))[0].split()) == n
    assert bodies(client.fetch(f"1:{n}", "(BODY.PEEK[])")) == [mail()] * n
    assert len(ok(client.search(None, "TEXT", "large"))[0].split()) == n
    # what would mark them as seen does not fail either, and says what is so
    client.untagged_responses.clear()
    fetched = ok(client.fetch(f"1:{n}", "(BODY[])"))
    assert [part[1] for part in fetched if isinstance(part, tuple)] == [mail()] * n
    told = {}
    for part in fetched:
        line = part[0] if isinstance(part, tuple) else part
        number, _, rest = line.partition(b" ")
        if b"FLAGS" in rest:
            told[int(number)] = b"\\Seen" in rest
    assert told == dict.fromkeys(range(1, n + 1), full.driver == "mbox")
    client.logout()


def take_nothing(full):
    client = full.imap()
    ok(client.select("INBOX"))
    for _ in range(3):
        assert client.append("INBOX", None, None, mail())[0] == "NO"
    with pytest.raises(smtplib.SMTPException) as failed:
        full.deliver(mail())
    assert getattr(failed.value, "smtp_code", 452) == 452
    assert ok(client.select("INBOX")) == [b"%d" % full.count]
    client.logout()


def delete_mail(full):
    """All but each eighth message, which leaves mdbox containers with some."""
    client = full.imap()
    n = full.count
    kept = range(8, n + 1, 8)
    doomed = ",".join(str(i) for i in range(1, n + 1) if i not in kept)
    ok(client.select("INBOX"))
    if full.driver == "mbox":
        # a file of which nothing is left, or only the beginning, is cut
        ok(client.select("other"))
        ok(client.store("4:5", "+FLAGS", r"(\Deleted)"))
        ok(client.expunge())
        fill(full.dir / "home")
        assert bodies(client.fetch("1:3", "(BODY.PEEK[])")) == [mail()] * 3
        ok(client.store("1:3", "+FLAGS", r"(\Deleted)"))
        ok(client.expunge())
        assert (full.home("alice") / "mail" / "other").stat().st_size == 0
        assert ok(client.select("other")) == [b"0"]
        fill(full.dir / "home")
        ok(client.select("INBOX"))
        # the rest of the file has to be written before it is shorter
        ok(client.store(doomed, "+FLAGS", r"(\Deleted)"))
        (full.home("alice").parent / "ballast").unlink()
        ok(client.expunge())
        ok(client.append("INBOX", None, None, mail()))
        assert bodies(client.fetch(f"1:{len(kept) + 1}", "(BODY.PEEK[])")) == \
            [mail()] * (len(kept) + 1)
        client.logout()
        return
    ok(client.unsubscribe("other"))
    # as many clients delete
    ok(client._simple_command("MOVE", str(n), "Trash"))
    use_up(full)
    n -= 1
    kept = range(8, n + 1, 8)
    doomed = ",".join(str(i) for i in range(1, n + 1) if i not in kept)
    ok(client.store(doomed, "+FLAGS", r"(\Deleted)"))
    fill(full.dir / "home")
    ok(client.expunge())
    if full.driver != "mdbox":
        # there is room again
        ok(client.append("INBOX", None, None, mail()))
        client.store(str(len(kept) + 1), "+FLAGS", r"(\Deleted)")
        ok(client.expunge())
        use_up(full)
    ok(client.delete("other"))
    if full.driver == "mdbox":
        full.adm("purge", "-u", "alice")
    ok(client.append("INBOX", None, None, mail()))
    full.deliver(b"Subject: small\r\n\r\nbody\r\n")
    client.logout()
    client = full.imap()
    assert b"other" not in b"\n".join(ok(client.list()))
    assert b"other" not in b"\n".join(ok(client.lsub()))
    assert ok(client.select("INBOX")) == [b"%d" % (len(kept) + 2)]
    assert bodies(client.fetch(f"1:{len(kept) + 1}", "(BODY.PEEK[])")) == \
        [mail()] * (len(kept) + 1)
    client.logout()
    # and it is kept again for the next time
    for reserve in full.home("alice").rglob("reserve"):
        assert reserve.stat().st_size == 65536


def test_a_full_disk(full):
    read_all(full)
    take_nothing(full)
    delete_mail(full)
