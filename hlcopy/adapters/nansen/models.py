"""What Nansen answers, in its own names: checked, cast from text where it is text, unknown fields passed over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from hlcopy.domain.models import from_ms, to_ms

Row = TypeVar("Row", bound="Wire")

_EMPTY: Final = ""
_LONGEST_SHOWN: Final = 60
_LONGEST_TEXT: Final = 400


def _moment(value: object) -> datetime:
    """Read a time with or without `Z`, with 3 or 6 decimals or none; one without a zone is UTC; kept to the millisecond."""
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        return from_ms(to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC)))
    except (ValueError, OverflowError):  # a zone may move the first or the last year beyond what there is
        message = "must be a time such as 2026-09-27T05:00:28.736000Z"
        raise ValueError(message) from None


def _no_bool(value: object) -> object:
    """Refuse true and false where a number is meant: they would become 1 and 0."""
    if isinstance(value, bool):
        message = "must be a number"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports only a ValueError as a bad value
    return value


def _or_none(value: object) -> object:
    return None if value == _EMPTY else _no_bool(value)


def _cut(value: object) -> object:
    """Keep the beginning of a long text: anybody may give himself a label, which must not cost us the whole page."""
    return _writable(value[:_LONGEST_TEXT]) if isinstance(value, str) else value


def _lower(value: object) -> object:
    return _writable(value.lower()) if isinstance(value, str) else value


def _writable(text: str) -> str:
    """Return text without halves of surrogate pairs: JSON lets them pass, and no database takes them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


# Finite numbers far beyond any market, so that products of two stay finite.
Number = Annotated[float, BeforeValidator(_no_bool), Field(ge=-1e15, le=1e15)]
NotNegative = Annotated[float, BeforeValidator(_no_bool), Field(ge=0, le=1e15)]
Count = Annotated[int, BeforeValidator(_no_bool), Field(ge=0, lt=2**63)]
NumberOrNone = Annotated[Annotated[float, Field(ge=-1e15, le=1e15)] | None, BeforeValidator(_or_none)]
NotNegativeOrNone = Annotated[Annotated[float, Field(ge=0, le=1e15)] | None, BeforeValidator(_or_none)]
CountOrNone = Annotated[Annotated[int, Field(ge=0, lt=2**63)] | None, BeforeValidator(_or_none)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Address = Annotated[str, BeforeValidator(_lower), Field(pattern=r"^0x[0-9a-f]{40}$")]
Coin = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,40}$")]
Word = Annotated[str, BeforeValidator(_lower), Field(max_length=40)]
Hash = Annotated[str, BeforeValidator(_lower), Field(min_length=1, max_length=80)]
Text = Annotated[str, BeforeValidator(_cut)]


class Wire(BaseModel):
    """What all answers have in common."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, hide_input_in_errors=True, frozen=True)


class Pagination(Wire):
    """Where a page stands; there is no total count."""

    page: Count
    per_page: Count
    is_last_page: bool


class Page(Wire, Generic[Row]):
    """A page of rows."""

    pagination: Pagination
    data: tuple[Row, ...]


class TopPosition(Wire):
    """One of a leader's largest positions."""

    coin: Coin | None = None
    side: Word | None = None
    size_base: NumberOrNone = None
    position_value_usd: NumberOrNone = None
    entry_price: NumberOrNone = None
    unrealized_pnl_usd: NumberOrNone = None


class LeaderRow(Wire):
    """A row of `perp-leaderboard`: amounts in USD, `roi` a fraction of traded notional, `total_trades` counts fills."""

    trader_address: Address
    trader_address_label: Text | None = None
    total_pnl: NumberOrNone = None
    realized_pnl_usd: NumberOrNone = None
    unrealized_pnl_usd: NumberOrNone = None
    roi: NumberOrNone = None
    volume_usd: NotNegativeOrNone = None
    total_trades: CountOrNone = None
    top_positions: tuple[TopPosition, ...] | None = None
    account_value: NumberOrNone = None


