"""The programs of `docs/python.md` run, against an emulator in the place of the cloud."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "python.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_a_program_of_the_page_runs(program, tls_emulator, python):
    for imported in re.findall(r"^(?:import|from) (\w+)", program, re.MULTILINE):
        pytest.importorskip(imported)
    program = program.replace("https://ai.api.cloud.yandex.net", tls_emulator.url)
    program = program.replace("llm.api.cloud.yandex.net:443", tls_emulator.address)
    program = program.replace("FOLDER_ID", tls_emulator.folder_id)
    out = python("import warnings; warnings.simplefilter('ignore')\n" + program)
    assert "401" not in out and "False" not in out


def test_the_page_has_the_constructors_and_every_adapter():
    import yandex_cloud_auth

    text = PAGE.read_text()
    folder = Path(yandex_cloud_auth.__file__).parent
    for adapter in folder.glob("[!_]*.py"):
        assert f"yandex_cloud_auth.{adapter.stem}" in text
    for name, value in vars(yandex_cloud_auth.Credentials).items():
        if isinstance(value, classmethod) and not name.startswith("_"):
            assert f"Credentials.{name}(" in text
