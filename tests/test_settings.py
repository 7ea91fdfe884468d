"""User settings: file, environment, and faults with file and line."""

from pathlib import Path

import pytest

from workbench.errors import WorkbenchError
from workbench.settings import user_settings


def test_environment_wins_over_file_wins_over_default(tmp_path):
    (tmp_path / "settings.toml").write_text('data_dir = "sets"\ndownload = false\ncpu_slots = 3\n')
    environ = {"WORKBENCH_CONFIG": str(tmp_path), "WORKBENCH_CPU_SLOTS": "2"}
    settings = user_settings(environ)
    assert settings.data_dir == tmp_path / "sets"
    assert settings.download is False
    assert settings.cpu_slots == 2
    assert settings.refresh_rate == 4.0
    assert user_settings({**environ, "WORKBENCH_DOWNLOAD": "yes"}).download is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("downlaod = true", "settings.toml:1: downlaod: unknown key. Did you mean 'download'?"),
        ("download = 1", "settings.toml:1: download: must be true or false, got 1."),
        ("\ncpu_slots = true", "settings.toml:2: cpu_slots: must be a whole number, got True."),
        ("cpu_slots = -1", "cpu_slots: must lie between 0 and 4096, got -1."),
        ("refresh_rate = nan", "refresh_rate: must lie between 0.1 and 30"),
        ("data_dir = 3", "data_dir: must be a folder name in quotes, got 3."),
        ("data_dir = '~nobody-of-that-name/x'", "data_dir: there is no home folder"),
        ("cpu_slots =", "settings.toml:1: not valid TOML"),
    ],
)
def test_faults_in_the_file(tmp_path, text, message):
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(WorkbenchError) as caught:
        user_settings({"WORKBENCH_CONFIG": str(tmp_path)})
    assert message in str(caught.value)


@pytest.mark.parametrize("value", ["maybe", "²", "\x1b[31m"])
def test_faults_in_the_environment_name_the_variable(tmp_path, value):
    with pytest.raises(WorkbenchError) as caught:
        user_settings({"WORKBENCH_CONFIG": str(tmp_path), "WORKBENCH_DOWNLOAD": value})
    assert str(caught.value).startswith("WORKBENCH_DOWNLOAD: must be true or false")
    assert "\x1b" not in str(caught.value)


def test_data_folder_is_absolute_without_any_setting(tmp_path):
    assert user_settings({"WORKBENCH_CONFIG": str(tmp_path)}).data_dir.is_absolute()
    assert (
        user_settings({"WORKBENCH_CONFIG": str(tmp_path), "WORKBENCH_DATA_DIR": "d"}).data_dir
        == Path.cwd() / "d"
    )
