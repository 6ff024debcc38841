"""Writes the made-up shop as the vendors would send it: one file per feed and day, byte for byte reproducible.

Nothing is drawn here: lines follow from the tables of `after.Shop` alone, so days may be written by any number
of processes. The impurities of real feeds come from here too: deliveries that repeat, come late or are cut short.
"""

import json
import multiprocessing
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import repeat
from pathlib import Path

import numpy as np

from journey_analytics.sample.after import CAMPAIGNS, Shop, deliver, order_snapshots, survey_snapshots, ticket_snapshots
from journey_analytics.sample.world import (
    COUNTRIES,
    DAY,
    DESKTOP,
    HOUR,
    MINUTE,
    MOBILE,
    N_CATEGORIES,
    N_PRODUCTS,
    REGIONS,
    SECOND,
    Ints,
    Web,
)

FEEDS = ("web", "email", "support", "orders", "surveys")
SHARED_DEVICE = 0xFA111E5
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
STAFF = ("staff-1", "staff-2", "staff-3")
AGENTS = (
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_5 like Mac OS X) AppleWebKit/605.1.15 Version/19.5 Mobile/15E Safari/604.1",
     "Mozilla/5.0 (Linux; Android 16; Pixel 10) AppleWebKit/537.36 Chrome/139.0.0.0 Mobile Safari/537.36"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/139.0.0.0 Safari/537.36",
     "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/19.5 Safari/605.1.15"),
    ("Mozilla/5.0 (iPad; CPU OS 19_5 like Mac OS X) AppleWebKit/605.1.15 Version/19.5 Safari/604.1",
     "Mozilla/5.0 (Linux; Android 16; SM-X710) AppleWebKit/537.36 Chrome/139.0.0.0 Safari/537.36"),
)  # fmt: skip
CATEGORIES = ("shoes", "jackets", "tents", "packs", "stoves", "sale")
QUERIES = {  # what people search for, and how much of it there is
    "rain jacket": 37, "trail shoes": 37, "tent 2": 22, "stove": 19, "merino": 22, "kids boots": 34, "ski goggles": 0,
    "gift card": 31,
}  # fmt: skip
GUIDES = ("first-hike", "layering", "fit-a-pack", "care-for-down", "huts", "packing-list")
MAILS = ("processed", "delivered", "open", "click", "bounce", "dropped", "unsubscribe", "spamreport")
CHANNELS = ("chat", "email", "web")
ORDER_STEPS = ("placed", "paid", "shipped", "delivered", "refunded", "cancelled")
TOPICS = ("delivery", "product", "return", "invoice", "presale")
SURVEYS = ("checkout_csat", "delivery_stars", "relationship_nps", "support_csat")
REMARKS = (
    "All good, thanks", "Fast", 'They said "tomorrow"', "Came late,\nno word from you", "ok;ok", "Gern wieder äöü",
)  # fmt: skip
SHOP = "https://shop.example"
_HMS = [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)]
_IPS = [f"{net}.{host}" for net in ("192.0.2", "198.51.100", "203.0.113") for host in range(1, 255)]


def pack(text: str, level: int) -> bytes:
    """Compress to one gzip member without name or time, so that equal text gives equal bytes."""
    data = text.encode()
    squeeze = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = squeeze.compress(data) + squeeze.flush()
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def address(who: int) -> str:
    """Name a customer's e-mail address, always under a domain reserved for examples."""
    return f"customer.{who}@example.{('com', 'org', 'net')[who % 3]}"


def _page(path: str, name: str, properties: str = "", query: str = "", referrer: str = "", campaign: str = "") -> str:
    """Write the middle of a page call; `campaign` is `source medium name`."""
    where = f'"page":{{"path":"{path}","url":"{SHOP}{path}{query}","referrer":"{referrer}"}}'
    if campaign:
        source, medium, which = campaign.split()
        where += f',"campaign":{{"source":"{source}","medium":"{medium}","name":"{which}"}}'
    more = f'"properties":{{{properties}}},' if properties else ""
    return f'"type":"page","name":"{name}",{more}"context":{{{where},'


