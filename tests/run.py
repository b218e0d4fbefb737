#!/usr/bin/env python3
"""Runs the test suites one after the other and adds up what they counted.

Called by tools/test, which installs the packages first.  Each suite is a
function that returns (passed, failed); a suite that breaks counts as one
failure and the next one runs all the same.
"""
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("CULVER_BUILD", TOP / "build"))
CC = os.environ.get("CC", "gcc")
CLANG = os.environ.get("CLANG", "clang")


def run(*command, **kw):
    return subprocess.run([str(c) for c in command], **kw)


def build(name, *arguments):
    run(TOP / "tools" / "build", BUILD / name, *arguments, check=True)
    return BUILD / name


def count_unit(folder):
    """Sums cmocka's own counts; a program that printed none counts as one."""
    passed = failed = 0
    for log in sorted(folder.glob("tests/**/*.log")):
        if log.name == "test-suite.log" or not log.with_suffix(".trs").exists():
            continue
        text = log.read_text(errors="replace")
        ok = sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", text)))
        bad = sum(map(int, re.findall(r"\[  FAILED  \] [^,\n]*?(\d+) test", text)))
        result = log.with_suffix(".trs").read_text()
        if ":test-result: PASS" in result:
            passed += max(ok, 1)
        elif ":test-result: SKIP" not in result:
            passed += ok
            failed += max(bad, 1)
            print(text[-3000:])
    return passed, failed


def unit(folder, only=()):
    for old in folder.glob("tests/**/*.trs"):
        old.unlink()
    tests = [f"TESTS={' '.join(only)}"] if only else []
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    result = run("make", "-s", "-C", folder, "-j2", "check", *tests, env=env,
                 capture_output=True, text=True)
    passed, failed = count_unit(folder)
    if result.returncode != 0 and failed == 0:
        print(result.stdout[-4000:], result.stderr[-4000:])
        failed = 1
    return passed, failed


def suite_unit(options):
    folder = build("gcc", "--enable-werror", f"CC={CC}")
    return unit(folder)


def suite_sanitizers(options):
    folder = build("asan", "--enable-werror", "--enable-sanitizers",
                   "CFLAGS=-O1 -g", f"CC={CLANG}")
    return unit(folder)


def suite_clang(options):
    """A plain clang build: hardening turns on headers that sanitizers do not."""
    build("clang", "--enable-werror", f"CC={CLANG}")
    return 1, 0


def suite_lint(options):
    passed = failed = 0
    for script in sorted((TOP / "tests" / "lint").iterdir()):
        if script.name.endswith(".md") or not os.access(script, os.X_OK):
            continue
        result = run(script, cwd=TOP, capture_output=True, text=True)
        if result.returncode == 0:
            passed += 1
        else:
            failed += 1
            print(f"lint {script.name}:\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
    return passed, failed


def suite_fuzz(options):
    """Each fuzz target reads its kept corpus; with --full two minutes more."""
    folder = BUILD / "fuzz"
    build("fuzz", "--enable-fuzzing", "CFLAGS=-O1 -g", f"CC={CLANG}")
    passed = failed = 0
    for target in sorted((folder / "tests" / "fuzz").glob("fuzz-*")):
        if target.suffix or not os.access(target, os.X_OK):
            continue
        corpus = TOP / "tests" / "fuzz" / "corpus" / target.name[len("fuzz-"):]
        command = [target, "-runs=0"]
        if options["full"]:
            command = [target, "-max_total_time=120"]
        scratch = folder / "corpus" / target.name
        scratch.mkdir(parents=True, exist_ok=True)
        command += [scratch] + ([corpus] if corpus.is_dir() else [])
        result = run(*command, capture_output=True, text=True, cwd=folder)
        if result.returncode == 0:
            passed += 1
        else:
            failed += 1
            print(f"fuzz {target.name}:\n{result.stderr[-3000:]}")
    return passed, failed


def pytest(folder, paths, *extra):
    report = BUILD / "pytest.xml"
    report.unlink(missing_ok=True)
    env = dict(os.environ, CULVER_PREFIX=str(folder / "inst"),
               CULVER_BUILD_DIR=str(folder), CULVER_TOP=str(TOP))
    run(sys.executable if has_pytest() else "/usr/bin/python3", "-m", "pytest", "-q",
        "-p", "no:cacheprovider", f"--junitxml={report}", *extra, *paths, cwd=TOP,
        env=env)
    if not report.exists():
        return 0, 1
    suite = xml.etree.ElementTree.parse(report).getroot()
    suite = suite.find("testsuite") if suite.tag == "testsuites" else suite
    total, skipped = int(suite.get("tests")), int(suite.get("skipped"))
    bad = int(suite.get("failures")) + int(suite.get("errors"))
    return total - bad - skipped, bad


def has_pytest():
    return run(sys.executable, "-c", "import pytest", capture_output=True).returncode == 0


def suite_scenario(options):
    folder = build("gcc", "--enable-werror", f"CC={CC}")
    marks = () if options["full"] else ("-m", "not slow")
    return pytest(folder, ["tests/scenario", "tests/interop", "tests/abi"], *marks)


def suite_distcheck(options):
    passed = failed = 0
    for name, compiler in (("gcc", "gcc"), ("clang", "clang")):
        folder = build(f"dist-{name}", f"CC={compiler}")
        result = run("make", "-s", "-C", folder, "distcheck",
                     f"DISTCHECK_CONFIGURE_FLAGS=CC={compiler}",
                     capture_output=True, text=True)
        if result.returncode == 0:
            passed += 1
        else:
            failed += 1
            print(f"distcheck with {name}:\n{result.stdout[-2000:]}{result.stderr[-3000:]}")
    return passed, failed



def suite_crash(options):
    """Over 100,000 disks that a power cut could have left."""
    folder = build("gcc", "--enable-werror", f"CC={CC}")
    program = folder / "tests" / "fault" / "crash-mailbox"
    subprocess.run(["make", "-s", "tests/fault/crash-mailbox"], cwd=folder,
                   check=True)
    result = run(program, cwd=folder, capture_output=True, text=True,
                 env=os.environ | {"CULVER_FULL": "1"})
    if result.returncode != 0:
        print(result.stderr[-3000:])
    return (1, 0) if result.returncode == 0 else (0, 1)


SUITES = [suite_lint, suite_unit, suite_clang, suite_sanitizers, suite_fuzz, suite_scenario]
FULL_SUITES = SUITES + [suite_crash, suite_distcheck]


def main(arguments):
    options = {"full": "--full=yes" in arguments}
    only = [a for a in arguments if not a.startswith("--")]
    passed = failed = 0
    if only:
        folder = build("gcc", "--enable-werror", f"CC={CC}")
        programs = [p for p in only if p.startswith("tests/unit")]
        files = [p for p in only if p not in programs]
        results = ([unit(folder, programs)] if programs else []) + (
            [pytest(folder, files)] if files else [])
        passed = sum(r[0] for r in results)
        failed = sum(r[1] for r in results)
    else:
        for suite in FULL_SUITES if options["full"] else SUITES:
            name, begin = suite.__name__.removeprefix("suite_"), time.monotonic()
            print(f"== {name}", flush=True)
            try:
                ok, bad = suite(options)
            except subprocess.CalledProcessError:
                ok, bad = 0, 1
            print(f"== {name}: {ok} passed, {bad} failed"
                  f" ({time.monotonic() - begin:.0f} s)", flush=True)
            passed, failed = passed + ok, failed + bad
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
