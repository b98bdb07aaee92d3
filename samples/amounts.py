"""Amounts of money as printed."""

__all__ = ["euros", "money"]


def money(cents: int) -> str:
    """1,234.50 for 123450 cents."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02}"


def euros(cents: int) -> str:
    """1.234,50 for 123450 cents, as most of Europe prints it."""
    return money(cents).translate(str.maketrans(",.", ".,"))