def _track(path: str, event: str, properties: str) -> str:
    """Write the middle of a track call."""
    where = f'"page":{{"path":"{path}","url":"{SHOP}{path}","referrer":""}}'
    return f'"type":"track","event":"{event}","properties":{{{properties}}},"context":{{{where},'


def _landing(path: str, name: str, campaign: str, referrer: str = "", extra: str = "") -> str:
    source, medium, which = campaign.split()
    query = f"?utm_source={source}&utm_medium={medium}&utm_campaign={which}{extra}"
    return _page(path, name, query=query, referrer=referrer, campaign=campaign)


def _fragments() -> tuple[list[str], list[int], list[int]]:
    """Every middle a web call can have, with the first position and the number of variants of each kind."""
    products = [f'"product_id":"p{p}","category":"{CATEGORIES[p % N_CATEGORIES]}"' for p in range(N_PRODUCTS)]
    ads = [f"google cpc search_{w}" for w in ("brand", "generic", "generic")]
    posts = [f"{net} social social_{net}" for net in ("instagram", "tiktok")]
    mails = [f"newsletter email {name}" for name in (*CAMPAIGNS, "newsletter")]
    plain = {
        Web.HOME: ("/", "Home"), Web.GIFT_FINDER: ("/gift-finder", "Gift finder"), Web.CART: ("/cart", "Cart"),
        Web.CHECKOUT: ("/checkout", "Checkout"), Web.PAYMENT: ("/checkout/payment", "Payment"),
        Web.RETURNS: ("/returns", "Returns"), Web.ACCOUNT: ("/account/orders", "My orders"),
        Web.SIZES: ("/help/sizes", "Size guide"), Web.COMPARE: ("/compare", "Compare"),
        Web.WISHLIST: ("/wishlist", "Wishlist"), Web.VOUCHERS: ("/vouchers", "Vouchers"),
    }  # fmt: skip
    made: dict[Web, list[str]] = {kind: [_page(*page)] for kind, page in plain.items()}
    made[Web.GUIDE] = [_page(f"/guides/{g}", "Guide") for g in GUIDES]
    google = "https://www.google.com/"
    made[Web.SEARCH_AD] = [_landing("/", "Home", ad, google, f"&gclid=EAIaIQ{i}") for i, ad in enumerate(ads)]
    made[Web.SOCIAL] = [_landing("/", "Home", post, f"https://{post.split()[0]}.example/") for post in posts]
    made[Web.MAIL_LANDING] = [_landing("/c/sale", "Category", mail) for mail in mails]
    made[Web.CATEGORY] = [_page(f"/c/{c}", "Category", f'"category":"{c}"') for c in CATEGORIES]
    made[Web.SEARCH] = [
        _track("/search", "Products Searched", f'"query":"{query}","n_results":{n}') for query, n in QUERIES.items()
    ]
    made[Web.PRODUCT] = [_page(f"/p/{p}", "Product", what) for p, what in enumerate(products)]
    made[Web.REVIEWS] = [_page(f"/p/{p}/reviews", "Reviews", what) for p, what in enumerate(products)]
    made[Web.ADDED] = [_track(f"/p/{p}", "Product Added", what) for p, what in enumerate(products)]
    made[Web.GROUP] = [f'"type":"group","groupId":"f7","context":{{"page":{{"path":"/cart","url":"{SHOP}/cart"}},']
    made[Web.IDENTIFY] = made[Web.COMPLETED] = [""]  # written row by row
    flat = [text for kind in Web for text in made[kind]]
    counts = [len(made[kind]) for kind in Web]
    return flat, [sum(counts[:k]) for k in range(len(counts))], counts


