"""The clock jumps: ten years on, back again, to 1970, past 2038 and past 2106.
What must only grow grows: UIDs, modseqs, the UIDVALIDITY of a name."""
import glob
import re

import pytest

import culver

LIBRARY = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
JUMPS = ["+0", "+10y", "-10y", "-56y", "+0", "+14y", "+85y", "+0"]
MAIL = b"Subject: %s\r\n\r\nbody\r\n"


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def number(word, text):
    return int(re.search(rb"%s (\d+)" % word, text)[1])


def visit(server, label, last):
    """One session and one delivery at some time; last is what was seen so far."""
    client = server.imap()
    ok(client.append("INBOX", None, None, MAIL % label))
    server.deliver(MAIL % label)
    ok(client.select("INBOX"))
    uids = [int(uid) for uid in ok(client.uid("search", "ALL"))[0].split()]
    assert uids == list(range(1, len(uids) + 1))
    assert len(uids) == last["count"] + 2
    ok(client.store("1", "+FLAGS" if last["count"] % 4 else "-FLAGS", r"(\Flagged)"))
    modseq = number(b"MODSEQ", ok(client.fetch("1", "(MODSEQ)"))[0].replace(b"(", b""))
    assert modseq > last["modseq"]
    # the two that have just come are young, whenever now is
    assert set(uids[-2:]) <= {int(n) for n in ok(client.search(None, "YOUNGER", "3600"))[0].split()}
    # a name that is used again is another mailbox
    validity = last["validity"]
    for _ in range(2):
        ok(client.create("again"))
        now = number(b"UIDVALIDITY", ok(client.status("again", "(UIDVALIDITY)"))[0])
        assert now > validity
        validity = now
        ok(client.append("again", None, None, MAIL % label))
        ok(client.delete("again"))
    client.logout()
    return {"count": len(uids), "modseq": modseq, "validity": validity}


@pytest.mark.skipif(not LIBRARY, reason="faketime is not installed")
@pytest.mark.parametrize("driver", ["maildir", "sdbox", "mdbox", "mbox"])
def test_the_clock_jumps(driver, monkeypatch):
    server = culver.Server(extra=f"mail_location = {driver}:~/mail\n")
    last = {"count": 0, "modseq": 0, "validity": 0}
    try:
        for n, jump in enumerate(JUMPS):
            with monkeypatch.context() as env:
                env.setenv("LD_PRELOAD", LIBRARY[0])
                env.setenv("FAKETIME", jump)
                env.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                server.start()
            last = visit(server, b"%d" % n, last)
            server.stop()
        # the log has no years
        days = {tuple(line.split()[:2]) for line in server.log.splitlines() if line}
        assert len(days) > 2, "the server did not see another time"
        assert "Panic" not in server.log and "Error" not in server.log
    finally:
        server.stop()
        print(server.log)
        server.remove()
