"""The stories of the embedded word problems, written for this project: texts, ranges of numbers, steps.

[a|b] is a choice of words; {A}, {B} are two names, {he}, {his}, {him}, {He} stand for {A}; {fruit}, {toy}, … are drawn
from THINGS; single letters are numbers. A step is an expression in numbers and earlier results (r1, r2, …) and its
sentence, in which {} is written out as "48/2 = <<48/2=24>>24". `generator.py` fills them in.
"""

from __future__ import annotations

from dataclasses import dataclass


def _words(text: str) -> tuple[str, ...]:
    """Words apart; + is a space inside one."""
    return tuple(word.replace("+", " ") for word in text.split())


WOMEN = _words(
    "Ada Amara Beatriz Chloe Dina Elena Farah Greta Hana Ines Jia Kavya Leila Mina Nora Olga Priya Rosa Sana Tess Uma "
    "Vera Wanda Yuki Zoe"
)
MEN = _words(
    "Adam Bruno Carlos Dev Emil Felix Gus Hugo Ivan Jonas Kofi Liam Mateo Nico Omar Pavel Quinn Ravi Samir Tomas Umar "
    "Victor Walt Yusuf Zane"
)
THINGS = {
    "fruit": _words("apples pears plums peaches oranges lemons mangoes figs kiwis melons"),
    "baked": _words("muffins cookies bagels scones pies tarts rolls pretzels brownies waffles"),
    "toy": _words("marbles stickers kites puzzles balloons dolls robots whistles yo-yos badges"),
    "craft": _words("bracelets candles scarves mugs baskets bowls lanterns cushions necklaces hats"),
    "supply": _words("pencils erasers notebooks markers crayons folders rulers brushes stamps envelopes"),
    "animal": _words("hens goats sheep ducks rabbits geese turkeys alpacas llamas ponies"),
    "plant": _words("tulips roses daisies shrubs orchids sunflowers lilies ferns herbs pumpkins"),
    "clothes": _words("shirts jackets dresses sweaters skirts coats vests jerseys aprons belts"),
    "place": _words("bakery library garden+shop workshop market school museum café sports+club farm"),
    "vehicle": _words("bus van truck train motorbike tractor camper tram"),
    "month": _words("January February March April May June July August September October"),
    "day": _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
}


@dataclass(frozen=True)
class Story:
    """One kind of problem."""

    question: str
    numbers: str
    """ "a=2..9 b=10..90/10": whole or decimal ranges, ends included, with an optional spacing."""
    steps: tuple[tuple[str, str], ...]
    signed: bool = False
    """Results may be negative or 0."""
    decimals: bool = False
    """Results may have up to two decimal places."""


def _story(question: str, numbers: str, *steps: str, signed: bool = False, decimals: bool = False) -> Story:
    pairs = [step.split(": ", 1) for step in steps]
    return Story(question, numbers, tuple((left, right) for left, right in pairs), signed, decimals)


