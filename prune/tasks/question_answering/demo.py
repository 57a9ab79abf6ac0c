"""A question-answering set made from templates, for the demo: invented facts in natural sentences.

The templates lie in demo.json. A *pattern* is text with slots: `{town}` stands for a list of patterns of
that name, `{+a|b}` for one of the choices, `{#10-95*5}` for a number (in steps of 5). A *sentence* names its
subject `{e}` and the relations it states; the facts of an entity are those that its sentences state.
"""

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from prune.tasks.question_answering.questions import Answer, Question

_SLOT = re.compile(r"\{(#|\+)?([^{}]+)\}")
_HELD_OUT = 5
"""Every fifth name of each list belongs to dev alone."""
_ANSWERABLE, _UNANSWERABLE = 2, 1
"""Questions of either kind per context."""
_SENTENCES = {1: 5, 2: 3, 3: 2}
"""Sentences about each entity, by the number of entities in the context."""


@dataclass(frozen=True)
class _Part:
    """What one of the two parts, train and dev, may draw from."""

    name: str
    lists: Mapping[str, Sequence[str]]
    held_out_phrasings: bool


@dataclass
class _Entity:
    name: str
    facts: dict[str, str] = field(default_factory=dict)


def demo_questions(count: int, seed: int) -> tuple[list[Question], list[Question]]:
    """`count` questions to train on and a fifth as many to check with; a third of them have no answer.

    The names in dev do not occur in train, and half of dev is phrased in ways that train never shows. Equal
    arguments give equal questions.
    """
    return list(_questions("train", count, seed)), list(_questions("dev", count // 5, seed))


@cache
def _templates() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(
        (resources.files("prune.tasks.question_answering") / "demo.json").read_bytes()
    )
    return loaded


def _part(name: str) -> _Part:
    def mine(names: list[str]) -> list[str]:
        return [text for i, text in enumerate(names) if (i % _HELD_OUT == _HELD_OUT - 1) == (name == "dev")]

    templates = _templates()
    lists = {key: mine(names) for key, names in templates["names"].items()} | templates["values"]
    return _Part(name, lists, held_out_phrasings=name == "dev")


def _questions(name: str, count: int, seed: int) -> Iterator[Question]:
    part, rng, made, index = _part(name), random.Random(f"{seed} {name}"), 0, 0
    while made < count:
        for question in _context_questions(part, rng, f"{name}-{index}")[: count - made]:
            yield question
            made += 1
        index += 1


def _context_questions(part: _Part, rng: random.Random, prefix: str) -> list[Question]:
    """Write one context and ask about it: first what it answers, then what it does not."""
    domain = _templates()["domains"][rng.choice(sorted(_templates()["domains"]))]
    new_wording = part.held_out_phrasings and rng.random() < 0.5
    entities = _new_entities(domain, part, rng, rng.choices([1, 2, 3], [2, 6, 2])[0] + 1)
    absent = entities.pop()
    context, spans = _write(domain, entities, part, rng, new_wording)
    stated = [(entity, relation) for entity in entities for relation in entity.facts]
    missing = _missing(domain, entities, absent, rng)
    asked = rng.sample(stated, min(_ANSWERABLE, len(stated))) + missing[:_UNANSWERABLE]
    questions = []
    for number, (entity, relation) in enumerate(asked):
        *usual, held_out = domain["relations"][relation]["ask"]
        wording = held_out if new_wording else rng.choice(usual)
        answers: tuple[Answer, ...] = ()
        if relation in entity.facts:
            start, end = spans[entity.name, relation]
            answers = (Answer(context[start:end], start),)
        text = wording.replace("{e}", entity.name)
        questions.append(Question(f"{prefix}-{number}", text, context, answers))
    return questions


def _missing(
    domain: Mapping[str, Any], entities: list[_Entity], absent: _Entity, rng: random.Random
) -> list[tuple[_Entity, str]]:
    """What the context leaves open, likeliest mistakes first: relations that it states of another entity."""
    stated_of_any = {relation for entity in entities for relation in entity.facts}
    open_pairs = [
        (entity, relation)
        for entity in [*entities, absent]
        for relation in domain["relations"]
        if relation not in entity.facts
    ]
    rng.shuffle(open_pairs)
    plain = rng.random() < 0.3
    return sorted(open_pairs, key=lambda pair: (pair[1] in stated_of_any) == plain)


def _new_entities(domain: Mapping[str, Any], part: _Part, rng: random.Random, number: int) -> list[_Entity]:
    """Entities whose names end differently too: persons are also called by their surname alone."""
    names: dict[str, str] = {}
    while len(names) < number:
        name = _fill(domain["name"], part, rng)
        names.setdefault(name.split()[-1] if domain["again"] is None else name, name)
    return [_Entity(name) for name in names.values()]


def _write(
    domain: Mapping[str, Any], entities: list[_Entity], part: _Part, rng: random.Random, new_wording: bool
) -> tuple[str, dict[tuple[str, str], tuple[int, int]]]:
    """Choose sentences, which gives the entities their facts; returns text and where each fact stands."""
    pool = domain["sentences"] + domain["dev_sentences"] * 2 * new_wording
    told = [(entity, template) for entity in entities for template in _choose(pool, len(entities), rng)]
    mixed = len(entities) > 1 and rng.random() < 0.3
    if mixed:
        rng.shuffle(told)
    context = ""
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    previous: _Entity | None = None
    for entity, template in told:
        again = entity is previous and not mixed
        subject = _mention(domain, entity, template, rng) if again else entity.name
        for relation in _relations(template):
            entity.facts[relation] = _fill(domain["relations"][relation]["value"], part, rng)
        sentence, places = _render(template, {"e": subject, **entity.facts})
        context += sentence
        for relation, (start, end) in places.items():
            offset = len(context) - len(sentence)
            spans[entity.name, relation] = (offset + start, offset + end)
        context += " "
        previous = entity
    for filler in rng.sample(_templates()["fillers"], rng.randint(0, 1)):
        context += _capitalised(_fill(filler, part, rng)) + " "
    return context.rstrip(), spans


def _choose(pool: Sequence[str], num_entities: int, rng: random.Random) -> list[str]:
    """Sentences for one entity, none of which states what another has stated."""
    chosen: list[str] = []
    stated: set[str] = set()
    for template in rng.sample(pool, len(pool)):
        relations = set(_relations(template))
        if len(chosen) < _SENTENCES[num_entities] and not relations & stated:
            chosen.append(template)
            stated |= relations
    return chosen


def _mention(domain: Mapping[str, Any], entity: _Entity, template: str, rng: random.Random) -> str:
    """How an entity is called in the sentence after one about it: a pronoun, a short form, or its name."""
    is_person = domain["again"] is None
    first, last = entity.name.split()[0], entity.name.split()[-1]
    chance = rng.random()
    if template.startswith("{e} ") and chance < 0.5:
        return "It" if not is_person else "She" if first in _templates()["names"]["woman"] else "He"
    short: str = last if is_person else domain["again"]
    return short if chance < 0.8 else entity.name


def _relations(template: str) -> list[str]:
    return [match[2] for match in _SLOT.finditer(template) if match[2] != "e"]


def _render(template: str, values: Mapping[str, str]) -> tuple[str, dict[str, tuple[int, int]]]:
    """A sentence and, for each slot, the characters [start, end) that its value takes."""
    text, places, done = "", {}, 0
    for match in _SLOT.finditer(template):
        text += template[done : match.start()]
        places[match[2]] = (len(text), len(text) + len(values[match[2]]))
        text += values[match[2]]
        done = match.end()
    del places["e"]
    return _capitalised(text + template[done:]), places


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]


def _fill(pattern: str | Sequence[str], part: _Part, rng: random.Random) -> str:
    """Replace all slots of a pattern, or of one of several, by what they may stand for."""
    if not isinstance(pattern, str):
        pattern = rng.choice(pattern)

    def value(match: re.Match[str]) -> str:
        sign, content = match.groups()
        if sign == "+":
            return str(rng.choice(content.split("|")))
        if sign == "#":
            limits, _, step = content.partition("*")
            low, high = map(int, limits.split("-"))
            return str(rng.randrange(low, high + 1, int(step or 1)))
        return _fill(part.lists[content], part, rng)

    return _SLOT.sub(value, pattern)
