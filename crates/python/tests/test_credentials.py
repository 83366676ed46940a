"""Values, constructors, and what Python expects of an object."""

import asyncio
import copy
import gc
import json
import pickle
import weakref
from pathlib import Path

import pytest
import yandex_cloud_auth
from yandex_cloud_auth import AuthError, Credentials, InvalidCredential, NotConfigured

SECRET = "AQVN-fake-secret-key"


def test_a_given_value_is_ready_at_once():
    creds = Credentials(SECRET)
    assert (creds.header(), creds.token(), creds.method) == (f"Api-Key {SECRET}", SECRET, "api-key")
    assert Credentials("t1.fake.token").header() == "Bearer t1.fake.token"
    assert creds.expires_at is None
    assert creds.report().selected.method == "api-key"
    assert creds.counters() == {"fetches": 0, "failures": 0, "waited": 0}


def test_the_method_none_has_no_header():
    creds = Credentials.none()
    assert creds.header() is None and creds.token() is None
    assert asyncio.run(creds.header_async()) is None
    assert creds.method == "none"


def test_the_text_is_kept_for_its_generation():
    creds = Credentials(SECRET)
    assert creds.header() is creds.header()
    assert creds.token() is creds.token()


def test_automatic_selection_reads_the_variables(environment):
    creds = Credentials()
    assert creds.method is None and creds.report() is None
    environment.setenv("YC_API_KEY", SECRET)
    assert creds.header() == f"Api-Key {SECRET}"
    assert creds.method == "api-key"
    assert [attempt.source for attempt in creds.report().attempts][0] == "YC_API_KEY"
    assert "YC_API_KEY" in str(creds.report())


def test_a_broken_variable_stops_the_selection(environment):
    environment.setenv("YC_API_KEY", "t1.fake.token")
    with pytest.raises(InvalidCredential) as caught:
        Credentials().header()
    error = caught.value
    assert error.report.attempts[0].outcome == "broken"
    assert error.help and error.location == "YC_API_KEY" and not error.is_transient
    assert "fake.token" not in str(error)


def test_nothing_to_select_is_not_configured(environment, tmp_path):
    environment.setenv("PATH", str(tmp_path))
    environment.setenv("YC_AUTH_METHOD", "api-key")
    with pytest.raises(NotConfigured):
        Credentials().header()


CONSTRUCTORS = {
    "api-key": lambda cls, tmp: cls.api_key(SECRET),
    "iam-token": lambda cls, tmp: cls.iam_token("t1.fake.token"),
    "env-iam-token": lambda cls, tmp: cls.env_iam_token("SOME_TOKEN"),
    "oauth-token": lambda cls, tmp: cls.oauth_token("y0_fake", timeout=3, max_age=60),
    "service-account-key": lambda cls, tmp: cls.service_account_key(tmp / "key.json", jwt_life=60, audience="x"),
    "workload-identity": lambda cls, tmp: cls.workload_identity("ajefakefakefakefakef", file=tmp / "token"),
    "token-file": lambda cls, tmp: cls.token_file(tmp / "token", max_age=60),
    "metadata": lambda cls, tmp: cls.metadata("127.0.0.1:1", connect_timeout=1, timeout=2, max_age=3),
    "yandex-cloud-cli": lambda cls, tmp: cls.yandex_cloud_cli("default", program=tmp / "yc"),
    "profile": lambda cls, tmp: cls.profile("default", file=tmp / "config.yaml"),
    "impersonation": lambda cls, tmp: cls.impersonation("ajefakefakefakefakef", Credentials(SECRET)),
    "function": lambda cls, tmp: cls.function({"access_token": "t1.fake.token", "expires_in": 3600}),
    "none": lambda cls, tmp: cls.none(),
}


class Mine(Credentials):
    """A subclass with something of its own."""

    extra = 1


@pytest.mark.parametrize("method", CONSTRUCTORS)
def test_each_method_has_a_constructor_that_returns_the_subclass(method, tmp_path):
    creds = CONSTRUCTORS[method](Mine, tmp_path)
    assert type(creds) is Mine and creds.method == method
    assert method in repr(creds) and "Mine" in repr(creds)


@pytest.mark.parametrize(
    "constructor", ["api_key", "iam_token", "env_iam_token", "oauth_token", "service_account_key", "token_file"]
)
def test_without_a_value_the_variable_of_the_method_is_read(constructor):
    with pytest.raises(AuthError) as caught:
        getattr(Credentials, constructor)().header()
    assert caught.value.location.startswith("YC_")


def test_a_variable_is_read_for_each_call(environment):
    creds = Credentials.env_iam_token("SOME_TOKEN")
    for token in ["t1.fake.one", "t1.fake.two"]:
        environment.setenv("SOME_TOKEN", token)
        assert creds.header() == f"Bearer {token}"
        assert asyncio.run(creds.token_async()) == token
    environment.delenv("SOME_TOKEN")
    with pytest.raises(AuthError):
        creds.header()
    with pytest.raises(AuthError):
        asyncio.run(creds.header_async())


def test_a_key_is_a_path_its_text_or_its_object(emulator, tmp_path):
    key = emulator.new_service_account_key()
    file = tmp_path / "key.json"
    file.write_text(json.dumps(key))
    for value in [file, str(file), json.dumps(key), key]:
        assert Credentials.service_account_key(value).token().startswith("t1.")


def test_the_end_of_a_token_is_a_datetime(emulator):
    creds = Credentials.metadata()
    assert creds.expires_at is None
    creds.header()
    assert creds.expires_at.tzinfo is not None and creds.expires_at.year >= 2026