STORIES: tuple[Story, ...] = (
    # one step
    _story(
        "{A} has {a} {toy}. {B} gives {him} {b} more. How many {toy} does {A} have [now|in all]?",
        "a=3..90 b=2..60",
        "a+b: {A} has {} {toy}.",
    ),
    _story(
        "There are {a} {animal} on a farm [in spring|at first]. By autumn {b} of them have been sold. How many are "
        "left?",
        "a=20..400 b=3..200",
        "a-b: The farm keeps {} {animal}.",
    ),
    _story(
        "A [box|crate] holds {a} {fruit}. How many {fruit} are there in {b} [full ones|of them]?",
        "a=6..48 b=3..40",
        "a*b: There are {} {fruit}.",
    ),
    _story(
        "{A} shares {a} {baked} equally among {b} friends. How many {baked} does each friend [get|receive]?",
        "a=12..240 b=3..15",
        "a/b: Each friend gets {} {baked}.",
    ),
    _story(
        "On {day} it is {a} degrees at noon. [During the night|By midnight] the temperature falls by {b} degrees. "
        "What is it then?",
        "a=2..15 b=3..28",
        "a-b: The temperature is {} degrees.",
        signed=True,
    ),
    _story(
        "A bag of {fruit} [costs|is sold at] ${a}. How many dollars do {b} [bags|of these bags] cost?",
        "a=1.25..6.75/0.25 b=2..12",
        "a*b: They cost ${}.",
        decimals=True,
    ),
    # two steps
    _story(
        "{A} picks {a} {fruit} in the morning and {b} in the afternoon. {He} sells them for ${c} each. How [much "
        "money does {he} make|many dollars does {he} earn]?",
        "a=8..80 b=8..80 c=2..9",
        "a+b: {A} picks {} {fruit}.",
        "r1*c: {He} earns ${}.",
    ),
    _story(
        "{A} [buys|orders] {a} {supply} at ${b} each and pays with ${c}. How much change does {he} get [back|]?",
        "a=3..12 b=2..8 c=20..200/10",
        "a*b: The {supply} cost ${}.",
        "c-r1: {A} gets ${} back.",
    ),
    _story(
        "{B} has {k} times as many {toy} as {A}. {A} has {a}. How many {toy} do they have [together|in total]?",
        "k=3..9 a=4..60",
        "k*a: {B} has {} {toy}.",
        "r1+a: Together they have {} {toy}.",
    ),
    _story(
        "{A} baked {a} {baked} for the school fair. {He} kept {b} at home and put the rest [in|into] bags of {c}. How "
        "many bags did {he} fill?",
        "a=30..300 b=2..20 c=3..12",
        "a-b: {A} put {} {baked} in bags.",
        "r1/c: {He} filled {} bags.",
    ),
    _story(
        "A {vehicle} drives at {a} miles per hour for {b} hours and [then|after a break] at {c} miles per hour for "
        "{b} more hours. How many miles does it cover?",
        "a=20..70/5 b=2..6 c=20..70/5",
        "a+c: An hour at each speed gives {} miles.",
        "r1*b: The {vehicle} covers {} miles.",
    ),
    _story(
        "One of the {clothes} in a shop [costs|is priced at] ${a}. During a sale the price is [cut|reduced] by {p}%. "
        "What is the sale price in dollars?",
        "a=20..360/4 p=5..60/5",
        "a*p/100: The price falls by ${}.",
        "a-r1: The sale price is ${}.",
        decimals=True,
    ),
    _story(
        "{A} reads {a} pages a day. {His} book has {b} pages and {he} has already read {c}. How many [more|] days "
        "does {he} need to finish it?",
        "a=8..60 b=120..900 c=10..200",
        "b-c: {He} still has {} pages to read.",
        "r1/a: That takes {} days.",
    ),
    _story(
        "A rectangular garden is {a} feet long and {b} feet wide. {A} [puts|builds] a fence around it. How many feet "
        "of fence does {he} need?",
        "a=6..90 b=4..60",
        "a+b: One long and one short side measure {} feet.",
        "r1*2: The fence is {} feet long.",
    ),
    _story(
        "{A} is {a} years old. {B} is {k} times as old. How old will {B} be in {b} years?",
        "a=4..16 k=2..5 b=3..20",
        "a*k: {B} is {} years old now.",
        "r1+b: {B} will be {} years old.",
    ),
    _story(
        "{A} dives {a} meters below the surface. {He} goes [another|a further] {b} meters down and then up by {c} "
        "meters. Counting up as positive, at what height in meters is {he} now?",
        "a=3..20 b=2..20 c=1..15",
        "-a-b: {He} reaches {} meters.",
        "r1+c: {He} is now at {} meters.",
        signed=True,
    ),
    _story(
        "{A} has ${a} in [a|the] bank account and writes a check for ${b}. Then {he} pays in ${c}. What is the "
        "balance in dollars?",
        "a=20..300/5 b=40..500/5 c=10..90/5",
        "a-b: After the check the balance is ${}.",
        "r1+c: In the end it is ${}.",
        signed=True,
    ),
    _story(
        "{A} pours {a} liters of juice into glasses of {b} liters. {c} glasses are drunk. How many [full|] glasses "
        "are left?",
        "a=3..30 b=0.25..0.5/0.25 c=2..9",
        "a/b: {A} fills {} glasses.",
        "r1-c: {} glasses are left.",
    ),
    _story(
        "A printer makes {a} pages a minute. How many pages does it make in {b} hours?",
        "a=8..95 b=2..12",
        "b*60: {b} hours are {} minutes.",
        "r1*a: It makes {} pages.",
    ),
    # three steps
    _story(
        "{A} runs {a} miles on each of {b} days and {c} miles on [{day}|the last day of the week]. Each mile takes "
        "{him} {d} minutes. How many minutes does {he} run [in the week|in all]?",
        "a=2..9 b=3..6 c=4..15 d=6..12",
        "a*b: On the first days {A} runs {} miles.",
        "r1+c: In all {he} runs {} miles.",
        "r2*d: That takes {} minutes.",
    ),
    _story(
        "A {place} has {a} visitors on Friday. On Saturday it has twice as many, and on Sunday {b} fewer than on "
        "Saturday. How many visitors does it have over the three days?",
        "a=30..900/5 b=5..150/5",
        "a*2: On Saturday there are {} visitors.",
        "r1-b: On Sunday there are {} visitors.",
        "a+r1+r2: Over the three days there are {} visitors.",
    ),
    _story(
        "{A} makes {craft} and sells them for ${a} each. [The material for one costs|Making one costs] ${b}. {He} "
        "sells {c} {craft} a week. What is {his} profit in {d} weeks, in dollars?",
        "a=12..60 b=2..11 c=4..40 d=2..9",
        "a-b: {A} makes ${} on each.",
        "r1*c: That is ${} a week.",
        "r2*d: In {d} weeks it is ${}.",
    ),
    _story(
        "{A} plants {a} rows of {b} {plant}. {p}% of them [do not survive|are eaten by snails]. How many {plant} are "
        "left?",
        "a=4..40 b=5..50/5 p=5..60/5",
        "a*b: {A} plants {} {plant}.",
        "r1*p/100: {} are lost.",
        "r1-r2: {} {plant} are left.",
    ),
    _story(
        "{A} had {a} {toy}. {He} gave half of them to {B} and lost {b} [of the rest|at the park]. Then {he} bought "
        "{c} new ones. How many {toy} does {A} have now?",
        "a=12..180/2 b=2..9 c=3..40",
        "a/2: {A} kept {} {toy}.",
        "r1-b: After the loss {he} had {}.",
        "r2+c: Now {he} has {} {toy}.",
    ),
    _story(
        "A {vehicle} can [carry|take] {a} people. {b} adults and {c} children are waiting. How many trips are needed "
        "to take all of them twice?",
        "a=4..24 b=20..200 c=10..160",
        "b+c: {} people are waiting.",
        "r1/a: Taking them once needs {} trips.",
        "r2*2: Taking them twice needs {} trips.",
    ),
    _story(
        "{A} earns ${a} an hour and works {b} hours a day, {c} days a week. How much does {he} earn in {d} weeks, in "
        "dollars?",
        "a=11..45 b=4..9 c=3..6 d=2..12",
        "a*b: {A} earns ${} a day.",
        "r1*c: {He} earns ${} a week.",
        "r2*d: In {d} weeks {he} earns ${}.",
    ),
    _story(
        "{A} and {B} collect {fruit}. {A} collects {a} [kilos|pounds] and {B} {b} more than {A}. They share "
        "everything equally between {c} families. How much does each family get?",
        "a=6..70 b=2..30 c=2..8",
        "a+b: {B} collects {}.",
        "a+r1: Together they have {}.",
        "r2/c: Each family gets {}.",
        decimals=True,
    ),
    _story(
        "{A} has a tank that holds {a} liters. A pump fills in {b} liters a minute while {c} liters a minute [leak "
        "out|are lost]. How many hours does it take to fill the [empty|] tank?",
        "a=600..36000/600 b=12..60 c=2..11",
        "b-c: Each minute adds {} liters.",
        "a/r1: It takes {} minutes.",
        "r2/60: That is {} hours.",
        decimals=True,
    ),
    _story(
        "{A} buys {a} {clothes} at ${b} each. As a member of the club {he} gets {p}% off. How many dollars does {he} "
        "pay?",
        "a=2..9 b=10..90/5 p=5..50/5",
        "a*b: The full price is ${}.",
        "r1*p/100: {He} saves ${}.",
        "r1-r2: {He} pays ${}.",
        decimals=True,
    ),
    _story(
        "A school has {a} classes of {b} pupils. {c} pupils [go on a trip|are ill] and the others sit in groups of "
        "{d}. How many groups are there?",
        "a=3..20 b=15..32 c=5..60 d=3..8",
        "a*b: The school has {} pupils.",
        "r1-c: {} pupils sit in groups.",
        "r2/d: There are {} groups.",
    ),
    _story(
        "{A} fills {a} jars with {b} {baked} each. {B} fills {c} jars with {d} each. How many more {baked} does {A} "
        "use?",
        "a=4..30 b=8..40 c=3..20 d=5..30",
        "a*b: {A} uses {} {baked}.",
        "c*d: {B} uses {}.",
        "r1-r2: {A} uses {} more.",
    ),
    _story(
        "A town of {a} people grows by {p}% in one year. In the next year {b} people [move away|leave]. How many "
        "people live there [then|after the two years]?",
        "a=2000..80000/500 p=2..30/2 b=50..900/50",
        "a*p/100: In the first year {} people come.",
        "a+r1: Then the town has {} people.",
        "r2-b: After that {} people live there.",
    ),
    # four steps
    _story(
        "{A} keeps {a} {animal} and {b} cows. Each of the {animal} eats {c} kilos of feed a week and each cow eats "
        "{d} kilos. How many kilos of feed are needed for {e} weeks?",
        "a=5..60 b=2..30 c=2..9 d=20..70 e=2..10",
        "a*c: The {animal} eat {} kilos a week.",
        "b*d: The cows eat {} kilos a week.",
        "r1+r2: Together they eat {} kilos a week.",
        "r3*e: For {e} weeks {} kilos are needed.",
    ),
    _story(
        "{A} wants to buy a [bicycle|guitar|telescope] for ${a}. {He} has ${b} and gets ${c} a week for walking dogs "
        "and ${d} a week for washing cars. {He} spends ${e} a week. In how many weeks can {he} buy it?",
        "a=120..900/10 b=20..200/10 c=10..40 d=10..40 e=4..25",
        "a-b: {A} still needs ${}.",
        "c+d: {He} earns ${} a week.",
        "r2-e: {He} saves ${} a week.",
        "r1/r3: {He} needs {} weeks.",
    ),
    _story(
        "A {place} orders {a} boxes of {supply} with {b} in each. {c} of the {supply} are broken. The rest is sold in "
        "packs of {d} for ${e} a pack. How many dollars does that bring?",
        "a=4..30 b=12..60/6 c=2..40 d=4..12 e=3..15",
        "a*b: {} {supply} arrive.",
        "r1-c: {} can be sold.",
        "r2/d: They make {} packs.",
        "r3*e: That brings ${}.",
    ),
    _story(
        "{A} walks {a} miles to school, and the same way back, on each of {b} days. At the weekend {he} hikes {c} "
        "miles. How many miles does {he} walk in {d} such weeks?",
        "a=2..5 b=3..5 c=5..20 d=3..30",
        "a*2: A day of school is {} miles.",
        "r1*b: The school days make {} miles.",
        "r2+c: A week is {} miles.",
        "r3*d: In {d} weeks {he} walks {} miles.",
    ),
    _story(
        "At a concert {a} tickets are sold at ${b} and {c} at ${d}. The hall costs ${e}. How much money is left, in "
        "dollars?",
        "a=40..400/10 b=12..60 c=20..300/10 d=5..35 e=500..4000/100",
        "a*b: The first kind brings ${}.",
        "c*d: The second kind brings ${}.",
        "r1+r2: Together that is ${}.",
        "r3-e: ${} is left.",
    ),
    _story(
        "{A} saves {a} coins in {month}, twice as many in the month after, and in the third month {b} more than in "
        "the second. {He} puts all coins into rolls of {c}. How many rolls does {he} fill?",
        "a=10..120 b=4..60 c=5..25",
        "a*2: In the second month {he} saves {} coins.",
        "r1+b: In the third month {he} saves {}.",
        "a+r1+r2: In all there are {} coins.",
        "r3/c: They fill {} rolls.",
    ),
    _story(
        "Paint for one wall costs ${a}. A house has {b} rooms with {c} walls each, and {d} walls are left as they "
        "are. {A} also pays a painter ${e}. What does {he} pay altogether, in dollars?",
        "a=8..30 b=3..9 c=4..6 d=2..8 e=150..900/25",
        "b*c: The house has {} walls.",
        "r1-d: {} walls are painted.",
        "r2*a: The paint costs ${}.",
        "r3+e: Altogether {he} pays ${}.",
    ),
    _story(
        "A factory makes {a} {craft} an hour and runs {b} hours a day. {p}% of them fail the test. How many good ones "
        "are made in {d} days?",
        "a=20..300/20 b=6..20 p=5..25/5 d=2..25",
        "a*b: {} {craft} are made a day.",
        "r1*p/100: {} of them fail.",
        "r1-r2: {} are good.",
        "r3*d: In {d} days there are {} good ones.",
    ),
    # five steps
    _story(
        "{A} sells {fruit} at ${a} a bag and {baked} at ${b} a box. On {day} {he} sells {c} bags and {d} boxes. The "
        "stall costs ${e}, and {he} gives half of what is left to {B}. How much does {he} keep, in dollars?",
        "a=2..9 b=3..12 c=10..80 d=8..60 e=20..90/2",
        "a*c: The {fruit} bring ${}.",
        "b*d: The {baked} bring ${}.",
        "r1+r2: Together that is ${}.",
        "r3-e: After the stall ${} is left.",
        "r4/2: {A} keeps ${}.",
        decimals=True,
    ),
    _story(
        "{A}'s {vehicle} uses {a} liters for 100 kilometers. {He} drives {b} kilometers a day for {c} days, and a "
        "liter costs ${d}. {He} also pays ${e} in tolls. What does the trip cost in dollars?",
        "a=4..12 b=100..600/50 c=2..9 d=1.25..2/0.25 e=5..80/5",
        "b*c: {He} drives {} kilometers.",
        "r1/100: That is {} times 100 kilometers.",
        "r2*a: It takes {} liters.",
        "r3*d: The fuel costs ${}.",
        "r4+e: The trip costs ${}.",
        decimals=True,
    ),
    _story(
        "For a party {A} buys {a} pizzas cut into {b} slices and {c} cakes cut into {d} pieces. {e} guests eat {f} "
        "slices or pieces each. How many are left?",
        "a=4..20 b=6..12/2 c=2..8 d=8..16/2 e=8..40 f=2..5",
        "a*b: There are {} slices of pizza.",
        "c*d: There are {} pieces of cake.",
        "r1+r2: That is {} in all.",
        "e*f: The guests eat {}.",
        "r3-r4: {} are left.",
    ),
    _story(
        "{A} types {a} words a minute and {B} {b} words a minute. They both type for {c} minutes, take a break, and "
        "type for {d} more. A page holds {e} words. How many pages do they fill together?",
        "a=20..80/5 b=20..80/5 c=10..60/5 d=10..60/5 e=100..400/50",
        "a+b: Together they type {} words a minute.",
        "c+d: They type for {} minutes.",
        "r1*r2: That gives {} words.",
        "r3/e: They fill {} pages.",
    ),
    _story(
        "{A} harvests {a} sacks of {b} kilos. {He} keeps {c} kilos, gives {p}% of the rest to the village and sells "
        "what remains at ${d} a kilo. How many dollars does {he} earn?",
        "a=5..60 b=20..80/5 c=20..300/20 p=10..50/10 d=2..6",
        "a*b: The harvest is {} kilos.",
        "r1-c: After {his} own share {} kilos are there.",
        "r2*p/100: The village gets {} kilos.",
        "r2-r3: {} kilos are sold.",
        "r4*d: {He} earns ${}.",
    ),
    _story(
        "On {day} a {place} sells {a} tickets for adults at ${b} and half as many for children at ${c}. It pays {d} "
        "helpers ${e} each. What remains, in dollars?",
        "a=20..240/2 b=8..30 c=3..12 d=2..6 e=40..120/10",
        "a*b: Adults pay ${}.",
        "a/2: There are {} tickets for children.",
        "r2*c: They bring ${}.",
        "d*e: The helpers cost ${}.",
        "r1+r3-r4: ${} remains.",
    ),
)
