"""What a session is told of its mailbox when others work on it, and in which order [RFC3501 5.5, 7]."""
import re
import threading

from test_imap_session import MESSAGE, Wire, box, wire  # noqa: F401


def test_renamed_under_a_session(box, wire):  # noqa: F811
    other = wire()
    assert " OK " in other.do(f"RENAME {box.name} {box.name}-new")[-1]
    # [RFC2180 3.4] the session goes on, in the mailbox of the other name
    assert len(box.do("FETCH 1:* (FLAGS)")) == 4
    assert " OK " in box.do("STORE 2 +FLAGS (\\Flagged)")[-1]
    other.append(MESSAGE, f"{box.name}-new")
    assert "* 4 EXISTS" in box.do("NOOP")
    other.do(f"SELECT {box.name}-new")
    assert "\\Flagged" in other.do("FETCH 2 FLAGS")[0]
    assert " NO [NONEXISTENT]" in other.do(f"STATUS {box.name} (MESSAGES)")[-1]


def test_deleted_under_a_session(box, wire):  # noqa: F811
    other = wire()
    assert " OK " in other.do(f"DELETE {box.name}")[-1]
    box.send("x NOOP\r\n")
    assert box.line().startswith("* BYE ")


def test_another_one_of_the_same_name(box, wire):  # noqa: F811
    old = re.search(r"UIDVALIDITY (\d+)", "\n".join(box.selected)).group(1)
    other = wire()
    other.do(f"DELETE {box.name}")
    other.do(f"CREATE {box.name}")
    other.append(MESSAGE, box.name)
    # UIDs of another UIDVALIDITY are never shown as those of this one
    box.send("x NOOP\r\ny UID FETCH 1:* (FLAGS)\r\n")
    assert box.line().startswith("* BYE ")
    assert box.file.read() == b""
    new = wire()
    lines = new.do(f"SELECT {box.name}")
    assert int(re.search(r"UIDVALIDITY (\d+)", "\n".join(lines)).group(1)) > int(old)


def test_pipelined_commands_run_in_their_order(box):  # noqa: F811
    box.send("a STORE 1 +FLAGS (\\Deleted)\r\nb EXPUNGE\r\nc FETCH 1 (UID)\r\nd SEARCH ALL\r\n"
             "e STORE 1 +FLAGS.SILENT (\\Flagged)\r\nf FETCH 1 FLAGS\r\n")
    lines = box.until("f")
    tags = [line.split()[0] for line in lines if line[0] != "*"]
    assert tags == list("abcdef")
    assert lines.index("* 1 EXPUNGE") < lines.index("* 1 FETCH (UID 2)") < lines.index("* SEARCH 1 2")
    assert "\\Flagged" in lines[-2]


