"""What the settings of Maildirs do, and what happens to files that other
programs damage."""
import imaplib
import os
import time

import pytest

import culver

MAIL = b"From: <a@example.org>\r\nSubject: one\r\n\r\nbody\r\n"


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def files(server, folder="."):
    base = server.home("alice") / "Maildir" / folder
    return sorted([*(base / "cur").iterdir(), *(base / "new").iterdir()])


@pytest.mark.parametrize("linked", [True, False])
def test_copies_are_links_if_they_may_be(linked):
    extra = "" if linked else "maildir_copy_with_hardlinks = no\n"
    with culver.Server(extra) as server:
        client = server.imap()
        ok(client.append("INBOX", None, None, MAIL))
        ok(client.create("Other"))
        ok(client.select("INBOX"))
        ok(client.copy("1", "Other"))
        ok(client.select("Other"))
        assert ok(client.fetch("1", "BODY[]"))[0][1] == MAIL
        client.logout()
        same = files(server)[0].stat().st_ino == files(server, ".Other")[0].stat().st_ino
        assert same == linked


@pytest.mark.parametrize("crlf", [True, False])
def test_line_ends_are_stored_as_asked(crlf):
    with culver.Server("mail_save_crlf = yes\n" if crlf else "") as server:
        assert server.deliver(MAIL) == {}
        text = files(server)[0].read_bytes()
        assert text.endswith(b"body\r\n" if crlf else b"\nbody\n")
        client = server.imap()
        ok(client.select("INBOX"))
        assert ok(client.fetch("1", "BODY[TEXT]"))[0][1] == b"body\r\n"
        client.logout()


@pytest.mark.parametrize("broken", [True, False])
def test_a_file_that_was_cut_short_is_refused_or_read_as_it_is(broken):
    extra = "mail_journal_body_max = 0\n"
    if broken:
        extra += "maildir_broken_filename_sizes = yes\n"
    with culver.Server(extra) as server:
        assert server.deliver(MAIL) == {}
        os.truncate(files(server)[0], files(server)[0].stat().st_size - 3)
        client = server.imap()
        ok(client.select("INBOX"))
        if broken:
            whole = ok(client.fetch("1", "BODY.PEEK[]"))[0][1]
            assert whole.endswith(b"bo")
            ok(client.close())
            ok(client.select("INBOX"))
            size = ok(client.fetch("1", "RFC822.SIZE"))[0]
            assert size == b"1 (RFC822.SIZE %d)" % len(whole)
            client.logout()
        else:
            with pytest.raises(imaplib.IMAP4.abort):
                client.fetch("1", "BODY.PEEK[TEXT]")
            assert "cut short" in server.log


@pytest.mark.parametrize("dirty", [True, False])
def test_hidden_changes_are_looked_for_unless_syncs_are_very_dirty(dirty):
    with culver.Server("maildir_very_dirty_syncs = yes\n" if dirty else "") as server:
        client = server.imap()
        ok(client.append("INBOX", "(\\Seen)", None, MAIL))
        ok(client.select("INBOX"))
        ok(client.store("1", "+FLAGS", "(\\Flagged)"))
        cur = server.home("alice") / "Maildir" / "cur"
        before = cur.stat()
        # within the clock tick of our own change, as far as anybody can tell
        (cur / "1600000000.theirs:2,S").write_bytes(MAIL)
        os.utime(cur, ns=(before.st_atime_ns, before.st_mtime_ns))
        time.sleep(3.5)
        assert int(ok(client.select("INBOX"))[0]) == (1 if dirty else 2)
        client.logout()
