"""What more than one file of tests asks for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.subjects import Subject


@pytest.fixture(params=[1, 2], ids=["Miniproject_1", "Miniproject_2"])
def subject(request: pytest.FixtureRequest) -> Subject:
    """Both miniprojects, one after the other."""
    return Subject(request.param)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """New models have few channels: for claims that do not depend on it, in a tenth of the time."""
    monkeypatch.setattr("Miniproject_1.model.WIDTHS", (8, 12))
    monkeypatch.setattr("Miniproject_2.model.CHANNELS", (8, 12))


@pytest.fixture
def usage_error(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """`usage_error(main, *arguments)`: what a command says as it refuses them with status 2."""

    def said(main: Callable[[list[str]], object], *arguments: str) -> str:
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        assert stop.value.code == 2
        return capsys.readouterr().err

    return said
