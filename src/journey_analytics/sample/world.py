"""The made-up shop: who comes, what they do, what happens to their orders.

Everything is drawn here and nowhere else, from one PCG64 stream of raw words, so that the same plan gives the same
world on every machine, numpy version and process count. Moments are whole milliseconds since the first day's
midnight (UTC); customers, orders and tickets are numbers from 0. Rendering into files is `feeds`.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
NEVER = 1 << 60
MOBILE, DESKTOP, TABLET = 0, 1, 2
REGIONS = ("north", "south", "east", "west")
COUNTRIES = ("DE", "AT", "CH")
N_PRODUCTS, N_CATEGORIES = 60, 6
HOURS = (3, 2, 1, 1, 1, 2, 5, 9, 12, 13, 13, 14, 16, 14, 12, 12, 13, 15, 19, 24, 26, 22, 14, 7)
WEEKDAYS = (10, 10, 10, 11, 12, 15, 16)
_CURVE = np.array([-log(1 - (i + 0.5) / 4096) for i in range(4096)])


@dataclass(frozen=True)
class SamplePlan:
    """How much shop to write, and the truths planted in it. Days count from 1; shares lie in 0..1."""

    customers: int = 2_500
    days: int = 120
    starts_on: date = date(2026, 7, 6)
    seed: int = 20_260_706
    gzip_level: int = 1

    payment_breaks_on_day: int = 80
    payment_repaired_on_day: int = 104
    paid_on_mobile: float = 0.74
    paid_on_mobile_broken: float = 0.18
    paid_on_desktop: float = 0.82

    annoying_sent_on_days: tuple[int, int] = (78, 92)
    annoying_complaints: float = 0.085
    usual_complaints: float = 0.004
    annoyed_stay_away: float = 0.90

    chat_answered_in_time: float = 0.50
    chat_thumb_good: float = 0.48
    mail_thumb_good: float = 0.92

    late_region: str = "north"
    delivered_in_time_there: float = 0.50
    delivered_in_time: float = 0.985

    reminded_when_new: float = 0.97
    shown_after_paying: float = 0.36
    shown_after_paying_from_day: int = 51
    web_lost_on_day: int = 112
    decoy_days: tuple[int, int] = (62, 98)


@dataclass(frozen=True)
class Decoy:
    """A page that looks bad by chance alone: `n` judged visits of which `n_good` went on, whatever the shop's size."""

    touchpoint: str
    kind: int
    stage: str
    n: int
    n_good: int


class Web(IntEnum):
    """What a web call can be; `feeds` knows how each is written."""

    HOME = 0
    GUIDE = 1
    SEARCH_AD = 2
    SOCIAL = 3
    MAIL_LANDING = 4
    CATEGORY = 5
    SEARCH = 6
    PRODUCT = 7
    REVIEWS = 8
    GIFT_FINDER = 9
    ADDED = 10
    CART = 11
    CHECKOUT = 12
    PAYMENT = 13
    COMPLETED = 14
    IDENTIFY = 15
    GROUP = 16
    RETURNS = 17
    ACCOUNT = 18
    SIZES = 19
    COMPARE = 20
    WISHLIST = 21
    VOUCHERS = 22


DECOYS = (
    Decoy("size_guide", Web.SIZES, "consideration", 22, 4),
    Decoy("compare_page", Web.COMPARE, "consideration", 120, 52),
    Decoy("voucher_page", Web.VOUCHERS, "decision", 19, 5),
    Decoy("wishlist", Web.WISHLIST, "decision", 64, 34),
)


