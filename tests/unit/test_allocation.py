"""Places by rank within quotas: never one more than there are, the same whoever applied first."""

from __future__ import annotations

from collections import Counter
from random import Random
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from backend.applications.allocation import Candidate, Places, allocate, lot, next_in_line

A, B, C = (UUID(int=n) for n in (1, 2, 3))
BATCH = UUID(int=99)


def candidate(points: int, union: UUID | None, number: int) -> Candidate:
    person = UUID(int=number)
    return Candidate(UUID(int=number), points, lot(BATCH, person), union)


candidates = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([A, B, C, None])), max_size=40).map(
    lambda rows: [candidate(points, union, number + 1) for number, (points, union) in enumerate(rows)]
)
quotas = st.none() | st.fixed_dictionaries({A: st.integers(0, 6), B: st.integers(0, 6)})


@given(candidates, st.integers(0, 15), quotas)
def test_everybody_is_placed_once_and_never_beyond_capacity_or_quota(
    asking: list[Candidate], capacity: int, quota: dict[UUID, int] | None
) -> None:
    placed = allocate(asking, Places(capacity, quota, Counter()))
    union_of = {one.application: one.quota_union for one in asking}
    assert sorted(place.application for place in placed) == sorted(union_of)
    mains = [place for place in placed if place.placement == "main"]
    assert len(mains) <= capacity
    if quota is not None:
        held = Counter(union_of[place.application] for place in mains)
        assert all(count <= (quota.get(union, 0) if union else 0) for union, count in held.items())
    for placement in ("main", "reserve"):
        assert [p.rank for p in placed if p.placement == placement] == list(
            range(1, sum(p.placement == placement for p in placed) + 1)
        )


@given(candidates, st.integers(0, 15), quotas, st.randoms(use_true_random=False))
def test_the_order_of_asking_changes_nothing(
    asking: list[Candidate], capacity: int, quota: dict[UUID, int] | None, random: Random
) -> None:
    shuffled = list(asking)
    random.shuffle(shuffled)
    assert allocate(asking, Places(capacity, quota, Counter())) == allocate(
        shuffled, Places(capacity, quota, Counter())
    )


@given(candidates, st.integers(0, 15), quotas)
def test_no_reserve_has_more_points_than_a_main_of_the_same_union(
    asking: list[Candidate], capacity: int, quota: dict[UUID, int] | None
) -> None:
    placed = {place.application: place.placement for place in allocate(asking, Places(capacity, quota, Counter()))}
    for one in asking:
        for other in asking:
            if one.quota_union == other.quota_union and one.points > other.points:
                assert not (placed[one.application] == "reserve" and placed[other.application] == "main")


def test_a_free_place_goes_to_the_first_reserve_whose_quota_has_room() -> None:
    full = Places(3, {A: 2, B: 1}, Counter({A: 1, B: 1}))
    reserves = [candidate(9, B, 1), candidate(8, A, 2), candidate(7, A, 3)]
    assert [one.application for one in next_in_line(reserves, full)] == [UUID(int=2)]


def test_places_already_held_count() -> None:
    assert next_in_line([candidate(1, None, 1)], Places(2, None, Counter({None: 2}))) == []


def test_the_lot_depends_on_the_batch() -> None:
    person = uuid4()
    assert lot(BATCH, person) == lot(BATCH, person)
    assert lot(BATCH, person) != lot(A, person)


def placed(asking: list[Candidate], places: Places) -> list[tuple[int, str, int]]:
    """Who got what, by the number of the candidate."""
    return [(place.application.int, place.placement, place.rank) for place in allocate(asking, places)]


def test_mains_come_by_points_within_each_quota_and_all_others_are_ranked_reserves() -> None:
    asking = [candidate(points, union, points) for points, union in ((9, A), (8, A), (7, A), (6, A), (5, B), (4, C))]
    assert placed(asking, Places(9, {A: 3, B: 1}, Counter())) == [
        (9, "main", 1),
        (8, "main", 2),
        (7, "main", 3),
        (5, "main", 4),
        (6, "reserve", 1),
        (4, "reserve", 2),
    ]


def test_the_whole_bounds_what_the_quotas_would_allow() -> None:
    asking = [candidate(9, A, 9), candidate(8, B, 8), candidate(7, A, 7)]
    assert placed(asking, Places(2, {A: 2, B: 2}, Counter())) == [
        (9, "main", 1),
        (8, "main", 2),
        (7, "reserve", 1),
    ]


def test_without_quotas_places_go_to_anybody_while_they_last() -> None:
    asking = [candidate(9, None, 9), candidate(8, A, 8), candidate(7, A, 7)]
    assert placed(asking, Places(2, None, Counter())) == [(9, "main", 1), (8, "main", 2), (7, "reserve", 1)]


def test_whoever_falls_under_no_quota_gets_no_place_of_one() -> None:
    assert placed([candidate(9, None, 9)], Places(2, {A: 2}, Counter())) == [(9, "reserve", 1)]


def test_places_held_under_a_quota_are_taken_from_it() -> None:
    asking = [candidate(points, A, points) for points in (9, 8, 7)]
    assert placed(asking, Places(9, {A: 3}, Counter({A: 1}))) == [(9, "main", 1), (8, "main", 2), (7, "reserve", 1)]


def test_equal_points_are_ordered_by_the_drawn_lot() -> None:
    asking = [candidate(5, None, number) for number in range(1, 9)]
    by_lot = [one.application.int for one in sorted(asking, key=lambda one: one.lot)]
    assert [number for number, _, _ in placed(asking, Places(8, None, Counter()))] == by_lot
    assert len({one.lot for one in asking}) == len(asking)
