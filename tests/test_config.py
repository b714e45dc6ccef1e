"""Settings: which source wins, what is refused, and that nothing leaks from one place to another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from fleet_rlm.config import SETTINGS, Layer, Origin, Settings, load_settings, resolve_settings
from fleet_rlm.config.paths import Paths
from fleet_rlm.errors import ConfigurationError

KEY = "sk-a-very-secret-key-1234"


@pytest.fixture
def project(tmp_path):
    """A project with a folder in it."""
    (tmp_path / "project" / ".git").mkdir(parents=True)
    (tmp_path / "project" / "src").mkdir()
    return tmp_path / "project"


@pytest.fixture
def sources(project, tmp_path):
    """Write the sources and load the settings from them."""

    def load(*, flags=None, environ=None, dotenv=None, file=None, cwd=None):
        home = tmp_path / "fleet"
        home.mkdir(exist_ok=True)
        if dotenv is not None:
            (project / ".env").write_text(dotenv, encoding="utf-8")
        if file is not None:
            (home / "config.yaml").write_text(file, encoding="utf-8")
        return load_settings(
            flags, environ={"FLEET_RLM_HOME": str(home), **(environ or {})}, cwd=cwd or project
        )

    return load


def message(caught):
    return caught.value.message


EVERY_SOURCE = {
    "flags": {"model": "flag"},
    "environ": {"DSPY_LM_MODEL": "environment"},
    "dotenv": "DSPY_LM_MODEL=dotenv",
    "file": "model: file",
}


class TestPrecedence:
    @pytest.mark.parametrize("missing", range(5))
    def test_the_strongest_source_wins(self, sources, missing):
        """Flags win over the environment, then .env, then the user's file, then the default."""
        given = dict(list(EVERY_SOURCE.items())[missing:])
        assert sources(**given).model == ["flag", "environment", "dotenv", "file", None][missing]

    def test_each_value_knows_where_it_came_from(self, sources, project, tmp_path):
        """Origins name flag, variable, file and line."""
        settings = sources(
            flags={"sandbox": "local", "concurrency": None},
            environ={"DSPY_LM_API_KEY": KEY},
            dotenv="# ours\n\nexport DSPY_LM_MODEL='openai/x'\n",
            file="memory: 2G\n",
        )
        assert {
            name: str(settings.origin(name))
            for name in ("sandbox", "api_key", "model", "memory", "concurrency")
        } == {
            "sandbox": "--sandbox",
            "api_key": "DSPY_LM_API_KEY in the environment",
            "model": f"DSPY_LM_MODEL in {project / '.env'}, line 3",
            "memory": f"memory in {tmp_path / 'fleet' / 'config.yaml'}",
            "concurrency": "default",
        }
        assert settings.dotenv == project / ".env"

    def test_first_variable_is_preferred(self, sources):
        """Of two variables for one setting the documented first one counts, unless it is empty."""
        assert sources(environ={"DSPY_LM_API_KEY": "b", "DSPY_LLM_API_KEY": "a"}).api_key == "a"
        assert sources(environ={"DSPY_LM_API_KEY": "b", "DSPY_LLM_API_KEY": ""}).api_key == "b"

    def test_empty_is_not_set(self, sources):
        """An empty variable does not hide a weaker source."""
        assert sources(environ={"DSPY_LM_MODEL": ""}, file="model: file").model == "file"
        assert sources(file="model:\nconcurrency: 3").concurrency == 3
        assert sources(flags={"model": ""}, file="model: ''").model is None

    def test_defaults(self, sources):
        """Without any source the defaults hold."""
        assert sources() == Settings()
        assert (Settings().sandbox, Settings().concurrency, Settings().lm_cache) == ("auto", 40, False)

    def test_the_environment_is_only_read(self, sources):
        """A .env is not written into this process's environment, where every child would see it."""
        before = dict(os.environ)
        sources(dotenv=f"DSPY_LLM_API_KEY={KEY}\nOTHER=1")
        assert dict(os.environ) == before


