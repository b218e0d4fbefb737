"""Encryption at rest, alone and behind compression."""
import imaplib
import random
import shutil
import time

import pytest

import culver

KEYS = ["11" * 32, "aB" * 32]
CONFIG = """
mail_plugins = $mail_plugins {plugins}
plugin {{
  crypt_key_file = {keys}
  {more}
}}
"""
SECRET = b"the secret of the pyramid"


def message(lines):
    rng = random.Random(3)
    return b"Subject: x\r\n\r\n" + b"".join(
        b"%s %d\r\n" % (SECRET, rng.randrange(10 ** 9)) for _ in range(lines))


def make(plugins="crypt", keys=KEYS[0], box="maildir:~/Maildir", more=""):
    server = culver.Server(config=culver.CONFIG.replace("maildir:~/Maildir", box))
    path = server.dir / "keys"
    path.write_text(keys + "\n")
    path.chmod(0o400)
    if culver.IS_ROOT:
        shutil.chown(path, culver.MAIL_USER)
    server.write_config(CONFIG.format(plugins=plugins, keys=path, more=more),
                        culver.CONFIG.replace("maildir:~/Maildir", box))
    return server


def save(server, text):
    client = server.imap()
    kind, answer = client.append("INBOX", None, None, text)
    assert kind == "OK", answer
    client.logout()


def fetch(server, seq="1", item="BODY.PEEK[]"):
    client = server.imap()
    client.select("INBOX", readonly=True)
    kind, data = client.fetch(seq, f"(RFC822.SIZE {item})")
    client.logout()
    return kind, data


def body(server, seq="1"):
    kind, data = fetch(server, seq)
    assert kind == "OK", data
    return data[0][1]


def blobs(server, folder="Maildir"):
    return sorted(p for p in (server.home("alice") / folder).rglob("*") if p.is_file())


def everything_stored(server, folder="Maildir"):
    return b"".join(p.read_bytes() for p in blobs(server, folder)
                    if not p.name.endswith(".cat"))


@pytest.mark.parametrize("plugins", ["crypt", "compress crypt", "crypt compress"])
@pytest.mark.parametrize("box", ["maildir:~/Maildir", "sdbox:~/Maildir", "mdbox:~/Maildir"])
def test_what_is_stored_is_unreadable_and_comes_back(plugins, box):
    more = "zlib_save = gz" if "compress" in plugins else ""
    with make(plugins, box=box, more=more) as server:
        # in the journal, one chunk, at a chunk's end, many chunks
        sizes = [message(3), message(400), b"a: b\r\n\r\n" + b"x" * (3 * 65536 - 10) + b"\r\n",
                 message(30000)]
        for text in sizes:
            save(server, text)
        for i, text in enumerate(sizes):
            assert body(server, str(i + 1)) == text
        stored = everything_stored(server)
        assert SECRET + b" " not in stored
        if "compress" in plugins:
            assert len(stored) < len(sizes[-1])


def test_parts_are_fetched_without_the_rest():
    with make(more="zlib_save = gz", plugins="compress crypt") as server:
        text = message(50000)
        save(server, text)
        client = server.imap()
        client.select("INBOX")
        for start, length in [(0, 10), (65535, 3), (1000000, 70000), (len(text) - 5, 100)]:
            data = client.fetch("1", f"BODY.PEEK[]<{start}.{length}>")[1]
            assert data[0][1] == text[start:start + length]
        client.logout()


def logged(server, text):
    """The log is written by a process of its own: it may take a moment."""
    for _ in range(100):
        if text in server.log:
            return True
        time.sleep(0.05)
    return False


def cur_files(server):
    box = server.home("alice") / "Maildir"
    return [p for folder in ("new", "cur") for p in (box / folder).iterdir()]


@pytest.mark.parametrize("where", ["header", "salt", "first", "middle", "tag", "cut", "longer-body"])
def test_a_damaged_message_is_an_error(where):
    with make(more="") as server:
        text = message(20000)
        save(server, text)
        path, = cur_files(server)
        data = bytearray(path.read_bytes())
        at = {"header": 28, "salt": 40, "first": 64, "middle": len(data) // 2,
              "tag": len(data) - 1}.get(where)
        if at is not None:
            data[at] ^= 1
        elif where == "cut":
            del data[-70000:]
        else:
            data[64:64] = data[64:64 + 65552]
        path.write_bytes(data)
        kind, answer = 0, 0
        try:
            kind, answer = fetch(server)
        except imaplib.IMAP4.abort:
            kind = "BYE"
        got = b"".join(part[1] for part in answer if isinstance(part, tuple)) \
            if kind == "OK" else b""
        assert kind != "OK" or got != text
        # not one byte that was not authenticated
        assert text.startswith(got)
        assert logged(server, "crypt: ")


def test_the_wrong_key_is_refused_and_old_keys_go_on():
    with make() as server:
        save(server, message(3))
        save(server, message(9000))
        keys = server.dir / "keys"
        keys.write_text(KEYS[1] + "\n")
        server.stop()
        server.start()
        for seq in "12":
            with pytest.raises(imaplib.IMAP4.abort, match="could not be read"):
                fetch(server, seq)
        assert logged(server, "not in crypt_key_file")
        keys.write_text("# new, then old\n" + "\n".join(reversed(KEYS)) + "\n")
        server.stop()
        server.start()
        save(server, message(4))
        assert body(server, "1") == message(3)
        assert body(server, "2") == message(9000)
        assert body(server, "3") == message(4)


def test_plain_messages_stay_readable_and_copies_are_encrypted():
    with make() as server:
        box = server.home("alice") / "Maildir"
        save(server, message(2))
        plain = box / "new" / "1700000000.M1P1.host"
        plain.write_bytes(message(5).replace(b"\r\n", b"\n"))
        if culver.IS_ROOT:
            shutil.chown(plain, culver.MAIL_USER, culver.MAIL_GROUP)
        client = server.imap()
        client.select("INBOX")
        assert client.copy("1", "Trash")[0] == "OK"
        client.select("Trash")
        assert client.fetch("1", "BODY.PEEK[]")[1][0][1] == message(2)
        client.logout()
        assert body(server, "2") == message(5)


@pytest.mark.parametrize("claimed", [True, False])
def test_an_encrypted_file_is_read_whatever_size_its_name_says(claimed):
    """S= is the size of the message, not of the file."""
    text = message(50)
    with make(more="\n}\nmail_journal_body_max = 0\nplugin {") as server:
        save(server, text)
        cur = server.home("alice") / "Maildir" / "cur"
        path = next(p for d in ("new", "cur") for p in (cur.parent / d).iterdir())
        assert f",S={len(text) - text.count(b'%c' % 13)}," in path.name
        assert path.stat().st_size > len(text) - text.count(b"\r")
        # as a restored backup would have it: another name, a wrong size
        copy = cur / f"1700000001.x,S={7 if claimed else 10 ** 6}:2,S"
        shutil.copy2(path, copy)
        if culver.IS_ROOT:
            shutil.chown(copy, culver.MAIL_USER, culver.MAIL_GROUP)
        for seq in ("1", "2"):
            assert body(server, seq) == text
        assert "cut short" not in server.log


def test_a_key_that_is_none_is_said():
    with make(keys="abc") as server:
        client = server.imap()
        kind, answer = client.append("INBOX", None, None, message(1))
        assert kind == "NO"
        client.logout()
        assert logged(server, "line 1 is not 64 hexadecimal digits")
