"""Cases about the cases: that a row nobody meant to write is seen, and that each begins from the same rows."""

from shared_models import PicTeam
from tests.contract import world
from tests.contract.api import Api


def test_a_row_changed_beside_the_stack_is_seen(api: Api) -> None:
    before = api.everything()
    again = api.everything()
    api.change(PicTeam, world.TEAM_ID, slack_handle="@other")

    assert again == before
    assert api.everything() != before


def test_a_row_written_by_the_stack_is_seen(api: Api) -> None:
    before = api.everything()
    answer = api.post("/job-categories", {"name": "One more"})
    after = api.everything()

    assert answer.status == 201
    assert [name for name in after if after[name] != before[name]] == ["job_categories"]


def test_a_case_begins_from_the_world_whatever_the_last_one_left(api: Api) -> None:
    before = api.everything()
    for _ in range(2):
        api.change(PicTeam, world.TEAM_ID, slack_handle="@other")
        api.stack.start_over()

        assert api.everything() == before
        api.stack.start_over()
        assert api.everything() == before
