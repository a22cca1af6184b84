"""One execution of a plan for tests, as the command line would have it."""

import random
import time

from scratch import Scratch

from git_pliny.executor.coordinator import Coordinator, Ending
from git_pliny.executor.desk import Desk
from git_pliny.executor.options import Options, Order
from git_pliny.executor.progress import Reporter
from git_pliny.executor.workers import Workers
from git_pliny.masking import Masker
from git_pliny.model.codec import encode_masked
from git_pliny.model.plan import Plan
from git_pliny.model.settings import MaskingSettings, Settings
from git_pliny.store.run import Run

MASKER = Masker({}, MaskingSettings())


def coordinated(
    scratch: Scratch,
    run: Run,
    plan: Plan,
    settings: Settings,
    *,
    reporter: Reporter,
    workers: Workers,
    options: Options | None = None,
) -> Ending:
    """Execute the plan in the session of `run`; the workers are closed afterwards."""
    order = Order(
        plan=plan,
        plan_file=None,
        settings=settings,
        options=options or Options(),
        root=scratch.root,
        environ=scratch.environ,
        masking=MASKER,
        monotonic=time.monotonic,
        rng=random.Random(0),
    )
    desk = Desk(order=order, run=run, reporter=reporter, workers=workers)
    ending = Coordinator(desk, encode_masked(plan, MASKER.mask_value)).execute()
    workers.close()
    return ending
