from prune.tasks.question_answering.fitted_on import sample_of, shares_any


def asked(first: int, last: int) -> list[str]:
    return [f"question {number}" for number in range(first, last)]


def test_the_sample_is_short_and_the_same_in_any_order() -> None:
    sample = sample_of(asked(0, 5000))
    assert sample == sample_of(reversed(asked(0, 5000)))
    assert len(sample.split()) == len(set(sample.split())) == 128
    assert len(sample) < 2000


def test_all_questions_of_a_small_set_are_known() -> None:
    sample = sample_of(asked(0, 128))
    assert all(shares_any(sample, [one]) for one in asked(0, 128))


def test_files_that_overlap_by_a_twentieth_are_known_and_others_strange() -> None:
    known = [
        shares_any(sample_of(asked(0, 4000)), asked(start, start + 200)) for start in range(0, 4000, 200)
    ]
    assert known == [True] * 20
    assert not shares_any(sample_of(asked(0, 4000)), asked(4000, 40_000))
    assert not shares_any("", asked(0, 10))
    assert not shares_any(sample_of(asked(0, 10)), [])


def test_text_that_is_no_unicode_has_a_name() -> None:
    assert shares_any(sample_of(["\ud800"]), ["\ud800"])