class TestDotenv:
    def test_found_upwards(self, sources, project):
        """It is found from a folder inside the project, and the nearest one counts."""
        assert sources(dotenv="DSPY_LM_MODEL=top", cwd=project / "src").model == "top"
        (project / "src" / ".env").write_text("DSPY_LM_MODEL=near")
        assert sources(cwd=project / "src").model == "near"

    def test_not_above_the_project(self, sources, project):
        """A .env above the project's top is somebody else's."""
        (project.parent / ".env").write_text("DSPY_LM_MODEL=above")
        assert sources(cwd=project / "src").model is None

    def test_outside_a_project_only_here(self, sources, tmp_path):
        """Without a project only the working directory is looked at."""
        (tmp_path / "a").mkdir()
        (tmp_path / ".env").write_text("DSPY_LM_MODEL=above")
        assert sources(cwd=tmp_path / "a").model is None
        assert sources(cwd=tmp_path).model == "above"

    def test_a_python_project_is_a_project(self, sources, tmp_path):
        """pyproject.toml marks the top of a project too."""
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "a" / "pyproject.toml").touch()
        (tmp_path / "a" / ".env").write_text("DSPY_LM_MODEL=x")
        assert sources(cwd=tmp_path / "a" / "b").model == "x"

    def test_values_are_literal(self, sources):
        """No other variable can be drawn into a value."""
        assert sources(environ={"TOKEN": "t"}, dotenv="DSPY_LM_MODEL=a/${TOKEN}").model == "a/${TOKEN}"

    def test_other_peoples_lines_are_ignored(self, sources):
        """Lines that are not ours may look as they like."""
        assert sources(dotenv="what is this\n'''\nDSPY_LM_MODEL=x").model == "x"

    def test_a_broken_line_of_ours_is_refused(self, sources):
        """A malformed line with one of our names is refused with its number."""
        with pytest.raises(ConfigurationError, match=r"Line 2 of .*\.env is not NAME=value"):
            sources(dotenv="A=1\nDSPY_LM_MODEL 'openai/x\n")

    def test_not_text(self, sources, project):
        """A .env that is not UTF-8 is refused by name."""
        (project / ".env").write_bytes(b"DSPY_LM_MODEL=\xff")
        with pytest.raises(ConfigurationError, match=r"\.env is not UTF-8 text. Save it as UTF-8."):
            sources()

    def test_it_cannot_take_the_walls_away(self, sources):
        """A project's .env may not choose the unconfined sandbox; the user may."""
        with pytest.raises(ConfigurationError) as caught:
            sources(dotenv="FLEET_RLM_SANDBOX=trusted")
        assert "may not choose sandbox=trusted, because it removes protection." in message(caught)
        assert sources(dotenv="FLEET_RLM_SANDBOX=local").sandbox == "local"
        assert sources(environ={"FLEET_RLM_SANDBOX": "trusted"}).sandbox == "trusted"

    def test_it_cannot_have_a_program_of_its_own_started(self, sources):
        """No .env may say which program is Claude Code; the user may."""
        with pytest.raises(ConfigurationError) as caught:
            sources(dotenv="FLEET_RLM_CLAUDE=./claude")
        assert "may not choose claude=./claude, because it removes protection." in message(caught)
        assert sources(environ={"FLEET_RLM_CLAUDE": "/opt/claude"}).claude == "/opt/claude"
        assert sources(dotenv="FLEET_RLM_CLAUDE_PARALLEL=2").claude_parallel == 2

    def test_it_cannot_move_the_users_configuration(self, sources, project):
        """FLEET_RLM_HOME in a .env is not heard."""
        (project / "config.yaml").write_text("sandbox: trusted")
        assert sources(dotenv=f"FLEET_RLM_HOME={project}").sandbox == "auto"

    @pytest.mark.parametrize("name", ["DSPY_LM_API_BASE", "FLEET_RLM_SUB_API_BASE"])
    def test_it_cannot_have_the_users_key_sent_to_itself(self, sources, name):
        """An address from a .env and a key from elsewhere do not go together, unless the address is this machine."""
        key = {"DSPY_LLM_API_KEY": KEY}
        with pytest.raises(ConfigurationError) as caught:
            sources(environ=key, dotenv=f"{name}=https://elsewhere.example/v1")
        assert (
            "would have your key (DSPY_LLM_API_KEY in the environment) sent to elsewhere.example."
            in message(caught)
        )
        assert KEY not in str(caught.value)
        sources(environ=key, dotenv=f"{name}=http://localhost:1/v1")
        sources(environ=key, dotenv=f"{name}=http://[::1]:1/v1")
        assert sources(dotenv=f"{name}=https://elsewhere.example/v1\nDSPY_LLM_API_KEY=x").api_key == "x"