class Dice:
    """Draws from raw PCG64 words alone: numpy promises their stability, but not that of its distributions."""

    def __init__(self, seed: int) -> None:
        self._words = np.random.PCG64(seed)

    def unit(self, n: int) -> NDArray[np.float64]:
        """Draw `n` numbers in [0, 1)."""
        raw = np.asarray(self._words.random_raw(n), dtype=np.uint64)
        return np.asarray((raw >> np.uint64(11)) * 2.0**-53)

    def chance(self, share: ArrayLike, n: int) -> Bools:
        """Draw `n` yes/no answers; `share` is one number or one per answer."""
        return np.asarray(self.unit(n) < np.asarray(share))

    def whole(self, low: int, high: int, n: int) -> Ints:
        """Draw `n` whole numbers of low..high, both included."""
        return low + (self.unit(n) * (high - low + 1)).astype(np.int64)

    def pick(self, weights: ArrayLike, n: int) -> Ints:
        """Draw `n` positions, each as often as its weight says."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        return np.asarray(np.searchsorted(edges[:-1], self.unit(n) * edges[-1], side="right"), dtype=np.int64)

    def wait(self, mean: float, n: int) -> Ints:
        """Draw `n` exponential waits, rounded down, from a fixed table of 4096 quantiles."""
        return np.floor(_CURVE[(self.unit(n) * 4096).astype(np.int64)] * mean).astype(np.int64)

    def count(self, mean: float, n: int) -> Ints:
        """Draw `n` Poisson counts (up to 15)."""
        weight, weights = exp(-mean), []
        for k in range(16):
            weights.append(round(weight, 9))
            weight *= mean / (k + 1)
        return self.pick(weights, n)

    def moment(self, day: Ints) -> Ints:
        """Draw a moment of each given day (numbered from 0), as busy as the hours of a shop are."""
        n = len(day)
        return day * DAY + self.pick(HOURS, n) * HOUR + self.whole(0, HOUR - 1, n)


class Rows:
    """Columns that grow chunk by chunk; every chunk names the same columns."""

    def __init__(self, *names: str) -> None:
        self._chunks: dict[str, list[Ints]] = {name: [] for name in names}

    def add(self, at: Ints, **columns: ArrayLike) -> None:
        """Append one chunk; scalars are repeated to the length of `at`."""
        for name, chunks in self._chunks.items():
            value = at if name == "at" else np.asarray(columns[name])
            narrow = np.int64 if name == "at" else np.int32
            chunks.append(np.broadcast_to(value, at.shape).astype(narrow))

    def table(self, end: int) -> dict[str, Ints]:
        """Join the chunks, keep what happened before `end`, and order it by moment (ties: as drawn)."""
        joined = {name: np.concatenate(chunks) for name, chunks in self._chunks.items()}
        kept = np.flatnonzero(joined["at"] < end)
        order = kept[np.argsort(joined["at"][kept], kind="stable")]
        return {name: column[order] for name, column in joined.items()}


@dataclass
class World:
    """The shop while it is being drawn: its people, and what has happened so far."""

    plan: SamplePlan
    dice: Dice
    end: int
    device: Ints
    has_two: Bools
    region: Ints
    country: Ints
    hears_autumn: Bools
    reads_newsletter: Bools
    known_at: Ints
    bought_at: Ints
    silenced_at: Ints
    web: Rows = field(default_factory=lambda: Rows("at", "who", "kind", "variant", "slot", "logged"))
    attempts: Rows = field(
        default_factory=lambda: Rows("at", "who", "slot", "considered", "carted", "checked_out", "paid", "number")
    )
    email: Rows = field(default_factory=lambda: Rows("at", "who", "event", "category", "message"))
    n_messages: int = 0

    def device_of(self, who: Ints, slot: Ints) -> Ints:
        """Tell the kind of device (mobile, desktop, tablet): odd slots are a person's second device."""
        first = self.device[who]
        return np.where(slot % 2 == 0, first, np.where(first == DESKTOP, MOBILE, DESKTOP))


def new_world(plan: SamplePlan) -> World:
    """Draw the people of the shop."""
    dice, n = Dice(plan.seed), plan.customers
    return World(
        plan=plan,
        dice=dice,
        end=plan.days * DAY,
        device=dice.pick((58, 37, 5), n),
        has_two=dice.chance(0.25, n),
        region=dice.pick((26, 24, 25, 25), n),
        country=dice.pick((70, 14, 16), n),
        hears_autumn=dice.chance(0.55, n),
        reads_newsletter=dice.chance(0.35, n),
        known_at=np.full(n, NEVER),
        bought_at=np.full(n, NEVER),
        silenced_at=np.full(n, NEVER),
    )


def walk(dice: Dice, starts: Ints, counts: Ints, low: int, high: int) -> tuple[Ints, Ints, Ints]:
    """Lay `counts` pages one after another from each start: (whose, when, moment of the last page)."""
    whose = np.repeat(np.arange(len(starts)), counts)
    passed = np.concatenate(([0], np.cumsum(dice.whole(low, high, len(whose)))))
    last = np.cumsum(counts)
    begun = passed[last - counts]
    return whose, starts[whose] + passed[1:] - begun[whose], starts + passed[last] - begun


def autumn_at(plan: SamplePlan, who: Ints) -> Ints:
    """Tell when each customer's wave of the annoying campaign goes out."""
    days = np.asarray(plan.annoying_sent_on_days)
    return (days[who % 2] - 1) * DAY + 9 * HOUR + (who * 37 % 1800) * SECOND


