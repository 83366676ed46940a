"""`python -m yandex_cloud_auth doctor`: which method is selected, and why."""

from __future__ import annotations

import sys

from . import AuthError, Blocked, Credentials, Expired, InvalidCredential, NotConfigured, Refused, Unavailable

#: As those of the command yc-auth.
STATUS: dict[type[Exception], int] = {NotConfigured: 3, InvalidCredential: 4, Blocked: 4, Unavailable: 5, Refused: 6, Expired: 6}


def doctor(timeout: float) -> int:
    """Makes one header, and prints the report of the selection. Prints no secret."""
    credentials = Credentials()
    error = None
    try:
        credentials.header(timeout=timeout)
    except AuthError as failure:
        error = failure
    report = credentials.report()
    if report is not None:
        print(report)
    if error is None:
        end = credentials.expires_at
        print(f"\nmethod: {credentials.method}")
        print("no end is known, and no server was asked" if end is None else f"the token ends at {end:%Y-%m-%d %H:%M:%S} UTC")
        return 0
    print(f"\nerror: {error}", file=sys.stderr)
    if error.help:
        print(f"help: {error.help}", file=sys.stderr)
    return STATUS.get(type(error), 1)


def main() -> int:
    """The command."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m yandex_cloud_auth", description=__doc__)
    parser.add_argument("command", choices=["doctor"])
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds for selection and fetch together")
    arguments = parser.parse_args()
    try:
        return doctor(arguments.timeout)
    except (AuthError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return STATUS.get(type(error), 2)


if __name__ == "__main__":
    sys.exit(main())
