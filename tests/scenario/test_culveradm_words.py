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
])
def test_wrong_call(call, status, said):
    done = subprocess.run([culver.PREFIX / "bin" / "culveradm", *call],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == status
    assert said in done.stderr
    assert "mean 'stop'" not in done.stderr
    assert done.stdout == ""