class TestFile:
    def test_unknown_key(self, sources):
        """A key that is no setting is refused, with the likely one."""
        with pytest.raises(
            ConfigurationError, match=r"sets 'modle', which is no setting\. Did you mean 'model'\?"
        ):
            sources(file="modle: x")

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            ("model: [", "line 1 is not valid YAML"),
            ("- model", "must hold lines of the form name: value"),
            ("model: [a]", "model is a list, but it must be text."),
            ("model: {a: b}", "model is a mapping, but it must be text."),
        ],
    )
    def test_bad_form(self, sources, content, problem):
        """A file of the wrong form is refused by name."""
        with pytest.raises(ConfigurationError) as caught:
            sources(file=content)
        assert problem in message(caught)
        assert "config.yaml" in message(caught)

    @pytest.mark.parametrize("content", ["", "# nothing\n", "---\n"])
    def test_empty(self, sources, content):
        """An empty file says nothing."""
        assert sources(file=content) == Settings()


class TestValues:
    @pytest.mark.parametrize(
        ("written", "seconds"), [("90", 90), ("1.5", 1.5), ("90s", 90), ("30m", 1800), ("2h", 7200)]
    )
    def test_durations(self, sources, written, seconds):
        """A number of seconds, or one of minutes or hours with its unit."""
        assert sources(environ={"FLEET_RLM_LM_TIMEOUT": written}).lm_timeout == seconds

    @pytest.mark.parametrize(
        ("variable", "value", "expected"),
        [
            ("FLEET_RLM_CONCURRENCY", "zero", "it must be a whole number of at least 1."),
            ("FLEET_RLM_CONCURRENCY", "0", "it must be a whole number of at least 1."),
            ("FLEET_RLM_CONCURRENCY", "9" * 30, "it must be a whole number of at least 1."),
            ("FLEET_RLM_LM_RETRIES", "-1", "it must be a whole number of at least 0."),
            ("FLEET_RLM_LM_TIMEOUT", "nan", "it must be a number of seconds above 0."),
            ("FLEET_RLM_LM_TIMEOUT", "0", "it must be a number of seconds above 0."),
            ("FLEET_RLM_LM_CACHE", "maybe", "it must be true or false."),
            ("FLEET_RLM_SANDBOX", "cloud", "it must be one of auto, local, modal, trusted."),
            ("FLEET_RLM_MEMORY", "lots", "it must be a size such as 512M or 4G."),
            ("DSPY_LM_API_BASE", "localhost:80", "it must be a URL that starts with http:// or https://."),
            ("DSPY_LM_API_BASE", "http://[", "it must be a URL that starts with http:// or https://."),
        ],
    )
    def test_what_cannot_be_used_is_refused(self, sources, variable, value, expected):
        """A value that cannot be used is refused with its place, the value and what it must be."""
        with pytest.raises(ConfigurationError) as caught:
            sources(environ={variable: value})
        assert message(caught).startswith(f"{variable} in the environment: ")
        assert repr(value) in message(caught)
        assert message(caught).endswith(expected)

    @pytest.mark.parametrize(
        ("value", "size"),
        [("1", 1), ("2k", 2048), ("512M", 512 << 20), ("1.5g", 3 << 29), ("4GiB", 4 << 30), ("1TB", 1 << 40)],
    )
    def test_sizes(self, sources, value, size):
        """Sizes are read with binary units, in any spelling."""
        assert sources(environ={"FLEET_RLM_MEMORY": value}).memory == size

    def test_typed_values_from_the_file_and_from_flags(self, sources):
        """YAML's and click's own types are taken as they are."""
        settings = sources(file="lm_cache: true\nlm_timeout: 2.5\n", flags={"concurrency": 7})
        assert (settings.lm_cache, settings.lm_timeout, settings.concurrency) == (True, 2.5, 7)

    def test_secrets_are_not_shown(self, sources):
        """A key is in no representation, and people see only that it is there."""
        settings = sources(environ={"DSPY_LLM_API_KEY": KEY, "DSPY_LM_MODEL": "m"})
        assert KEY not in repr(settings)
        assert settings.secrets == (KEY,)
        assert [settings.shown(name) for name in ("api_key", "sub_api_key", "model")] == [
            "present",
            None,
            "m",
        ]

    def test_a_secret_of_the_wrong_kind_is_not_shown(self):
        """Even an error about a secret does not show it."""
        layer = Layer({"api_key": ([KEY], Origin("flag", "--api-key"))})
        with pytest.raises(ConfigurationError) as caught:
            resolve_settings([layer])
        assert KEY not in str(caught.value)


