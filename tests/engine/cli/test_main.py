from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli import COMMANDS, main
from engine.version import VERSION


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"jackfield {VERSION}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"example:\n  jackfield {command}" in capsys.readouterr().out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert all(f"    {command}" in out for command in COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run", "--http-port", "x"]])
def test_a_wrong_command_line_says_so_and_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "hint"), [("rum", "did you mean 'run'?"), ("zzz", "`jackfield --help` lists them")]
)
def test_a_command_that_does_not_exist_is_one_clear_error(
    command: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command])

    assert ended.value.code == 2
    assert f"there is no command {command!r} ({hint})\n" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["run"], ["check"], ["send", "orders", "--data", "1", "--dir"]])
def test_a_folder_that_does_not_exist_is_one_clear_error(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, str(tmp_path / "nowhere")]) == 2
    err = capsys.readouterr().err
    assert err.startswith("jackfield: error: ")
    assert "nowhere" in err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--store", "mongodb://x", "there is no store for 'mongodb' (the schemes are postgres, postgresql, sqlite)"),
        ("--drain", "soon", "--drain: 'soon' is not a duration; write it like 200ms, 10s, 1m30s, 2h or 7d"),
        (
            "--keep-dead-letters",
            "ever",
            "--keep-dead-letters: 'ever' is not a duration; write it like 200ms, 10s, 1m30s, 2h or 7d",
        ),
        ("--most-dead-letters", "0", "--most-dead-letters: 0 is not 1 or more"),
    ],
)
def test_a_wrong_option_of_run_is_one_clear_error(
    option: str, value: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(tmp_path), option, value]) == 2
    assert capsys.readouterr().err == f"jackfield: error: {message}\n"


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--app-port", "0", "--app-port: 0 is no port"),
        ("--max-body-size", "much", "--max-body-size: 'much' is not a size"),
        ("--grpc-port", "99999", "cannot listen on 127.0.0.1:99999 for gRPC"),
        ("--grpc-port", "-1", "cannot listen on 127.0.0.1:-1 for gRPC"),
    ],
)
def test_wrong_value_of_a_flag_of_run_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str, value: str, message: str
) -> None:
    assert main(["run", str(tmp_path), "--port", "0", "--store", f"sqlite:{tmp_path}/s.db", flag, value]) == 2
    assert message in capsys.readouterr().err
