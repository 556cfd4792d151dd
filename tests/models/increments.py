"""A process that adds to one counter, read first and written then: `python -m tests.models.increments URL TIMES`."""

import sys
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared_models import SchedulerLease
from shared_models.engine import WRITES, sync_engine


def main(url: str, times: int) -> None:
    engine = sync_engine(url)

    def add_one(_number: int) -> None:
        with Session(engine) as session:
            session.connection(execution_options=WRITES)
            beat = session.scalar(select(SchedulerLease.beat)) or 0
            session.execute(update(SchedulerLease).values(beat=beat + 1))
            session.commit()

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(add_one, range(times)))
    engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