def stay_away(world: World, who: Ints, day: Ints) -> Ints:
    """Move the next attempt of annoyed customers out of the fortnight after the campaign that annoyed them."""
    sent = autumn_at(world.plan, who)
    annoyed = world.hears_autumn[who] & (world.known_at[who] < sent)
    annoyed &= (day * DAY >= sent - DAY) & (day * DAY < sent + 15 * DAY)
    away = annoyed & world.dice.chance(world.plan.annoyed_stay_away, len(who))
    return day + np.where(away, 17 + world.dice.wait(4, len(who)), 0)


def live(world: World) -> None:
    """Draw every attempt at buying of every customer, from the landing to the payment."""
    plan, dice = world.plan, world.dice
    weights = [WEEKDAYS[(plan.starts_on.weekday() + day) % 7] for day in range(plan.days)]
    day = dice.pick([w * (2.6 if i < 14 else 1) for i, w in enumerate(weights)], plan.customers)
    who = np.arange(plan.customers)
    for number in range(7):
        end, bought = _attempt(world, number, who, dice.moment(day))
        again = dice.chance(np.where(bought, 0.66, 0.56), len(who))
        pause = np.where(bought, 3 + dice.wait(22, len(who)), 1 + dice.wait(13, len(who)))
        day = stay_away(world, who, end // DAY + pause)
        again &= day < plan.days
        who, day = who[again], day[again]


def _attempt(world: World, number: int, who: Ints, start: Ints) -> tuple[Ints, Bools]:
    """Draw one attempt of each customer given; returns its last moment and whether it ended in a payment."""
    dice, n = world.dice, len(who)
    slot = np.where(world.has_two[who] & dice.chance(0.4, n), 1, 0)
    slot += np.where(dice.chance(0.08, n), 2 * (number + 1), 0)  # the cookie was deleted
    logged = (world.known_at[who] < start) & dice.chance(0.5, n) & (slot < 2)
    at = _land(world, who, start, slot, logged)
    considers = dice.chance(0.76, n)
    considered = np.where(considers, at + 5 * SECOND, NEVER)
    at = _browse(world, who, at, slot, logged, np.where(considers, 2 + dice.count(5.6, n), 0))
    back = considers & dice.chance(0.33, n)
    at = np.where(back, dice.moment(at // DAY + 1 + dice.wait(1.2, n)), at)
    slot = np.where(back & world.has_two[who] & dice.chance(0.4, n), 1 - slot % 2, slot)
    at = _browse(world, who, at, slot, logged, np.where(back, 1 + dice.count(4.0, n), 0))
    decides = considers & dice.chance(0.60, n)
    carted, named = _fill_cart(world, who, at, slot, logged, decides)
    at = np.where(decides, carted + 15 * SECOND, at)
    checked_out, paid, at = _check_out(world, who, at, slot, named & dice.chance(0.76, n))
    world.attempts.add(
        start, who=who, number=number, slot=slot, considered=_sooner(considered, start),
        carted=_sooner(carted, start), checked_out=_sooner(checked_out, start), paid=_sooner(paid, start),
    )  # fmt: skip
    world.bought_at[who] = np.minimum(world.bought_at[who], paid)
    return at, paid < NEVER


def _sooner(moment: Ints, start: Ints) -> Ints:
    """Write a moment as milliseconds after the attempt's start, -1 for never (so that it fits in 32 bits)."""
    return np.where(moment < NEVER, moment - start, -1)


def _land(world: World, who: Ints, start: Ints, slot: Ints, logged: Bools) -> Ints:
    """Awareness: an ad, a post, the home page or a guide; some come straight to the catalogue."""
    dice, n = world.dice, len(who)
    kinds = np.array([Web.SEARCH_AD, Web.SOCIAL, Web.HOME, Web.GUIDE, Web.CATEGORY])
    first = kinds[dice.pick((28, 20, 30, 14, 8), n)]
    more = np.where(dice.chance(0.3, n), 1, 0)
    world.web.add(start, who=who, kind=first, variant=dice.whole(0, 5, n), slot=slot, logged=logged)
    whose, at, last = walk(dice, start, more, 8 * SECOND, 70 * SECOND)
    kind = np.where(dice.chance(0.6, len(at)), Web.HOME, Web.GUIDE)
    world.web.add(at, who=who[whose], kind=kind, variant=whose % 6, slot=slot[whose], logged=logged[whose])
    return last


def _browse(world: World, who: Ints, start: Ints, slot: Ints, logged: Bools, pages: Ints) -> Ints:
    """Consideration: categories, searches, products, reviews."""
    dice = world.dice
    whose, at, last = walk(dice, start, pages, 6 * SECOND, 110 * SECOND)
    kinds = np.array([Web.CATEGORY, Web.SEARCH, Web.PRODUCT, Web.REVIEWS, Web.GIFT_FINDER, Web.GUIDE])
    kind = kinds[dice.pick((20, 11, 52, 10, 3, 4), len(at))]
    variant = dice.whole(0, N_PRODUCTS - 1, len(at))
    world.web.add(at, who=who[whose], kind=kind, variant=variant, slot=slot[whose], logged=logged[whose])
    return last


def _fill_cart(world: World, who: Ints, at: Ints, slot: Ints, logged: Bools, decides: Bools) -> tuple[Ints, Bools]:
    """Decision: the cart, where people say who they are; returns when it was filled and who is known by now."""
    dice, n = world.dice, len(who)
    named = decides & (logged | dice.chance(0.97, n))
    carted = np.where(decides, at + 35 * SECOND, NEVER)
    asked = np.flatnonzero(named & ~logged & (carted < world.end))
    world.web.add(carted[asked] - 9 * SECOND, who=who[asked], kind=Web.IDENTIFY, variant=0, slot=slot[asked], logged=1)
    firms = asked[who[asked] % 40 == 7]
    world.web.add(carted[firms] - 8 * SECOND, who=who[firms], kind=Web.GROUP, variant=0, slot=slot[firms], logged=1)
    world.known_at[who[asked]] = np.minimum(world.known_at[who[asked]], carted[asked] - 9 * SECOND)
    i = np.flatnonzero(decides)
    product = dice.whole(0, N_PRODUCTS - 1, len(i))
    world.web.add(carted[i], who=who[i], kind=Web.ADDED, variant=product, slot=slot[i], logged=named[i])
    world.web.add(carted[i] + 12 * SECOND, who=who[i], kind=Web.CART, variant=0, slot=slot[i], logged=named[i])
    return carted, named


def _check_out(world: World, who: Ints, at: Ints, slot: Ints, goes: Bools) -> tuple[Ints, Ints, Ints]:
    """Purchase: checkout and payment page; returns the moments of checkout and of payment (NEVER), and the end."""
    plan, dice, n = world.plan, world.dice, len(who)
    soon = at + dice.whole(50 * SECOND, 500 * SECOND, n)
    later = dice.moment(at // DAY + 1 + dice.whole(0, 2, n))
    waits = dice.chance(0.22, n)
    begun = np.where(waits, later, soon)
    i = np.flatnonzero(goes & waits)
    world.web.add(begun[i] - 40 * SECOND, who=who[i], kind=Web.CART, variant=0, slot=slot[i], logged=1)
    i = np.flatnonzero(goes)
    world.web.add(begun[i], who=who[i], kind=Web.CHECKOUT, variant=0, slot=slot[i], logged=1)
    shown = begun + dice.whole(40 * SECOND, 200 * SECOND, n)
    i = np.flatnonzero(goes & dice.chance(0.93, n))
    world.web.add(shown[i], who=who[i], kind=Web.PAYMENT, variant=0, slot=slot[i], logged=1)
    day = shown[i] // DAY + 1
    broken = (day >= plan.payment_breaks_on_day) & (day < plan.payment_repaired_on_day)
    on_phone = np.where(broken, plan.paid_on_mobile_broken, plan.paid_on_mobile)
    share = np.where(world.device_of(who[i], slot[i]) == MOBILE, on_phone, plan.paid_on_desktop)
    i = i[dice.chance(share, len(i))]
    done = shown[i] + dice.whole(50 * SECOND, 220 * SECOND, len(i))
    paid = np.full(n, NEVER)
    paid[i] = done + dice.whole(4 * SECOND, 40 * SECOND, len(i))
    checked_out = np.where(goes, begun, NEVER)
    return checked_out, paid, np.where(paid < NEVER, paid, np.where(goes, shown, at))


def restored(attempts: dict[str, Ints], name: str) -> Ints:
    """Undo `_sooner`: the moment since the first midnight, or NEVER."""
    return np.where(attempts[name] >= 0, attempts["at"] + attempts[name], NEVER)


def next_start(attempts: dict[str, Ints]) -> Ints:
    """For each attempt, when the same customer's next one starts (NEVER for the last)."""
    order = np.lexsort((attempts["at"], attempts["who"]))
    who, at = attempts["who"][order], attempts["at"][order]
    following = np.full(len(who), NEVER)
    following[:-1] = np.where(who[1:] == who[:-1], at[1:], NEVER)
    result: Any = np.empty_like(following)
    result[order] = following
    return np.asarray(result, dtype=np.int64)