class Writer:
    """Writes the feeds of one shop, day by day; holds the tables that all days share."""

    def __init__(self, shop: Shop, out: Path) -> None:
        self.shop, self.out, self.plan = shop, out, shop.world.plan
        days = self.plan.days
        self.web = deliver(shop.web["at"], days, again=233, next_day=1009, late=499, lost=self.plan.web_lost_on_day - 1)
        self.email = deliver(shop.email["at"], days, again=307, next_day=1511, late=607)
        self.snapshots = {"orders": order_snapshots(shop), "support": ticket_snapshots(shop)}
        self.snapshots["surveys"] = survey_snapshots(shop)
        self.files = {
            feed: deliver(rows["at"], days, again=401, next_day=211, late=1 << 40)
            for feed, rows in self.snapshots.items()
        }
        self._fragments, first, counts = _fragments()
        self._first, self._counts = np.asarray(first), np.asarray(counts)
        self._tails = [
            f'"userAgent":"{agent}","location":{{"country":"{country}"}},"ip":"'
            for kind in AGENTS for agent in kind for country in COUNTRIES
        ]  # fmt: skip
        self._is_shared = np.zeros(self.plan.customers, dtype=np.bool_)
        self._is_shared[shop.shared] = True

    def date(self, day: int) -> date:
        """Tell the date of a day numbered from 0."""
        return self.plan.starts_on + timedelta(days=day)

    def stamp(self, at: int) -> str:
        """Write a moment as the vendors do, to the second."""
        return f"{self.date(at // DAY)}T{_HMS[at % DAY // SECOND]}Z"

    def write_day(self, day: int) -> int:
        """Write all five files of one day (numbered from 0); returns how many rows they hold."""
        n = 0
        name = str(self.date(day))
        for feed, lines in (("web", self.web_lines), ("email", self.email_lines), ("support", self.support_lines)):
            if feed == "web" and day == self.plan.web_lost_on_day - 1:
                continue
            rows = lines(day)
            text = "\n".join(rows) + "\n"
            if rows:
                (self.out / feed / f"{name}.jsonl.gz").write_bytes(pack(text, self.plan.gzip_level))
            n += len(rows)
        for feed, csv in (("orders", self.order_lines), ("surveys", self.survey_lines)):
            rows = csv(day)
            if len(rows) > 1:
                (self.out / feed / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")
            n += len(rows) - 1
        return n

    def web_lines(self, day: int) -> list[str]:
        """Segment calls: the day's deliveries, then bots, staff and what arrived broken."""
        table, chosen = self.shop.web, self.web.on(day)
        at, who, kind, variant, slot = (table[name][chosen] for name in ("at", "who", "kind", "variant", "slot"))
        middle = [self._fragments[i] for i in (self._first[kind] + variant % self._counts[kind]).tolist()]
        special = (kind == Web.IDENTIFY) | (kind == Web.COMPLETED) | ((kind == Web.MAIL_LANDING) & (who % 5 == 0))
        for i in np.flatnonzero(special).tolist():
            middle[i] = self._special(int(kind[i]), int(who[i]), int(variant[i]), middle[i])
        device = np.where(self._is_shared[who], SHARED_DEVICE, _scatter(who.astype(np.int64) * 64 + slot)).tolist()
        accounts = np.where(table["logged"][chosen] > 0, 10_000 + who, 0).tolist()
        users = [f',"userId":"u{account}"' if account else "" for account in accounts]
        agent = self.shop.world.device_of(who, slot) * 2 + who % 2
        tails = [self._tails[i] for i in (agent * 3 + self.shop.world.country[who]).tolist()]
        ips = [_IPS[i] for i in (who * 31 % len(_IPS)).tolist()]
        dates = [str(self.date(d)) for d in range(day + 1)]
        sent, received = at, at + 200 + 100 * (chosen % 7) + np.where(at // DAY < day, (day - at // DAY) * DAY, 0)
        sent_on = [dates[d] for d in (sent // DAY).tolist()]
        clock = [_HMS[s] for s in (sent % DAY // SECOND).tolist()]
        got_on = [dates[min(d, day)] for d in (received // DAY).tolist()]
        got = [_HMS[s] for s in (received % DAY // SECOND).tolist()]
        lines = [
            f'{{"messageId":"w{m:07x}","anonymousId":"{a:012x}"{u},{f}{t}{ip}"}},'
            f'"timestamp":"{d}T{c}.{ms:03d}Z","receivedAt":"{rd}T{rc}.{rms:03d}Z"}}'
            for m, a, u, f, t, ip, d, c, ms, rd, rc, rms in zip(
                chosen.tolist(), device, users, middle, tails, ips, sent_on, clock, (sent % SECOND).tolist(),
                got_on, got, (received % SECOND).tolist(), strict=True,
            )
        ]  # fmt: skip
        return lines + list(self._unwanted_calls(day)) + _broken_calls(day, str(self.date(day)), lines)

    def _special(self, kind: int, who: int, variant: int, usual: str) -> str:
        """Write the middle of the calls that carry something of one customer or order."""
        page = f'"context":{{"page":{{"path":"/cart","url":"{SHOP}/cart","referrer":""}},'
        if kind == Web.IDENTIFY:
            mail = address(who).upper() + " " if who % 16 == 9 else address(who)  # as some forms send it
            return f'"type":"identify","traits":{{"email":"{mail}"}},{page}'
        if kind == Web.COMPLETED:
            order = self.shop.orders
            what = f'"order_id":"o{100_000 + variant}","total":{order["total"][variant] / 100:.2f},'
            what += f'"currency":"{self.currency(who)}","region":"{REGIONS[self.shop.world.region[who]]}"'
            return _track("/checkout/confirmation", "Order Completed", what)
        return usual.replace('","referrer"', f'&mail={address(who)}#top","referrer"', 1)

    def currency(self, who: int) -> str:
        """Tell the currency a customer pays in."""
        return "CHF" if COUNTRIES[self.shop.world.country[who]] == "CH" else "EUR"

    def _unwanted_calls(self, day: int) -> Iterator[str]:
        """A crawler's burst on every 17th day, and the shop's own staff on weekdays."""
        today = str(self.date(day))

        def call(name: str, i: int, seconds: int, who: str, agent: str, product: int) -> str:
            clock = f'"timestamp":"{today}T{_HMS[seconds]}.000Z","receivedAt":"{today}T{_HMS[seconds]}.400Z"'
            page = self._fragments[int(self._first[Web.PRODUCT]) + product]
            ends = f'"userAgent":"{agent}","ip":"198.51.100.9"}},{clock}}}'
            return f'{{"messageId":"{name}{day:03d}{i:05d}",{who},{page}{ends}'

        if day % 17 == 8:
            for i in range(160 * max(1, self.plan.customers // 2_500)):
                yield call("b", i, 11_040 + i % 55, f'"anonymousId":"bot{day:09d}"', GOOGLEBOT, i % N_PRODUCTS)
        if self.date(day).weekday() < 5:
            for i in range(12):
                staff = STAFF[i % 3]
                who = f'"anonymousId":"5a{i % 3:010d}","userId":"{staff}"'
                yield call("s", i, 30_000 + 1_900 * i, who, AGENTS[DESKTOP][0], (day + i) % N_PRODUCTS)

    def email_lines(self, day: int) -> list[str]:
        """SendGrid events: one object per line."""
        table, chosen = self.shop.email, self.email.on(day)
        columns = (table[name][chosen].tolist() for name in ("at", "who", "event", "category", "message"))
        begin = int(datetime(*self.plan.starts_on.timetuple()[:3], tzinfo=UTC).timestamp())
        ends = ["", "", *repeat(f'"useragent":"{AGENTS[MOBILE][0]}","ip":"203.0.113.40",', 2), *repeat("", 4)]
        ends[3] += f'"url":"{SHOP}/c/sale?utm_source=newsletter&utm_medium=email&token=t0k3n",'
        names = [*CAMPAIGNS, *(f"newsletter_{i + 1}" for i in range(self.plan.days // 14 + 1))]
        lines = [
            f'{{"sg_event_id":"e{i:07x}","sg_message_id":"m{m:07x}","email":"{address(w)}",{ends[e]}'
            f'"timestamp":{begin + t // SECOND},"event":"{MAILS[e]}","category":"{names[c]}"}}'
            for i, t, w, e, c, m in zip(chosen.tolist(), *columns, strict=True)
        ]
        if day % 12 == 5 and lines:
            lines.append(lines[0].replace('"event":"', '"event":"deferred","was":"').replace('"e', '"x', 1))
        if day % 15 == 7 and lines:
            lines.append(lines[-1][:70])
        return lines

    def support_lines(self, day: int) -> list[str]:
        """Zendesk ticket snapshots: the ticket as it stood after each change."""
        rows, chosen = self.snapshots["support"], self.files["support"].on(day)
        lines = [
            self._ticket(at, row)
            for at, row in zip(rows["at"][chosen].tolist(), rows["row"][chosen].tolist(), strict=True)
        ]
        if day % 25 == 12 and lines:
            lines.append(lines[-1][: len(lines[-1]) // 2])
        return lines

    def _ticket(self, at: int, row: int) -> str:
        """Write one ticket as it was known at a moment."""
        of = {name: int(column[row]) for name, column in self.shop.tickets.items()}
        topic, answered = TOPICS[of["topic"]], of["answered"] <= at
        ticket: dict[str, object] = {
            "id": 7_000 + row, "created_at": self.stamp(of["created"]), "updated_at": self.stamp(at),
            "status": "solved" if of["solved"] <= at else "open" if answered else "new",
            "via": {"channel": CHANNELS[of["channel"]]}, "subject": f"A question about {topic}",
            "description": f"Hello, this is Ada No. {of['who']}, please call +49 30 23125{of['who'] % 1000:03d}.",
            "requester": {"email": address(of["who"])}, "tags": [topic],
        }  # fmt: skip
        if of["solved"] <= at:
            ticket["solved_at"] = self.stamp(of["solved"])
        if answered:
            minutes = (of["answered"] - of["created"]) // MINUTE
            ticket["metric_set"] = {"reply_time_in_minutes": {"calendar": minutes}}
        if of["rated"] <= at:
            score = "good" if of["good"] else "bad"
            ticket["satisfaction_rating"] = {"score": score, "created_at": self.stamp(of["rated"])}
        else:
            ticket["satisfaction_rating"] = {"score": "offered" if of["solved"] <= at else "unoffered"}
        if of["order"] >= 0:
            ticket["order_id"] = f"o{100_000 + of['order']}"
        return json.dumps(ticket, separators=(",", ":"))

    def order_lines(self, day: int) -> list[str]:
        """Order snapshots as CSV, with the rows a hurried export spoils."""
        head = "order_id,updated_at,user_id,email,status,ordered_at,paid_at,shipped_at,delivered_at,refunded_at,"
        lines = [head + "region,total,currency,refund_total,promised_by"]
        rows, orders, world = self.snapshots["orders"], self.shop.orders, self.shop.world
        for i in self.files["orders"].on(day).tolist():
            at, row = int(rows["at"][i]), int(rows["row"][i])
            of = {name: int(column[row]) for name, column in orders.items()}
            steps = [
                name for name in ("placed", "paid", "shipped", "delivered", "refunded", "cancelled") if of[name] <= at
            ]
            stamps = ",".join(self.stamp(of[name]) if name in steps else "" for name in ORDER_STEPS[:5])
            refund = f"{of['refund'] / 100:.2f}" if steps[-1] == "refunded" else ""
            promised = self.stamp(of["paid"] + 48 * HOUR) if "paid" in steps else ""
            who = of["who"]
            lines.append(
                f"o{100_000 + row},{self.stamp(at)},u{10_000 + who},{address(who)},{steps[-1]},{stamps},"
                f"{REGIONS[world.region[who]]},{of['total'] / 100:.2f},{self.currency(who)},{refund},{promised}"
            )
        if day % 20 == 7 and len(lines) > 2:
            lines.append(lines[1] + ",left over")
        if day % 30 == 11 and len(lines) > 2:
            fields = lines[2].split(",")
            lines.append(",".join([fields[0], "2026-02-30T25:61:00Z", *fields[2:]]))
        return lines

    def survey_lines(self, day: int) -> list[str]:
        """Survey invitations as CSV, once when sent and once more when answered."""
        lines = ["invitation_id,updated_at,survey,email,order_id,invited_at,answered_at,score,comment"]
        rows, surveys = self.snapshots["surveys"], self.shop.surveys
        for i in self.files["surveys"].on(day).tolist():
            at, row = int(rows["at"][i]), int(rows["row"][i])
            of = {name: int(column[row]) for name, column in surveys.items()}
            answer = ",,"
            if of["answered"] <= at:
                remark = REMARKS[of["remark"]].replace('"', '""') if of["remark"] >= 0 else ""
                answer = f"{self.stamp(of['answered'])},{of['score']}," + (f'"{remark}"' if remark else "")
            order = f"o{100_000 + of['order']}" if of["order"] >= 0 else ""
            lines.append(
                f"i{200_000 + row},{self.stamp(at)},{SURVEYS[of['kind']]},{address(of['who'])},{order},"
                f"{self.stamp(of['invited'])},{answer}"
            )
        if day % 21 == 13 and len(lines) > 1:
            fields = lines[1].split(",")[:6]
            lines.append(",".join(["i9" + fields[0][1:], *fields[1:], fields[5], "11", ""]))
        return lines


def _broken_calls(day: int, today: str, lines: Sequence[str]) -> list[str]:
    """Web rows as they arrive when something goes wrong: cut, without a moment, on no real date, of an unknown kind."""
    if len(lines) < 4:
        return []
    broken = []
    if day % 9 == 4:
        broken.append(lines[0][:140])
    if day % 11 == 6:
        broken.append(f'{{"messageId":"x{day:03d}1","type":"page","name":"Home","anonymousId":"00","context":{{}}}}')
    call = f'"type":"page","name":"Home","anonymousId":"00","receivedAt":"{today}T12:00:00.000Z"'
    if day % 13 == 3:
        broken.append(f'{{"messageId":"x{day:03d}2",{call},"timestamp":"2026-02-30T25:61:00.000Z"}}')
    if day % 10 == 2:
        spun = call.replace('"page","name":"Home"', '"track","event":"Wheel Spun"')
        broken.append(f'{{"messageId":"x{day:03d}3",{spun},"timestamp":"{today}T11:59:59.000Z"}}')
    return broken


def _scatter(number: Ints) -> Ints:
    """Spread small numbers over 48 bits, one to one (splitmix64's finaliser, cut), so that ids look like ids."""
    x = number.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(16)).astype(np.int64)


def write_feeds(shop: Shop, out: Path, processes: int | None = None) -> int:
    """Write every feed of a shop under `out/<feed>/`, over as many processes as pay; returns the rows written."""
    for feed in FEEDS:
        (out / feed).mkdir(parents=True, exist_ok=True)
    writer, days = Writer(shop, out), range(shop.world.plan.days)
    wanted = processes or (os.cpu_count() or 1 if len(shop.web["at"]) > 400_000 else 1)
    if wanted == 1 or "fork" not in multiprocessing.get_all_start_methods():
        return sum(map(writer.write_day, days))
    with multiprocessing.get_context("fork").Pool(wanted, _inherited.append, (writer,)) as pool:
        return sum(pool.imap(_write_inherited, days))


_inherited: list[Writer] = []


def _write_inherited(day: int) -> int:
    """Write one day with the writer that this process was forked with: its tables are shared, not copied."""
    return _inherited[-1].write_day(day)
