from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.config import NAMES, VARIABLES, Settings, load_settings, load_with_sources
from hlcopy.config.meanings import GROUPS
from hlcopy.domain.policy import SCORE_WEIGHTS, Policy
from hlcopy.errors import BadInputError, ConfigError

EXAMPLE = Path(__file__).parent.parent / ".env.example"
CANARY = "c0ffee" * 10 + "beef"
ADDRESS = "0x" + "Ab" * 20


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def refused(**environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    return str(caught.value)


def outcome(environ: dict[str, str]) -> str:
    try:
        return repr(load_settings(environ).mode)
    except ConfigError as error:
        return f"{error} {error.__cause__}"


def test_nothing_set_means_the_specification_s_values() -> None:
    assert load_settings({}).policy() == Policy()


def test_the_process_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "other.env"
    file.write_text("HLCOPY_COPY_RATIO=0.2\nHLCOPY_MAX_TOTAL_POSITIONS=3\nOTHERS=1\n")
    settings = load_settings({"HLCOPY_COPY_RATIO": "0.3", "PATH": "/bin"}, file)
    assert (settings.copy_ratio, settings.max_total_positions) == (0.3, 3)


def test_an_empty_process_variable_hides_the_file_s() -> None:
    Path(".env").write_text(f"HLCOPY_ACCOUNT_ADDRESS={ADDRESS}\n")
    assert load_settings({"HLCOPY_ACCOUNT_ADDRESS": ""}).account_address is None


def test_the_file_is_the_local_one_else_the_one_of_the_config_directory(tmp_path: Path) -> None:
    far = tmp_path / "config" / "hlcopy" / ".env"
    far.parent.mkdir(parents=True)
    far.write_text("HLCOPY_COPY_RATIO=0.1")
    assert load_settings({}).copy_ratio == 0.1
    Path(".env").write_text("HLCOPY_COPY_RATIO=0.2")
    assert load_settings({}).copy_ratio == 0.2


def test_a_named_file_that_isn_t_there_is_wrong_usage() -> None:
    with pytest.raises(BadInputError, match=r"nowhere\.env: there is no such"):
        load_settings({}, Path("nowhere.env"))


@pytest.mark.parametrize(
    ("text", "line"),
    [("HLCOPY_MODE", 1), ("# fine\n\n\nHLCOPY MODE=live\n", 4), ("A=1\nexport 'x\n", 2)],
)
def test_a_line_that_can_t_be_read_is_named(text: str, line: int) -> None:
    Path(".env").write_text(text)
    with pytest.raises(ConfigError, match=rf"\.env line {line}: must read NAME=VALUE"):
        load_settings({})


def test_a_file_that_isn_t_text_is_refused() -> None:
    Path(".env").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="can't be read as text"):
        load_settings({})


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("HLCOPY_COPY_RATOI", "HLCOPY_COPY_RATIO"),
        ("HLCOPY_STOPLOSS_PERCENT", "HLCOPY_STOP_LOSS_PERCENT"),
        ("hlcopy_mode", "HLCOPY_MODE"),
        ("HLCOPY_NANSEN_API_KEY", "NANSEN_API_KEY"),
    ],
)
def test_an_unknown_name_in_either_source_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    assert re.search(rf"{name} in the environment is no setting; the nearest is {nearest}", refused(**{name: "1"}))
    Path(".env").write_text(f"{name}=1")
    with pytest.raises(ConfigError, match=rf"{name} in \.env .* {nearest}"):
        load_settings({})


@pytest.mark.parametrize("name", ["HLCOPY_ZZZ", "HLCOPY_"])
def test_an_unknown_name_that_is_like_no_other_still_names_the_nearest_and_the_example(name: str) -> None:
    said = refused(**{name: "1"})
    assert re.fullmatch(rf"{name} in .* the nearest is HLCOPY_[A-Z_]+ \(\.env\.example lists them all\)", said)


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_database_of_the_process_is_refused_and_of_a_file_the_default(empty: str) -> None:
    assert refused(HLCOPY_DB=empty) == "HLCOPY_DB is empty; name a file, or unset it"
    Path(".env").write_text(f"HLCOPY_DB={empty}\n")
    assert load_settings({}) == load_settings({"HLCOPY_MODE": "paper"}, EXAMPLE)


