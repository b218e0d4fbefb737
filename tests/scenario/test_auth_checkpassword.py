"""passdb and userdb checkpassword, with programs that do what they should, and that do not."""
import smtplib

import pytest

import culver
from test_auth_sql import Server

PROGRAM = r"""#!/usr/bin/python3
import os, sys, time
with os.fdopen(3, "rb") as request:
    user, password, stamp, end = request.read().split(b"\0")
assert end == b"" and stamp.isdigit() and os.environ["ORIG_UID"]
with open("/dev/null", "rb"):
    pass
if os.environ.get("AUTHORIZED") == "1":
    if b"@unknown" in user or user not in (b"alice", b"bob", "umläut".encode(), b"o'h\"ara"):
        sys.exit(3)
    os.environ["AUTHORIZED"] = "2"
else:
    if user == b"slow":
        time.sleep(1000)
    if user == b"crash":
        os.kill(os.getpid(), 9)
    if user == b"broken":
        sys.exit(111)
    if user == b"liar":
        sys.exit(0)
    if user == b"flood":
        os.write(4, b"x" * 60000)
        sys.exit(0)
    if user == b"tab":
        os.environ["HOME"] = "/x\tuserdb_uid=0"
    if user == b"moved":
        os.environ["ORIG_UID"] = "4711"
    if password != b"s3cret" + user[:2]:
        sys.exit(1)
assert os.environ["SERVICE"] in ("imap", "lmtp"), os.environ["SERVICE"]
os.environ["USER"] = os.fsdecode(user)
if user != b"tab":
    os.environ["HOME"] = "HOMES/" + os.fsdecode(user).replace("/", "_")
os.environ["userdb_uid"], os.environ["userdb_gid"] = "UID", "GID"
os.environ["EXTRA"] = "userdb_uid userdb_gid"
os.execv(sys.argv[-1], sys.argv[-1:])
"""


def configuration(userdb="prefetch", args=""):
    text = culver.CONFIG
    begin, end = text.index("passdb {{"), text.index("namespace inbox")
    return text[:begin] + f"""\
auth_username_chars =
auth_worker_max_count = 1
passdb {{{{
  driver = checkpassword
  args = {{dir}}/programs/check{args}
}}}}
userdb {{{{
  driver = {userdb}
  {"" if userdb == "prefetch" else "args = {dir}/programs/check"}
}}}}
""" + text[end:]


class Checked(Server):
    def write_program(self, text=PROGRAM):
        import grp
        import pwd
        folder = self.dir / "programs"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        text = text.replace("HOMES", str(self.home("")).rstrip("/"))
        text = text.replace("UID\", \"GID", f"{pwd.getpwnam(culver.MAIL_USER).pw_uid}\", \""
                            f"{grp.getgrnam(culver.MAIL_GROUP).gr_gid}")
        (folder / "check").write_text(text)
        (folder / "check").chmod(0o755)


@pytest.fixture(scope="module", params=["prefetch", "checkpassword"])
def server(request):
    server = Checked(config=configuration(request.param, " --word"))
    server.write_program()
    with server:
        yield server


def login(server, user, password=None):
    user = user.encode() if isinstance(user, str) else user
    return server.login(user, b"s3cret" + user[:2] if password is None else password)


def ok(answer):
    return answer.startswith("a OK")


@pytest.mark.parametrize("user", ["alice", "bob", "umläut", "o'h\"ara"])
def test_login(server, user):
    assert ok(login(server, user)), server.log
    assert "AUTHENTICATIONFAILED" in login(server, user, b"wrong")
    assert "s3cret" not in server.log


@pytest.mark.parametrize("user, said", [
    ("crash", "was ended by signal 9"), ("broken", "has ended with status 111"),
    ("liar", "has not run the program"), ("flood", "answered more than"),
    ("tab", "has ended with status 111"), ("moved", "has ended with status 111")])
def test_programs_that_fail_are_no_wrong_passwords(server, user, said):
    before = len(server.log)
    assert "UNAVAILABLE" in login(server, user)
    assert said in server.log[before:]
    assert ok(login(server, "alice"))


@pytest.mark.parametrize("user", [b"%u", b"../alice", b"a b", b"alice;id", b"$(id)", b"-n", b"alice\xff",
                                  b"ali\tce", b"ali\nce", b"a" * 500, b"AUTHORIZED=2", b"() { :; }"])
def test_hostile_names(server, user):
    assert not ok(login(server, user, b"s3cret"))
    assert not ok(login(server, b"alice", b"x" * 600))
    assert ok(login(server, "alice"))


def test_users_without_passwords():
    server = Checked(config=configuration("checkpassword"))
    server.write_program()
    with server:
        with smtplib.LMTP("127.0.0.1", server.lmtp_port) as lmtp:
            lmtp.sendmail("x@example.com", ["bob"], "Subject: hello\r\n\r\nx\r\n")
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
                lmtp.sendmail("x@example.com", ["nobody"], "Subject: x\r\n\r\nx\r\n")
        assert refused.value.recipients["nobody"][0] == 550
        # a program that knows nothing of AUTHORIZED answers for nobody
        server.write_program(PROGRAM.replace('"AUTHORIZED") == "1"', '"AUTHORIZED") == "x"')
                             .replace('if password != b"s3cret" + user[:2]', "if False"))
        with smtplib.LMTP("127.0.0.1", server.lmtp_port) as lmtp, \
                pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            lmtp.sendmail("x@example.com", ["bob"], "Subject: x\r\n\r\nx\r\n")
        assert refused.value.recipients["bob"][0] == 451
        assert "is for passwords alone" in server.log


def test_mistakes_are_told():
    server = Checked(config=configuration())
    with pytest.raises(RuntimeError) as failed:
        server.start()
    server.remove()
    assert "programs/check" in str(failed.value)