def test_expunges_wait_for_the_right_command(box, wire):  # noqa: F811
    """[RFC3501 7.4.1], [RFC3501 5.5] no number changes while one is in use."""
    other = wire()
    other.do(f"SELECT {box.name}")
    other.do("STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.do("EXPUNGE")
    box.send("a FETCH 3 (UID)\r\nb STORE 3 +FLAGS (\\Seen)\r\nc SEARCH ALL\r\nd FETCH 2:3 (UID)\r\n"
             "e NOOP\r\nf FETCH 2 (UID)\r\n")
    lines = box.until("f")
    assert lines[0] == "* 3 FETCH (UID 3)"
    gone = [n for n, line in enumerate(lines) if " EXPUNGE" in line]
    assert len(gone) == 1
    assert lines.index("d OK Fetch completed.") < gone[0] < lines.index("e OK NOOP completed.")
    assert lines[-2] == "* 2 FETCH (UID 3)"


def test_a_message_that_is_gone(box, wire):  # noqa: F811
    other = wire()
    other.do(f"SELECT {box.name}")
    other.do("STORE 2 +FLAGS.SILENT (\\Deleted)")
    other.do("EXPUNGE")
    box.do("SEARCH ALL")
    # [RFC5530 3]
    assert " NO [EXPUNGEISSUED] " in box.do("FETCH 2 (ENVELOPE)")[-1]
    assert "* 2 EXPUNGE" in box.do("NOOP")
    # [RFC3501 6.4.8] a UID that is not there is no error
    assert " OK " in box.do("UID FETCH 2 (ENVELOPE)")[-1]


def test_flags_for_a_message_that_is_gone(box, wire):  # noqa: F811
    """[RFC2180 4.2]"""
    other = wire()
    other.do(f"SELECT {box.name}")
    other.do("STORE 2 +FLAGS.SILENT (\\Deleted)")
    other.do("EXPUNGE")
    lines = box.do("STORE 2 +FLAGS (\\Seen)")
    assert " NO [EXPUNGEISSUED] " in lines[-1] and " FETCH " not in "".join(lines)
    lines = box.do("STORE 1:3 +FLAGS (\\Flagged)")
    assert " NO [EXPUNGEISSUED] " in lines[-1]
    assert [line.split()[1] for line in lines[:-1] if " FETCH " in line] == ["1", "3"]
    assert " OK " in box.do("STORE 1:3 +FLAGS.SILENT (\\Answered)")[-1]
    assert " OK " in box.do("UID STORE 1:3 +FLAGS (\\Draft)")[-1]
    # [RFC7162 3.1.3] NO [MODIFIED ...] when others are in the way, too
    box.do("NOOP")
    box.do("FETCH 1 (MODSEQ)")
    other.do("STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.do("EXPUNGE")
    assert " NO [MODIFIED 2] " in box.do("STORE 1:2 (UNCHANGEDSINCE 1) +FLAGS (\\Seen)")[-1]


def test_read_only(box, wire):  # noqa: F811
    r = wire()
    assert " OK [READ-ONLY]" in r.do(f"EXAMINE {box.name}")[-1]
    for command in ("STORE 1 +FLAGS (\\Seen)", "EXPUNGE", "UID EXPUNGE 1:*", f"MOVE 1 {box.name}"):
        assert " NO [" in r.do(command)[-1], command
    r.do("FETCH 2 BODY[]")
    assert "\\Seen" not in r.do("FETCH 2 FLAGS")[0]
    box.do("STORE 2 +FLAGS.SILENT (\\Deleted)")
    assert "\\Deleted" in r.do("NOOP")[0]
    assert r.do("CLOSE") == [f"t{r.count} OK Close completed."]
    assert "* 3 EXISTS" in box.do(f"SELECT {box.name}")


def test_many_sessions_on_one_mailbox(make_server):
    """All see the same in the end, and none a number that is not there."""
    server = make_server(extra="mail_max_userip_connections = 200\n"
                         "service imap {\n process_limit = 200\n}\n"
                         "service imap-login {\n process_limit = 200\n}\n")
    count, rounds = 100, 3
    failures = []
    box = Wire(server.imap_port).login()  # noqa: F811
    box.name = "INBOX"
    for _ in range(3):
        box.append(MESSAGE)
    box.do("SELECT INBOX")

    def work(index):
        try:
            w = Wire(server.imap_port).login()
            exists = int(re.search(r"\* (\d+) EXISTS", "\n".join(w.do(f"SELECT {box.name}")))
                         .group(1))
            for i in range(rounds):
                lines = w.append(MESSAGE, box.name) if index % 3 == 0 else \
                    w.do(f"STORE 1 +FLAGS ($s{index % 5})") if index % 3 == 1 else w.do("NOOP")
                for line in lines:
                    m = re.match(r"\* (\d+) (EXISTS|EXPUNGE|FETCH)", line)
                    if m and m.group(2) == "EXISTS":
                        assert int(m.group(1)) >= exists
                        exists = int(m.group(1))
                    elif m:
                        assert 1 <= int(m.group(1)) <= exists, lines
                assert lines[-1].split()[1] == "OK", lines
            w.do("NOOP")
            w.close()
        except Exception as e:  # noqa: BLE001
            failures.append(repr(e))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    assert not failures, failures[:3]
    lines = box.do("NOOP")
    assert f"* {3 + rounds * len(range(0, count, 3))} EXISTS" in lines
    assert all(f"$s{k}" in box.do("FETCH 1 FLAGS")[0] for k in range(5))
    box.close()