def test_a_config_directory_that_can_t_be_looked_into_holds_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", locked)
    assert load_settings({}).copy_ratio == Settings.model_fields["copy_ratio"].default


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HLCOPY_COPY_RATIO", "1.1"),
        ("HLCOPY_COPY_RATIO", "0"),
        ("HLCOPY_STOP_LOSS_PERCENT", "100"),
        ("HLCOPY_STOP_LOSS_PERCENT", "-5"),
        ("HLCOPY_MAX_TOTAL_OPEN_POSITIONS_USD_RATIO", "50"),
        ("HLCOPY_MAX_TOTAL_POSITIONS", "2.5"),
        ("HLCOPY_MAX_TOTAL_POSITIONS", "-1"),
        ("HLCOPY_COPY_DELAY_MINUTES", "soon"),
        ("HLCOPY_MODE", "dry"),
        ("HLCOPY_NETWORK", "devnet"),
        ("HLCOPY_REQUIRE_CONSENSUS", "perhaps"),
        ("HLCOPY_TIMING_FROM", "never"),
        ("HLCOPY_ACCOUNT_ADDRESS", "0x1234"),
        ("HLCOPY_AGENT_KEY", "0x1234"),
        ("NANSEN_API_KEY", "two words"),
        ("HLCOPY_BREAKERS", "perhaps"),
        ("HLCOPY_MAX_DAILY_LOSS_PERCENT", "0"),
        ("HLCOPY_MAX_DRAWDOWN_PERCENT", "101"),
        ("HLCOPY_MAX_STOPS_IN_6H", "0"),
        ("HLCOPY_MAX_TRADER_STOPS", "0"),
        ("HLCOPY_DB", "a\0b"),
        ("HLCOPY_DB", "."),
        ("HLCOPY_LOG_FILE", "/"),
        ("HLCOPY_SOURCE_URL", "api.hyperliquid.xyz"),
        ("HLCOPY_SOURCE_URL", "http://example.com"),
        ("HLCOPY_SOURCE_URL", "https://u:p@example.com"),
        ("HLCOPY_NANSEN_URL", "https://example.com/?key=1"),
        ("HLCOPY_NANSEN_URL", "https://exam ple.com"),
        ("HLCOPY_LEADERBOARD_URL", "https://[::1"),
        ("HLCOPY_MIN_TRADE_VALUE_USD", "50000"),
        ("HLCOPY_MIN_TRADE_VALUE_USD", "{BTC: 1}"),
        ("HLCOPY_MIN_TRADE_VALUE_USD", '{"BTC": true}'),
        ("HLCOPY_MIN_TRADE_VALUE_USD", '{"BTC": -1}'),
        ("HLCOPY_TRADER_SCORE_WEIGHTS", '{"normalised_roi": 1}'),
        ("HLCOPY_TRADER_SCORE_WEIGHTS", '{"zzz": 1}'),
        (
            "HLCOPY_TRADER_SCORE_WEIGHTS",
            json.dumps(dict.fromkeys(SCORE_WEIGHTS, 0)),
        ),
    ],
)
def test_a_bad_value_names_its_variable_and_only_that(variable: str, value: str) -> None:
    message = refused(**{variable: value})
    assert message.startswith(f"{variable}: ")
    assert "HLCOPY_" not in message.removeprefix(variable)


def test_every_bad_value_is_told_at_once() -> None:
    message = refused(HLCOPY_MODE="x", HLCOPY_COPY_RATIO="x")
    assert "HLCOPY_MODE: " in message
    assert "HLCOPY_COPY_RATIO: " in message


NUMBERS = sorted(
    variable for variable, field in VARIABLES.items() if type(Settings.model_fields[field].default) in {int, float}
)


@pytest.mark.parametrize("variable", NUMBERS)
@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "1e999"])
def test_what_isn_t_finite_is_refused_everywhere(variable: str, value: str) -> None:
    assert refused(**{variable: value}).startswith(f"{variable}: ")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("variable", ["HLCOPY_MIN_TRADE_VALUE_USD", "HLCOPY_TRADER_SCORE_WEIGHTS"])
def test_what_isn_t_finite_is_refused_in_dictionaries(variable: str, number: str) -> None:
    assert refused(**{variable: f'{{"normalized_roi": {number}}}'}).startswith(f"{variable}: ")


def test_dictionaries_lie_over_their_defaults() -> None:
    policy = load_settings(
        {
            "HLCOPY_MIN_TRADE_VALUE_USD": '{"BTC": 1, "kPEPE": 2}',
            "HLCOPY_TRADER_SCORE_WEIGHTS": '{"normalized_roi": 0.5}',
        }
    ).policy()
    assert dict(policy.entry.min_trade_value_usd) == {
        **Policy().entry.min_trade_value_usd,
        "BTC": 1,
        "kPEPE": 2,
    }
    assert dict(policy.scoring.weights) == {**Policy().scoring.weights, "normalized_roi": 0.5}


