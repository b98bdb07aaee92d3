"""What a receipt says: the shop, what was bought, how it was paid."""

from __future__ import annotations

import datetime
from decimal import Decimal

from recipes.documents.bill import Party, cents, make_rows, party, totals
from recipes.documents.content import Content
from recipes.documents.layout import Layout

__all__ = ["Sale"]

SHOPS = (
    "shop:grocery", "shop:restaurant", "shop:hardware", "shop:store", "shop:fuel", "shop:grocery",
    "shop:restaurant", "shop:fare",
)  # fmt: skip
# Faker has no addresses of Malaysia, whose receipts are well known to readers of documents.
MALAY = {
    "names": "SINAR|MEWAH|MUTIARA|SRI MURNI|GOLDEN|LUCKY|UNITED|PERNIAGAAN ZHENG|JAYA|TAMAN"
    "|EVERGREEN|BINTANG|HONG LEE|KIM SENG|SELERA|ABC HO|POPULAR|MAJU|RESTORAN WAN|KEDAI",
    "trades": "HARDWARE|TRADING|ENTERPRISE|MACHINERY|BOOK CO|RESTAURANT|MART|STATIONERY|AUTO PARTS"
    "|HOME DECO|SEAFOOD|BAKERY|ELECTRICAL|SUPERMARKET|CAFE|PHARMACY",
    "forms": "SDN BHD|SDN. BHD.|(M) SDN BHD|ENTERPRISE||SDN BHD",
    "streets": "JALAN SS 2/24|JALAN PERMAS 10|JALAN BESAR|LORONG MAAROF|JALAN TAMAN SRI"
    "|JALAN USJ 9/5|PERSIARAN INDAH|JALAN KENARI 19A|JALAN MERU|JALAN DATO ABU",
    "areas": "TAMAN PERMAS JAYA|BANDAR PUCHONG JAYA|TAMAN MALURI|SUBANG JAYA|TAMAN DESA|KLANG JAYA",
    "towns": "47100 PUCHONG|81750 JOHOR BAHRU|55100 KUALA LUMPUR|47300 PETALING JAYA|41050 KLANG"
    "|40150 SHAH ALAM|43300 SERI KEMBANGAN|10300 GEORGE TOWN",
    "states": "SELANGOR|JOHOR|SELANGOR DARUL EHSAN|PULAU PINANG|W. PERSEKUTUAN",
}  # fmt: skip


def _malay(content: Content) -> Party:
    def one(key: str) -> str:
        return content.choose(MALAY[key].split("|"))

    name = f"{one('names')} {one('trades')} {one('forms')}".strip()
    address = [
        f"NO. {content.digits('##')}, {one('streets')},",
        f"{one('areas')},",
        f"{one('towns')},",
    ]
    if content.chance(0.7):
        address.append(f"{one('states')}.")
    if content.chance(0.3):
        address = [" ".join(address[:2]), *address[2:]]
    if content.chance(0.3):
        name, address = name.title(), [line.title() for line in address]
    tax_id = (
        content.digits("00##########") if content.chance(0.8) else content.digits("0010########")
    )
    phone = content.digits(content.choose(("03-#### ####", "07-#######", "+603-########")))
    return Party(name, address, content.person(), tax_id, phone, "")


class Sale:
    """One sale in a shop of `layout`, which the seed fills.

    Args:
        layout: says which kind of shop and what is stated.
        content: says what was sold. On some layouts its currency becomes Malaysia's.
    """

    style = "receipt"

    def __init__(self, layout: Layout, content: Content) -> None:
        self.layout, self.content = layout, content
        self.malay = layout.language == "en" and layout.chance("in Malaysia", 0.4)
        if self.malay:
            # Dates and numbers are written as in Britain.
            content.locale, content.country, content.currency = "en_GB", "GB", "MYR"
            self.seller = _malay(content)
        else:
            self.seller = party(content, 0.05)
            if content.chance(0.3):
                self.seller.name = self.seller.name.upper()
        self.buyer = self.delivery = party(content, 0.4)
        self.day = content.day()
        self.days = 14
        self.due = self.day + datetime.timedelta(self.days)
        # A layout is one shop's, so its goods are of one kind.
        self.shop = layout.random("shop").choice(SHOPS)
        self.paid = Decimal(0)
        few = self.shop in ("shop:fuel", "shop:fare")
        count = content.choose((1, 1, 1, 2) if few else (1, 2, 2, 3, 4, 5, 6, 8, 10, 12, 15))
        rate = Decimal("6") if self.malay else content.tax_rate()
        rates = [rate]
        added = content.country in ("US", "CA") or (self.malay and layout.chance("tax added", 0.4))
        if not added and layout.chance("rates", 0.3) and not self.malay:
            rates.append(content.tax_rate())
        self.taxed = layout.chance("taxed", 0.88)
        self.rows = make_rows(content, self.shop, count, day=self.day, rates=rates)
        whole = sum((row.amount for row in self.rows), Decimal(0))
        reduction = service = Decimal(0)
        if layout.chance("reduction", 0.2) and content.chance(0.5):
            reduction = cents(whole * content.choose((5, 10, 15)) / 100)
        if self.shop == "shop:restaurant" and layout.chance("service", 0.3):
            service = cents(whole / 10)
        self.totals = totals(
            self.rows,
            inclusive=self.taxed and not added,
            taxed=self.taxed,
            reduction=reduction,
            shipping=service,
        )
        self.rounding = Decimal(0)
        if (self.malay or content.country == "CH") and layout.chance("rounded", 0.6):
            steps = (self.totals.total * 20).quantize(Decimal(1))
            self.rounding = steps / 20 - self.totals.total
        self.payable = cents(self.totals.total + self.rounding)

    def cash(self) -> Decimal:
        """The notes and coins that were handed over: at least what is to pay."""
        note = self.content.choose((Decimal(0), Decimal(1), Decimal(5), Decimal(10), Decimal(50)))
        if not note:
            return self.payable
        return cents((self.payable / note).to_integral_value(rounding="ROUND_CEILING") * note)