def test_a_refused_token_is_replaced_and_only_that_token(emulator, fetches):
    creds = Credentials.metadata()
    first = creds.header()
    assert not creds.invalidate("Bearer t1.another.token") and not creds.invalidate(None)
    # The service hands out the same token until its cache forgets it.
    emulator.revoke_iam_token(first.removeprefix("Bearer "))
    assert creds.invalidate(first)
    second = creds.header()
    assert second != first and fetches() == 2
    assert not creds.invalidate(first)
    assert creds.invalidate(second.removeprefix("Bearer "))
    assert not Credentials(SECRET).invalidate(SECRET)


def test_a_revoked_token_is_never_sent_again(emulator):
    creds = Credentials.metadata()
    first = creds.token()
    assert creds.revoke() == emulator.service_account_id
    assert creds.token() != first
    asyncio.run(creds.revoke_async(timeout=5))
    with pytest.raises(InvalidCredential):
        Credentials(SECRET).revoke()


def test_credentials_refuse_to_be_pickled_and_copies_are_the_same_object():
    creds = Credentials(SECRET)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled: the pickle would hold the secret"):
            pickle.dumps(creds, protocol)
    assert copy.copy(creds) is creds and copy.deepcopy({"a": creds})["a"] is creds


def test_credentials_take_weak_references():
    creds = Credentials(SECRET)
    reference = weakref.ref(creds)
    assert reference() is creds
    del creds
    gc.collect()
    assert reference() is None


WRONG_TYPES = [b"AQVN-secret", bytearray(b"AQVN-secret"), 12345678, 1.5, ["AQVN-secret"], object()]


@pytest.mark.parametrize("value", WRONG_TYPES, ids=lambda value: type(value).__name__)
def test_a_wrong_type_is_a_type_error_without_the_value(value):
    for call in [Credentials, Credentials.api_key, Credentials.iam_token, Credentials("AQVN-x").invalidate]:
        with pytest.raises(TypeError) as caught:
            call(value)
        assert "secret" not in str(caught.value) and "12345678" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    ["", " ", "Bearer t1.secret", "t1.sec\udc80ret", "\ud800secret", "a\0secret", "ключ-secret", "secret" * 10**6],
    ids=["empty", "blank", "scheme", "surrogate", "high-surrogate", "nul", "cyrillic", "huge"],
)
def test_a_bad_text_is_our_error_without_the_value(value):
    for make in [Credentials, Credentials.api_key, Credentials.oauth_token, Credentials.function]:
        with pytest.raises(InvalidCredential) as caught:
            make(value)
        error = caught.value
        held = repr((error, error.args, error.help, error.__dict__, error.__cause__, error.__context__))
        assert "secret" not in held.replace("the secret", "")


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), 1e300])
def test_a_bad_number_of_seconds_is_a_value_error(timeout):
    with pytest.raises(ValueError, match="timeout"):
        Credentials.metadata(timeout=timeout)
    with pytest.raises(ValueError, match="timeout"):
        Credentials.metadata().header(timeout=timeout)
    with pytest.raises(ValueError, match="timeout"):
        asyncio.run(Credentials.metadata().header_async(timeout=timeout))


def test_two_values_for_one_are_refused():
    with pytest.raises(ValueError, match="not both"):
        Credentials.api_key(SECRET, file="key")
    with pytest.raises(ValueError, match="lenient"):
        Credentials(SECRET, lenient=True)
    with pytest.raises(ValueError, match="service_account_id"):
        Credentials.workload_identity("ajefakefakefakefakef")


def test_errors_can_be_pickled_with_all_that_they_say(environment):
    environment.setenv("YC_API_KEY", "t1.fake.token")
    with pytest.raises(AuthError) as caught:
        Credentials().header()
    error = caught.value
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and again.args == error.args
    assert (again.help, again.report, again.location) == (error.help, error.report, error.location)
    assert str(again.report) == str(error.report)


def test_the_errors_are_one_hierarchy_with_public_names():
    names = ["NotConfigured", "InvalidCredential", "Unavailable", "Refused", "Expired", "Blocked"]
    for name in names:
        kind = getattr(yandex_cloud_auth, name)
        assert issubclass(kind, AuthError) and kind.__module__ == "yandex_cloud_auth"
        assert kind("x").is_transient == (name == "Unavailable")


def test_the_package_is_typed_and_imports_nothing_heavy(python):
    assert (Path(yandex_cloud_auth.__file__).parent / "py.typed").exists()
    heavy = ["asyncio", "logging", "typing", "threading", "socket", "select", "json", "datetime", "re", "enum"]
    program = f"""
import sys
before = set(sys.modules)
import yandex_cloud_auth
yandex_cloud_auth.Credentials("AQVN-fake").header()
print(sorted((set(sys.modules) - before) & set({heavy!r})))
"""
    assert python(program).strip() == "[]"


def test_help_shows_signatures_and_sentences(python):
    program = "import pydoc, yandex_cloud_auth as y; print(pydoc.render_doc(y.Credentials, renderer=pydoc.plaintext))"
    text = python(program)
    assert "header(self, timeout:" in text
    assert "The value for `Authorization`" in text and "service_account_key(" in text and "jwt_life: " in text


def test_the_constructors_of_a_subclass_do_not_run_its_init():
    class Own(Credentials):
        def __init__(self, *arguments, **options):
            self.has_run = True

    assert Own("AQVN-fake").has_run
    made = Own.api_key("AQVN-fake")
    assert type(made) is Own and made.header() == "Api-Key AQVN-fake" and not hasattr(made, "has_run")
