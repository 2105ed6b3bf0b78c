"""The workflow that docs/ offers: its commands exist, with the options that they are given."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

import bench.cli  # noqa: F401 - registers the commands
from bench.cli.app import app

WORKFLOW = Path(__file__).parents[2] / "docs" / "ci" / "robustness.yml"
STEPS = yaml.safe_load(WORKFLOW.read_text())["jobs"]["gate"]["steps"]
COMMANDS = [shlex.split(step["run"]) for step in STEPS if str(step.get("run", "")).startswith("moekd-bench")]


def test_the_workflow_attacks_checks_and_validates() -> None:
    assert [argv[1] for argv in COMMANDS] == ["attack", "check", "validate"]


@pytest.mark.parametrize("argv", COMMANDS, ids=lambda argv: argv[1])
def test_a_command_of_the_workflow_is_understood(argv: list[str]) -> None:
    command = get_command(app).commands[argv[1]]  # type: ignore[attr-defined]
    with command.make_context(argv[1], argv[2:]) as context:
        assert context.params
