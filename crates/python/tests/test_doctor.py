"""`python -m yandex_cloud_auth doctor`."""

import subprocess
import sys


def doctor(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "yandex_cloud_auth", *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_it_shows_the_report_and_no_secret(environment):
    environment.setenv("YC_API_KEY", "AQVN-fake-secret")
    status, out, err = doctor("doctor")
    assert status == 0 and "YC_API_KEY" in out and "method: api-key" in out and err == ""
    assert "secret" not in out


def test_it_shows_when_the_token_ends(emulator):
    status, out, _ = doctor("doctor")
    assert status == 0 and "the token ends at 20" in out and "t1." not in out


def test_its_status_is_that_of_the_error(environment):
    environment.setenv("YC_API_KEY", "t1.fake.secret")
    status, out, err = doctor("doctor")
    assert status == 4 and "broken" in out and "help: " in err and "fake.secret" not in out + err
    environment.delenv("YC_API_KEY")
    environment.setenv("YC_AUTH_METHOD", "metadata")
    assert doctor("doctor", "--timeout", "1")[0] == 5
    environment.setenv("YC_AUTH_CACHE", "perhaps")
    assert doctor("doctor")[0] == 4


def test_a_wrong_command_is_a_usage_error():
    assert doctor()[0] == 2 and doctor("cure")[0] == 2
    assert doctor("doctor", "--timeout", "-1")[0] == 2
