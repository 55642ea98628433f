"""Money, numbers and dates as the reader writes them (Babel, CLDR).

Numbers follow the customer's locale. Dates have words in them and follow the language of the text; times are
told in the customer's zone.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, match_skeleton
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_symbol
from jinja2 import TemplateRuntimeError, Undefined

from messaging.rendering.operators import decimal
from messaging.rendering.run import LIGHT, Run

_MAX_PATTERN = 60
#: Beside letters, those that the alphabet of text messages has (3GPP TS 23.038).
_SYMBOLS_TEXTED = frozenset("€£¥")

_CODE_AT_NUMBER = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def money(run: Run, amount: Any, /, currency: Any = None) -> str:
    """`1234.5` as `€1,234.50`, `1.234,50 €` … `currency` (ISO 4217) is the brand's unless given.

    In a text message a symbol that would halve what fits into it is written as its code: `18,90 PLN`.
    """
    if currency is None or isinstance(currency, Undefined) or currency == "":
        currency = run.currency
    if not isinstance(currency, str):
        raise _no_currency(currency)
    written = amount if type(amount) is str and len(amount) <= LIGHT else decimal(amount)
    return _money(written, currency, run.locale_name, run.channel == "sms")


def _no_currency(found: Any) -> TemplateRuntimeError:
    return TemplateRuntimeError(f"money: {str(found)[:20]!r} is not a currency (three letters: EUR)")


@lru_cache(4096)
def _money(written: str | Decimal, currency: str, locale_name: str, texting: bool) -> str:
    """Prices come again and again. By the locale's name: a `Locale` is slow to look up by."""
    amount, locale = decimal(written), Locale.parse(locale_name)
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise _no_currency(currency)
    currency = currency.upper()
    symbol = get_currency_symbol(currency, locale)
    pattern = None
    if texting and not (symbol.isascii() or symbol in _SYMBOLS_TEXTED):
        pattern = locale.currency_formats["standard"].pattern.replace("¤", "¤¤")
    text = format_currency(amount, currency, pattern, locale=locale)
    if texting:
        text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")  # between thousands, in Switzerland
    # A code of letters stands apart from its number (CLDR's currencySpacing).
    return _CODE_AT_NUMBER.sub("\N{NO-BREAK SPACE}", text)


def number(run: Run, value: Any, /, decimals: int | None = None) -> str:
    """`1234.5` as `1,234.5`; with `decimals`, exactly so many."""
    amount = decimal(value)
    if decimals is None:
        return format_decimal(amount, locale=run.locale)
    places = max(0, min(int(decimals), 20))
    return format_decimal(amount, format="#,##0." + "0" * places if places else "#,##0", locale=run.locale)


def percent(run: Run, value: Any, /, decimals: int = 0) -> str:
    """`0.25` as `25%`."""
    places = max(0, min(int(decimals), 20))
    return format_percent(decimal(value), format="#,##0." + "0" * places + "%" if places else None, locale=run.locale)


def date_(run: Run, value: Any, /, format: str = "long") -> str:
    """A day: `March 5, 2026`. `format`: short, medium, long, full, day (`Thursday, March 5`), or a CLDR pattern."""
    pattern = _day_pattern(run.date_locale) if format == "day" else _pattern(format)
    return _date(_day(run, value), pattern, run.date_locale)


@lru_cache(256)
def _day_pattern(locale: Locale) -> str:
    """Weekday, day and month as the locale orders them, in full words."""
    skeletons = locale.datetime_skeletons
    pattern = str(skeletons[match_skeleton("MMMMEd", skeletons) or "MMMEd"].pattern)
    return re.sub("E+", "EEEE", pattern)


@lru_cache(1024)
def _date(day: date, pattern: str, locale: Locale) -> str:
    return format_date(day, pattern, locale=locale)


def days_until(run: Run, value: Any, /, now: Any) -> int:
    """How many days a day is ahead of `now` by the customer's calendar: 0 today, 1 tomorrow, -1 yesterday."""
    day, today = (_day(run, each) for each in (value, now))
    return (day - today).days


def _day(run: Run, value: Any) -> date:
    moment = moment_of(value)
    return moment.astimezone(run.zone).date() if isinstance(moment, datetime) else moment


def datetime_(run: Run, value: Any, /, format: str = "medium") -> str:
    """A day and time in the customer's zone: `Mar 5, 2026, 4:30 PM`."""
    moment = _with_time(moment_of(value))
    return format_datetime(moment.astimezone(run.zone), _pattern(format), locale=run.date_locale)


def time_(run: Run, value: Any, /, format: str = "short") -> str:
    """A time of day in the customer's zone: `4:30 PM`."""
    moment = _with_time(moment_of(value)).astimezone(run.zone)
    return format_time(moment, _pattern(format), locale=run.date_locale)


def moment_of(value: Any) -> date | datetime:
    """A date or a time, or its ISO 8601 text; a time without a zone is UTC.

    Raises:
        TemplateRuntimeError: it is none.
    """
    if isinstance(value, Undefined):
        raise TemplateRuntimeError(f"{value._undefined_name} is missing")
    if isinstance(value, str):
        value = _parsed(value.strip())
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return value
    raise TemplateRuntimeError(f"{str(value)[:40]!r} is not a date (ISO 8601: 2026-03-05)")


@lru_cache(1024)
def _parsed(text: str) -> date | datetime | str:
    for kind in (date, datetime):
        try:
            return kind.fromisoformat(text)
        except ValueError:
            continue
    return text


def _with_time(moment: date | datetime) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time(), UTC)


def _pattern(format: Any) -> str:
    if not isinstance(format, str) or len(format) > _MAX_PATTERN:
        raise TemplateRuntimeError("the format of a date: short, medium, long, full, or a short pattern")
    return format