class TradeRow(Wire):
    """A row of `profiler/perp-trades`: the fills of one order in one transaction; `start_position` is their minimum."""

    timestamp: Moment
    side: Word | None
    action: Word
    token_symbol: Coin
    price: NotNegativeOrNone
    size: NotNegative
    value_usd: NotNegative
    start_position: Number
    closed_pnl: Number
    crossed: bool
    fee_usd: Number
    fee_token_symbol: Text
    transaction_hash: Hash
    user: Address
    oid: Count


class PositionRow(Wire):
    """A position; `size` is negative for a short, `position_value_usd` positive for both."""

    token_symbol: Coin
    size: Number
    position_value_usd: Number
    entry_price_usd: NotNegativeOrNone = None
    liquidation_price_usd: NumberOrNone = None
    leverage_value: NotNegativeOrNone = None
    leverage_type: Word | None = None


class AssetPosition(Wire):
    """A position and its mode."""

    position: PositionRow


class PositionsRow(Wire):
    """A wallet's positions and margin; the names of the wire, and those of the OpenAPI document where they differ."""

    asset_positions: tuple[AssetPosition, ...] = Field(
        validation_alias=AliasChoices("asset_positions", "assetPositions")
    )
    margin_summary_account_value_usd: NumberOrNone


class Positions(Wire):
    """The answer of `profiler/perp-positions`."""

    data: PositionsRow


class SummaryRow(Wire):
    """A wallet's trades in a period; PnL is gross of fees, `traded_times` counts aggregated trades."""

    traded_times: Count
    closed_trade_count: CountOrNone = None
    winning_trade_count: CountOrNone = None
    realized_pnl_usd: Number
    fees_usd: Number
    win_rate: NumberOrNone = None


class Summary(Wire):
    """The answer of `profiler/perp-pnl-summary`."""

    data: SummaryRow


class SmartTradeRow(Wire):
    """A row of `smart-money/perp-trades`."""

    trader_address: Address
    trader_address_label: Text | None = None
    token_symbol: Coin
    side: Word
    action: Word
    token_amount: NotNegative
    price_usd: NotNegative
    value_usd: NotNegative
    type: Word | None = None
    block_timestamp: Moment
    transaction_hash: Hash


class CoinLeaderRow(Wire):
    """A row of `tgm/perp-pnl-leaderboard`; the unit of its ROI isn't documented, so it isn't read."""

    trader_address: Address
    trader_address_label: Text | None = None
    pnl_usd_realised: NumberOrNone = None
    pnl_usd_unrealised: NumberOrNone = None
    pnl_usd_total: NumberOrNone = None
    position_value_usd: NumberOrNone = None
    nof_trades: CountOrNone = None


class ScreenerRow(Wire):
    """A row of `perp-screener`; funding is a fraction per hour, open interest in USD."""

    token_symbol: Coin
    volume: NumberOrNone = None
    buy_volume: NumberOrNone = None
    sell_volume: NumberOrNone = None
    smart_money_volume: NumberOrNone = None
    net_position_change: NumberOrNone = None
    trader_count: CountOrNone = None
    mark_price: NumberOrNone = None
    funding: NumberOrNone = None
    open_interest: NumberOrNone = None


class AccountRow(Wire):
    """The key's own account."""

    plan: Text | None = None
    credits_remaining: NumberOrNone = None

    @field_validator("plan", mode="before")
    @classmethod
    def _plan_is_named(cls, value: object) -> object:
        """Take only the name of a plan that is told in detail."""
        return value.get("name") if isinstance(value, dict) else value


def checked(model: type[Row], body: Any) -> Row:  # noqa: ANN401 - any JSON may have come
    """Return an answer in its model; raises `ValueError` that names the field and says what is wrong with it."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:_LONGEST_SHOWN] or "the answer"
        what = "is missing" if first["type"] == "missing" else f"isn't as documented ({first['msg']})"
        message = f"{where} {what}"
        raise ValueError(message) from None
