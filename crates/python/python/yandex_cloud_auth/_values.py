"""The arguments of native functions. They are converted here, where code of the program may run: see `src/lib.rs`.

An error names the argument. It never shows the value, which may be a secret.
"""

from __future__ import annotations

import os

from ._errors import InvalidCredential

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _wrong_type(value: Any, name: str, wanted: str) -> TypeError:
    return TypeError(f"{name} must be {wanted}, not {type(value).__name__}")


def _has_surrogates(value: str) -> bool:
    try:
        str.encode(value)
    except UnicodeEncodeError:
        return True
    return False


def text(value: Any, name: str) -> str:
    """A `str` that is Unicode."""
    try:
        # The real type: `isinstance` believes what an object says of itself.
        if not issubclass(type(value), str):
            raise _wrong_type(value, name, "str")
        # Not inside `except`: the error of the encoder holds the value.
        if not str.isascii(value) and _has_surrogates(value):
            raise _not_unicode(name)
        result: str = value
        return result
    finally:
        # A traceback with the values of variables has no secret of ours.
        del value


def text_or_none(value: Any, name: str) -> str | None:
    """The same for an argument that may be left out."""
    try:
        return None if value is None else text(value, name)
    finally:
        del value


def texts(value: Any, name: str) -> list[str]:
    """A list of texts. A single text is refused: it would be a list of letters."""
    if isinstance(value, (str, bytes)):
        raise _wrong_type(value, name, "a list of str")
    return [text(item, name) for item in value]


def path_or_none(value: Any, name: str) -> bytes | None:
    """A path: a `str`, or an object with `__fspath__`."""
    if value is None:
        return None
    kind = type(value)
    if issubclass(kind, bytes) or not (issubclass(kind, str) or hasattr(kind, "__fspath__")):
        raise _wrong_type(value, name, "str or os.PathLike")
    plain = os.fspath(value)
    encoded = _encoded(plain)
    if encoded is None:
        raise _not_unicode(name)
    return encoded


def _encoded(path: str) -> bytes | None:
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:
        return None


def _not_unicode(name: str) -> InvalidCredential:
    reason = "the text has a lone surrogate, so it is not valid Unicode"
    return InvalidCredential(
        f"{name}: {reason}",
        help="decode the bytes of the value as ASCII or UTF-8, without `surrogateescape`",
        location=name,
        reason=reason,
    )


def seconds(value: Any, name: str) -> float | None:
    """A number of seconds, for an argument that may be left out."""
    if value is None:
        return None
    # `float` takes texts, too.
    if not hasattr(type(value), "__float__") and not hasattr(type(value), "__index__"):
        raise _wrong_type(value, name, "a number of seconds")
    try:
        number = float(value)
    except OverflowError:
        number = -1.0
    if not 0 <= number <= 1e9:
        raise ValueError(f"{name} must be a number of seconds from 0 to 1e9")
    return number


def flag(value: Any, name: str) -> bool:
    """True or False, and nothing that is like one of them."""
    if value is not True and value is not False:
        raise _wrong_type(value, name, "bool")
    return value


def one_of(name: str, value: object, file: object) -> None:
    """At most one of two values, which a program gives in the place of a variable."""
    if value is not None and file is not None:
        raise ValueError(f"give {name} or file, not both")