class TestTable:
    def test_it_is_complete(self):
        """Every setting has a variable, a default that passes its own check, and a help text that is a sentence."""
        assert len({setting.name for setting in SETTINGS}) == len(SETTINGS) == 19
        for setting in SETTINGS:
            assert setting.variables
            assert setting.help.endswith(".")
            assert setting.default is None or setting.kind.parse(str(setting.default)) == setting.default

    def test_the_example_names_real_variables(self):
        """.env.example holds nothing that is not a setting."""
        text = (Path(__file__).parents[1] / ".env.example").read_text(encoding="utf-8")
        lines = [line.lstrip("# ") for line in text.splitlines()]
        named = {line.partition("=")[0] for line in lines if line.partition("=")[0].isupper()}
        assert named <= {variable for setting in SETTINGS for variable in setting.variables}
        assert "DSPY_LLM_API_KEY" in named


class TestPaths:
    def test_one_variable_moves_everything(self, tmp_path):
        """FLEET_RLM_HOME holds configuration, state, logs, volumes and cache."""
        paths = Paths.of({"FLEET_RLM_HOME": str(tmp_path)})
        assert paths == Paths(*(tmp_path / name for name in ("", "state", "logs", "volumes", "cache")))
        assert paths.config_file == tmp_path / "config.yaml"

    def test_the_platforms_own_places(self, home):
        """Without it everything is in the user's home, in a folder of our name."""
        paths = Paths.of(os.environ)
        for path in (paths.config, paths.state, paths.logs, paths.volumes, paths.cache):
            assert path.is_relative_to(home)
            assert "fleet-rlm" in path.parts

    def test_a_relative_home_is_made_absolute(self, tmp_path, monkeypatch):
        """A relative FLEET_RLM_HOME keeps its meaning when the working directory changes."""
        monkeypatch.chdir(tmp_path)
        assert Paths.of({"FLEET_RLM_HOME": ".demo"}).config == tmp_path / ".demo"


def test_the_file_is_plain_yaml(sources):
    """Every setting can be written to config.yaml under its name."""
    values = {setting.name: setting.default for setting in SETTINGS if setting.default is not None}
    assert sources(file=yaml.safe_dump(values)) == Settings()
