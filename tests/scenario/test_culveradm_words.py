"""What culveradm answers to a call that is wrong."""
import subprocess

import pytest

import culver


@pytest.mark.parametrize("call, status, said", [
    (["halp"], 64, "--help lists them"),        # and not: did you mean 'stop'
    (["relod"], 64, "did you mean 'reload'?"),
    (["auth", "test"], 64, "which user?"),
    (["auth", "test", "a", "b", "c"], 64, "one user and one password"),
    (["-c", "/nope", "who"], 78, "cannot open '/nope'"),
    (["mailbox", "lst"], 64, "there is no 'mailbox lst'"),
    (["acl", "give"], 64, "there is no 'acl give'"),
    (["dump", "-t", "index"], 64, "there is no option '-t'"),
])
def test_wrong_call(call, status, said):
    done = subprocess.run([culver.PREFIX / "bin" / "culveradm", *call],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == status
    assert said in done.stderr
    assert "mean 'stop'" not in done.stderr
    assert done.stdout == ""


def test_an_option_that_nothing_reads_is_told(server):
    for option, said in (("mail_locaton=maildir:/x", "mail_location"), ("bogus=1", "'bogus'")):
        done = server.adm("-o", "mail_debug=no", "-o", option, "mailbox", "list", "-u", "alice")
        assert done.stderr.count("Warning") == 1 and said in done.stderr
    for option in ("mail=maildir:~/other", "mail_fsync=never", "imapc_host=localhost",
                   "namespace/inbox/separator=."):
        assert server.adm("-o", "mail_debug=no", "-o", option, "mailbox", "list",
                          "-u", "alice").stderr == ""


@pytest.mark.parametrize("call, said", [
    (["mailbox", "metadata", "give", "INBOX"], "there is no 'give'"),
    (["flags", "give", "\\Seen", "all"], "there is no 'give'"),
    (["index", "-n", "few", "INBOX"], "not 'few'"),
    (["purge", "INBOX"], "'INBOX'"),
])
def test_what_is_wrong_is_named(server, call, said):
    words = 2 if call[0] == "mailbox" else 1
    done = server.adm(*call[:words], "-u", "alice", *call[words:], check=False)
    assert done.returncode == 64 and said in done.stderr and done.stdout == ""
