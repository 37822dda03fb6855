"""For every operation of the API that writes: two workers, each about to call it with a request that is good."""

from tests.api.writing_acts import of_awards, of_cases, of_covers, of_papers, of_people
from tests.api.writing_acts.stage import ARRANGED, Act, Stage

__all__ = ["ARRANGED", "Act", "Stage", "of_awards", "of_cases", "of_covers", "of_papers", "of_people"]