@pytest.mark.parametrize("off", ["", "0", "0.0"])
def test_a_profit_tier_is_switched_off_by_zero_or_nothing(off: str) -> None:
    tiers = load_settings({"HLCOPY_PROFIT_TAKE_TIER_2": off}).policy().exit.tiers
    assert [tier.number for tier in tiers] == [1, 3]


def test_settings_reach_the_policy_in_its_units() -> None:
    policy = load_settings(
        {
            "HLCOPY_COPY_DELAY_MINUTES": "0",
            "HLCOPY_ADD_MAX_AGE_HOURS": "1.5",
            "HLCOPY_LIQUIDATION_COOLDOWN_DAYS": "2",
            "HLCOPY_POLLING_INTERVAL_ADDRESS_TRADES_SEC": "1",
            "HLCOPY_PRIMARY_TRADERS": "40",
        }
    ).policy()
    assert policy.entry.copy_delay == timedelta(0)
    assert policy.entry.add_max_age == timedelta(minutes=90)
    assert policy.execution.liquidation_cooldown == timedelta(days=2)
    assert policy.cadence.address_trades == timedelta(seconds=1)
    assert policy.scoring.primary_keep_rank == 40  # a place among the primaries can't be lost by holding it


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"HLCOPY_MIN_WIN_RATE": "0.9"}, "HLCOPY_MIN_WIN_RATE must be below HLCOPY_MAX_WIN_RATE"),
        ({"HLCOPY_PROFIT_TAKE_TIER_3": "20"}, "must rise"),
        ({"HLCOPY_TRADE_SOURCE": "nansen"}, "HLCOPY_TRADE_SOURCE is nansen, which needs NANSEN_API_KEY"),
        ({"HLCOPY_LEADERBOARD_SOURCE": "nansen"}, "needs NANSEN_API_KEY"),
        ({"HLCOPY_AGENT_KEY": CANARY, "HLCOPY_AGENT_KEY_FILE": "key"}, "only one of HLCOPY_AGENT_KEY, "),
        ({"HLCOPY_AGENT_KEYRING": "1", "HLCOPY_AGENT_KEY_FILE": "key"}, "only one of HLCOPY_AGENT_KEY, "),
        ({"HLCOPY_AGENT_KEYRING": "1", "HLCOPY_AGENT_KEY": CANARY}, "HLCOPY_AGENT_KEYRING can be set"),
        (
            {"HLCOPY_SOURCE_URL": "https://api.hyperliquid-testnet.xyz/"},
            "HLCOPY_SOURCE_URL must be Hyperliquid's mainnet",
        ),
        ({"HLCOPY_HYPERLIQUID_URL": "https://api.hyperliquid-testnet.xyz"}, "of another network"),
        ({"HLCOPY_NETWORK": "testnet", "HLCOPY_HYPERLIQUID_URL": "https://api.hyperliquid.xyz"}, "of another network"),
        ({"HLCOPY_MODE": "live", "HLCOPY_HYPERLIQUID_URL": "https://proxy.example"}, "HLCOPY_ALLOW_PROXY=1"),
        ({"HLCOPY_CLOCK": "venue"}, "only when every URL names this machine"),
        (
            {"HLCOPY_CLOCK": "venue", "HLCOPY_SOURCE_URL": "http://127.0.0.1:1"},
            "only when every URL names this machine",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(environ: dict[str, str], message: str) -> None:
    assert message in refused(**environ)


def test_all_urls_on_this_machine_allow_the_venue_s_clock() -> None:
    names = ("SOURCE", "HYPERLIQUID", "NANSEN", "LEADERBOARD")
    urls = {f"HLCOPY_{name}_URL": "http://127.0.0.1:8080/" for name in names}
    settings = load_settings({**urls, "HLCOPY_CLOCK": "venue", "HLCOPY_MODE": "live"})
    assert settings.clock == "venue"
    assert settings.venue_url == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("network", "url"), [("mainnet", "api.hyperliquid.xyz"), ("testnet", "api.hyperliquid-testnet.xyz")]
)
def test_the_venue_follows_the_network(network: str, url: str) -> None:
    assert load_settings({"HLCOPY_NETWORK": network}).venue_url == f"https://{url}"


def test_a_file_is_named_after_mode_and_network_and_the_log_lies_beside_it(tmp_path: Path) -> None:
    settings = load_settings({"HLCOPY_NETWORK": "testnet"})
    assert settings.database == tmp_path / "data" / "hlcopy" / "hlcopy-paper-testnet.db"
    assert settings.log_path == settings.database.with_suffix(".log")
    assert load_settings({"HLCOPY_DB": "~/x.db"}).log_path == Path.home() / "x.log"
    assert load_settings({"HLCOPY_LOG_FILE": "y.log"}).log_path == Path("y.log")


