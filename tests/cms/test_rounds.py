"""Equal questions that wait at the same time: asked once, and never answered from before they came."""

import asyncio
import random

from cms.behind import WAIT_S
from queuepulse.cms.rounds import Rounds
from queuepulse.ports import BoardUnreachable


def test_a_question_is_never_answered_by_a_round_that_began_before_it_came() -> None:
    async def course() -> None:
        rounds: Rounds[str, int] = Rounds()
        begun, gates = 0, [asyncio.Event() for _ in range(3)]

        async def ask() -> int:
            nonlocal begun
            begun += 1
            number = begun
            await gates[number - 1].wait()
            return number

        first = asyncio.create_task(rounds.ask("q", ask))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        later = [asyncio.create_task(rounds.ask("q", ask)) for _ in range(5)]
        other = asyncio.create_task(rounds.ask("other", ask))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert begun == 2  # the first, and the other question
        later[0].cancel()
        for gate in gates:
            gate.set()
        async with asyncio.timeout(WAIT_S):
            assert await first == 1
            assert await other == 2
            assert await asyncio.gather(*later[1:]) == [3] * 4
            assert await rounds.ask("q", last) == 4

    async def last() -> int:
        return 4

    asyncio.run(course())


def test_rounds_of_a_question_never_run_at_once_whoever_comes_when() -> None:
    async def course() -> None:
        rounds: Rounds[str, int] = Rounds()
        chance = random.Random(7)
        running = begun = 0

        async def ask() -> int:
            nonlocal running, begun
            begun += 1
            running += 1
            assert running == 1
            number = begun
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            running -= 1
            return number

        async def asker() -> None:
            for _ in range(100):
                for _ in range(chance.randrange(6)):
                    await asyncio.sleep(0)
                before = begun
                assert await rounds.ask("q", ask) > before

        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(*(asker() for _ in range(8)))
        assert 100 <= begun < 800

    asyncio.run(course())


def test_a_round_that_fails_fails_for_all_who_share_it_and_for_nobody_after() -> None:
    async def course() -> None:
        rounds: Rounds[str, int] = Rounds()
        fails = True

        async def ask() -> int:
            await asyncio.sleep(0)
            if fails:
                raise BoardUnreachable("gone")
            return 1

        told = await asyncio.gather(*(rounds.ask("q", ask) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(one, BoardUnreachable) for one in told)
        fails = False
        assert await rounds.ask("q", ask) == 1

    asyncio.run(course())