def test_live_mode_needs_an_address_to_bind_a_file() -> None:
    assert load_settings({}).binding_account is None
    assert load_settings({"HLCOPY_ACCOUNT_ADDRESS": ADDRESS, "HLCOPY_MODE": "live"}).binding_account == ADDRESS.lower()
    with pytest.raises(ConfigError, match="HLCOPY_ACCOUNT_ADDRESS"):
        _ = load_settings({"HLCOPY_MODE": "live"}).binding_account


def test_secrets_are_shown_by_no_repr_and_no_dump() -> None:
    settings = load_settings({"HLCOPY_AGENT_KEY": CANARY, "NANSEN_API_KEY": "canary-key"})
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert CANARY not in shown
    assert "canary-key" not in shown
    assert settings.secrets == ("canary-key", CANARY)


@given(
    st.sampled_from(sorted(VARIABLES)),
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=8, max_size=80),
)
def test_no_message_ever_shows_a_value(variable: str, value: str) -> None:
    assert "canary" not in outcome({variable: f"{value}canary"})


def example_lines() -> dict[str, str]:
    lines = (re.fullmatch(r"# ((?:HLCOPY_|NANSEN_)\w+)=(.*)", line) for line in EXAMPLE.read_text().splitlines())
    return {match[1]: match[2] for match in lines if match}


def test_the_example_lists_every_setting_in_order_and_no_other() -> None:
    assert list(example_lines()) == list(VARIABLES)


def test_every_setting_of_the_example_has_one_line_of_meaning() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"# (HLCOPY_|NANSEN_)\w+=", line):
            assert re.fullmatch(r"# [^=]{4,}[.]", lines[number - 1]), line


def test_the_example_s_lines_are_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "all.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in example_lines().items()))
    assert load_settings({}, file) == load_settings({})
    for name, value in example_lines().items():
        assert value or Settings.model_fields[VARIABLES[name]].default is None


def test_where_a_setting_comes_from_is_told(tmp_path: Path) -> None:
    file = tmp_path / "my.env"
    file.write_text(
        "HLCOPY_COPY_RATIO=0.2\nHLCOPY_MAX_TOTAL_POSITIONS=3\nHLCOPY_LOG_FILE=\nHLCOPY_PROFIT_TAKE_TIER_1=\n"
    )
    settings, sources = load_with_sources({"HLCOPY_COPY_RATIO": "0.3", "HLCOPY_DB": "x.db", "HLCOPY_MODE": ""}, file)
    assert settings.copy_ratio == 0.3
    assert sources == {"copy_ratio": None, "db": None, "max_total_positions": file, "profit_take_tier_1": file}


def test_every_setting_has_its_meaning_in_the_groups_and_words_of_the_example() -> None:
    lines = EXAMPLE.read_text().splitlines()
    meanings = {NAMES[field]: meaning for members in GROUPS.values() for field, meaning in members.items()}
    assert list(meanings) == list(VARIABLES)
    for number, line in enumerate(lines):
        found = re.match(r"# ((?:HLCOPY_|NANSEN_)\w+)=", line)
        if found:
            assert lines[number - 1] == f"# {meanings[found[1]]}"
    assert [line for line in lines if line.startswith("# ---")] == [f"# --- {group} ---" for group in GROUPS]


def test_cadences_and_budgets_reach_where_they_are_used() -> None:
    settings = load_settings({"HLCOPY_MONITOR_INTERVAL_SEC": "10", "HLCOPY_NANSEN_CREDITS_PER_DAY": "0"})
    assert settings.policy().cadence.monitor == timedelta(seconds=10)
    assert settings.nansen_credits_per_day == 0
    assert load_settings({}).nansen_credits_per_day == 450


def test_breakers_reach_the_policy_and_can_be_switched_off() -> None:
    assert load_settings({}).policy().breakers.on
    policy = load_settings(
        {
            "HLCOPY_BREAKERS": "off",
            "HLCOPY_MAX_DAILY_LOSS_PERCENT": "1.5",
            "HLCOPY_MAX_DRAWDOWN_PERCENT": "20",
            "HLCOPY_MAX_ENTRIES_PER_DAY": "0",
            "HLCOPY_MAX_STOPS_IN_6H": "4",
            "HLCOPY_MAX_TRADER_STOPS": "5",
            "HLCOPY_MIN_ACTION_BUDGET": "7",
        }
    ).policy()
    rules = policy.breakers
    assert not rules.on
    assert (rules.max_daily_loss_percent, rules.max_drawdown_percent, rules.max_entries_per_day) == (1.5, 20.0, 0)
    assert (rules.max_stops_in_6h, rules.max_trader_stops) == (4, 5)
    assert policy.execution.min_action_budget == 7
